"""Lists that are read page by page: where a page begins, how far they are counted, and beginnings of names."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

COUNTED_UP_TO: Final = 1_001
"""A list says how long it is up to one less than this."""
_LAST_CHARACTER: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class After:
    """The last entry of a page, after which the next one begins: its value in the list's order, and its id."""

    value: str | datetime | int
    entry_id: str


def begins_with(column: str, place: int) -> str:
    """Give the condition that a column begins with the text bound at `place`, in any case.

    The column holds lower case in the order of bytes, where everything that begins so stands together.
    """
    text = f"lower(${place}::text)"
    return f"{column} >= {text} and {column} < {text} || '{_LAST_CHARACTER}'"
