"""Ids of others as one part of a path: any text that an import took, in characters that no proxy or browser changes.

Percent-encoded slashes and dots are decoded, joined or dropped on the way by one party or another (R95); so what is not
a letter, a digit, `-`, `_` or a dot behind the first place is written `~` and its two hexadecimal digits.
"""

import re
from typing import Final

from consentry.domain.importing import is_visible_id

_ESCAPED: Final = re.compile(r"~([0-9A-F]{2})")
_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def segment(text: str) -> str:
    """Write an id (visible ASCII) as a part of a path."""
    return "".join(
        character
        if character in _PLAIN or (character == "." and place)
        else "".join(f"~{byte:02X}" for byte in character.encode())
        for place, character in enumerate(text)
    )


def id_of(part: str) -> str:
    """Read what `segment` wrote; what can be no id is the empty text."""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), part)
    return text if is_visible_id(text) else ""
