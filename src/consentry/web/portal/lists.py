"""Lists as files and addresses: CSV that no spreadsheet runs, and addresses that say what a page shows."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from consentry.store.lists import After

PAGE: Final = 50
"""How many entries a page of a list has, unless it says otherwise."""
MOST_IN_CSV: Final = 10_000
"""How many entries a file has at most."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")  # noqa: RUF001
# Where a semicolon or a tab divides the columns, a formula can begin behind one.
_FORMULA_BEHIND: Final = re.compile(r"([;\t]\s*)(?=[=+@|%＝＋－＠-])")  # noqa: RUF001
_LONGEST_FILTER: Final = 255  # as long as any id or address


def csv_answer(name: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Answer with a CSV file (RFC 4180); what a spreadsheet would take for a formula gets an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(headings)
    writer.writerows([neutral(cell) for cell in row] for row in rows)
    return Response(
        text.getvalue().encode("utf-8-sig"),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            "Referrer-Policy": "no-referrer",
        },
    )


def neutral(cell: object) -> str:
    """Give a cell as text that no spreadsheet takes for a formula; numbers stay numbers."""
    if cell is None:
        return ""
    if isinstance(cell, int | float | Decimal):
        return str(cell)
    text = _FORMULA_BEHIND.sub(r"\1'", str(cell).replace("\x00", ""))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text.startswith(_FORMULA) else text


def filters(request: Request, *names: str) -> dict[str, str]:
    """Give the filters of a list from its address: trimmed, at most 255 characters; absent ones are empty."""
    return {name: _plain(request.query_params.get(name, "")) for name in names}


def told_of(request: Request, told: Mapping[str, str]) -> str:
    """Give the sentence for what was just done, which the address names as `notice`; none if it names no such thing."""
    return told.get(request.query_params.get("notice", ""), "")


def after_of(request: Request, read: Callable[[str], str | int | datetime]) -> After | None:
    """Give where a page of a list begins, by its address; one whose value `read` can't read is the first page."""
    value, entry_id = request.query_params.get("after", ""), request.query_params.get("after_id", "")
    if not entry_id or "\x00" in value + entry_id:
        return None
    try:
        return After(read(value), entry_id)
    except (ValueError, OverflowError):
        return None


def following_of(after: After | None) -> dict[str, object] | None:
    """Give what in the address leads to the next page, None on the last."""
    if after is None:
        return None
    value = after.value.isoformat() if isinstance(after.value, datetime) else after.value
    return {"after": value, "after_id": after.entry_id}


def moment_of(text: str) -> datetime:
    """Read a time with its zone.

    Raises:
        ValueError, OverflowError: it is none.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)


def id_in(text: str) -> UUID | None:
    """Give the id that a text is, None where it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def address(path: str, query: Iterable[tuple[str, str]], changes: Mapping[str, object] | None = None) -> str:
    """Give an address with a query, of which some values are changed; None and empty ones are left out."""
    merged: dict[str, object] = dict(query)
    merged.update(changes or {})
    kept = {name: str(value) for name, value in merged.items() if value not in (None, "")}
    return f"{path}?{urlencode(kept)}" if kept else path


def _plain(text: str) -> str:
    return "".join(character for character in text.strip()[:_LONGEST_FILTER] if character.isprintable())
