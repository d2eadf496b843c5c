"""Accessibility as axe-core sees it: WCAG 2.2 to level AA, and its best practices."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from playwright.async_api import Frame, Page

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


CONTRAST = ("color-contrast", "link-in-text-block")
"""The rules whose verdict depends on the colours; they are asked again in the dark."""


@cache
def _script() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


async def violations(page: Page | Frame, *, rules: Sequence[str] | None = None) -> list[str]:
    """Give a line for each element of a document that breaks a rule: any that counts here, or one of `rules`."""
    only = {"type": "tag", "values": list(TAGS)} if rules is None else {"type": "rule", "values": list(rules)}
    options = json.dumps({"runOnly": only, "resultTypes": ["violations"], "iframes": False})
    # The page's policy forbids scripts of others; what the debugger evaluates is not the page's, and passes.
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(f"() => {{ {_script()} }}")
    result: dict[str, Any] = await page.evaluate(f"axe.run(document, {options})")
    return [
        f"{found['id']}: {found['help']}: {node['html'][:200]} ({_reasons(node)})"
        for found in result["violations"]
        for node in found["nodes"]
    ]


def _reasons(node: dict[str, Any]) -> str:
    return "; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind])
