"""Ids of others as one part of a path: any text that an import took, in characters that no proxy or browser changes.

Percent-encoding is undone, merged and normalised by proxies, servers and browsers alike (`%2F`, `%2E%2E`), each as it
likes. Here `~` stands for its `%`: letters, digits, `-` and `_` stand for themselves, everything else is `~` and two
hexadecimal digits, read in one place and in one spelling only (R95).
"""

import re
from typing import Final

from consentry.domain.importing import is_visible_id

_ESCAPED: Final = re.compile(r"~([0-9A-F]{2})")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]")


def segment(text: str) -> str:
    """Write an id (visible ASCII) as a part of a path."""
    return "".join(c if _PLAIN.fullmatch(c) else "".join(f"~{byte:02X}" for byte in c.encode()) for c in text)


def id_of(part: str) -> str:
    """Read what `segment` wrote; what can be no id, or is spelt otherwise, is the empty text."""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), part)
    return text if is_visible_id(text) and segment(text) == part else ""
