"""What commands write: one JSON document for programs, or text and tables for people.

Results go to standard output, everything else to standard error. Secrets are written only where a command's very
purpose is to show one.
"""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from rich.console import Console

    from consentry.cli.failures import Failure

_WIDE: Final = 1000


def write_document(document: object) -> None:
    """Write the one JSON document of a command with `--json`, on one line."""
    sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
    sys.stdout.flush()


def write_line(line: str) -> None:
    """Write one line of result as it is, whatever it holds."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def write_failure(failure: "Failure", *, as_json: bool) -> None:
    """Tell why a command failed, on standard error."""
    if as_json:
        document = {"error": failure.code, "error_description": failure.sentence}
        sys.stderr.write(msgspec.json.encode(document).decode() + "\n")
    else:
        sys.stderr.write(f"consentry: {failure.sentence} ({failure.code})\n")
    sys.stderr.flush()


def note(line: str) -> None:
    """Tell a person something beside the result, on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def console() -> "Console":
    """Give rich's console on standard output; lines for a file or another program are as long as they are."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)


def write_table(headings: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """Write a table; None is shown as a hyphen."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text("-" if cell is None else cell) for cell in row))
    console().print(table)


def shown_time(moment: datetime | None) -> str | None:
    """Write a time for people, to the second, in UTC; None stays None."""
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def time_text(moment: datetime) -> str:
    """Write a time as everywhere in the product's answers: `2024-06-14T19:48:18.354Z`."""
    return f"{moment.astimezone(UTC).isoformat(timespec='milliseconds')[:23]}Z"


def optional_time(moment: datetime | None) -> str | None:
    """Write a time, or None."""
    return None if moment is None else time_text(moment)
