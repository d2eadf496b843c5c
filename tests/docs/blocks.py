"""The examples of a guide, as a reader would copy them out of it."""

import re
from pathlib import Path

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def example(guide: str, language: str, *, containing: str = "") -> str:
    """Give the one block in this language in which this stands."""
    found = [
        block["text"]
        for block in _BLOCK.finditer((GUIDES / guide).read_text())
        if block["language"] == language and containing in block["text"]
    ]
    (text,) = found
    return text
