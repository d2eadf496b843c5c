"""Screenshots of every screen and state, in build/screenshots, with an index page for a person to look through.

A screen is one folder, a variant one file in it; the index is made from what lies there, so that processes that run
beside each other need not know of each other: whoever ends last has seen everything.
"""

import html
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.async_api import Page

FOLDER = Path(__file__).parents[2] / "build" / "screenshots"


@dataclass(frozen=True, slots=True)
class Variant:
    """How a screen is looked at."""

    scheme: Literal["light", "dark"]
    width: int

    def __str__(self) -> str:
        return f"{self.scheme}-{self.width}"


MATRIX = tuple(Variant(scheme, width) for scheme in ("light", "dark") for width in (320, 512, 1200))
HEIGHTS: Mapping[int, int] = {320: 640, 512: 800, 1200: 900}


async def look(page: Page, variant: Variant) -> None:
    """Let a page be seen in a variant, with nothing moving: what fades in has other colours meanwhile."""
    await page.emulate_media(color_scheme=variant.scheme, reduced_motion="reduce")
    await page.set_viewport_size({"width": variant.width, "height": HEIGHTS[variant.width]})


async def shoot(page: Page, area: str, screen: str, variant: Variant, *, whole: bool = True) -> None:
    """Keep what a page shows under the name of its screen: the `whole` page, or what its window shows."""
    folder = FOLDER / area / screen
    folder.mkdir(parents=True, exist_ok=True)
    if whole:
        # A frame of another site is drawn as far as the window shows it: so the window is made as high as the page.
        height = await page.evaluate("document.documentElement.scrollHeight")
        await page.set_viewport_size({"width": variant.width, "height": max(height, HEIGHTS[variant.width])})
    for frame in page.frames:
        await frame.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    await page.screenshot(path=folder / f"{variant}.png", animations="disabled", caret="hide")
    await page.set_viewport_size({"width": variant.width, "height": HEIGHTS[variant.width]})


def write_index() -> None:
    """Make the index page of everything that was shot."""
    if not FOLDER.exists():
        return
    areas = sorted(path for path in FOLDER.iterdir() if path.is_dir())
    body = "".join(f"<h2>{_words(area.name)}</h2>{''.join(map(_screen, sorted(area.iterdir())))}" for area in areas)
    unfinished = FOLDER / f"index.{os.getpid()}"
    unfinished.write_text(_PAGE.format(body=body), encoding="utf-8")
    unfinished.replace(FOLDER / "index.html")


def _screen(folder: Path) -> str:
    shots = "".join(
        f'<figure><a href="{address}"><img loading="lazy" src="{address}" alt="{_words(folder.name)}, {shot.stem}"></a>'
        f"<figcaption>{shot.stem}</figcaption></figure>"
        for shot in sorted(folder.glob("*.png"), key=lambda shot: (shot.stem.partition("-")[0], len(shot.stem), shot))
        for address in [html.escape(shot.relative_to(FOLDER).as_posix())]
    )
    return f"<h3>{_words(folder.name)}</h3><div>{shots}</div>"


def _words(slug: str) -> str:
    return html.escape(slug.replace("-", " ").capitalize())


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Screens of consentry</title>
<style>
body {{ font: 16px/1.4 system-ui, sans-serif; margin: 2rem; background: #777; color: #fff }}
div {{ display: flex; gap: 1rem; align-items: start; overflow-x: auto; padding-bottom: 1rem }}
figure {{ margin: 0; flex: none }} img {{ max-height: 480px; border: 1px solid #000; display: block }}
</style>
<h1>Screens of consentry</h1>
{body}
</html>
"""
