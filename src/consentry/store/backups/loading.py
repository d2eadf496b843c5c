"""Running a dump's SQL on an open transaction: the tables, then the rows, then what is built on the rows.

Everything happens on the caller's connection, so that a restore that ends early has never happened. Reading the dump
is left to programs.py, what is changed of it afterwards to settling.py.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

from consentry.store.backups.errors import BackupError
from consentry.store.backups.programs import Programs, script
from consentry.store.session import Connection

_BLOCK: Final = 1 << 20
_END: Final = b"\\.\n"
_COPY: Final = re.compile(r'COPY consentry\."?(?P<table>\w+)"? \((?P<columns>[^)]*)\) FROM stdin;\n')
# What psql alone understands, and a setting that older servers do not know.
_SKIPPED: Final = re.compile(rb"^(?:\\(?:un)?restrict .*|SET transaction_timeout = 0;)\n", re.MULTILINE)


async def run_section(connection: Connection, programs: Programs, section: str, *, dump: Iterator[bytes]) -> None:
    """Run `pre-data` or `post-data`."""
    async with script(programs, section, dump) as text:
        statements = _SKIPPED.sub(b"", await text.read()).decode()
    await connection.execute(statements)
    await connection.execute("reset all")


async def load_rows(
    connection: Connection, programs: Programs, *, dump: Iterator[bytes], on_progress: Callable[[int], None]
) -> None:
    """Load the rows of all tables; `on_progress` is told the bytes of them, as text, so far."""
    loaded = 0

    def count(block: bytes) -> None:
        nonlocal loaded
        loaded += len(block)
        on_progress(loaded)

    async with script(programs, "data", dump) as text:
        rows = Script(text)
        while (line := await rows.line()) is not None:
            copied = _COPY.fullmatch(line)
            if copied is not None:
                columns = [column.strip('"') for column in copied["columns"].split(", ")]
                await connection.copy_to_table(
                    copied["table"], schema_name="consentry", columns=columns, source=_counted(rows.rows(), count)
                )
            elif line.startswith("SELECT pg_catalog.setval("):
                await connection.execute(line)
            elif line.startswith("COPY "):
                raise BackupError(
                    "damaged", "The backup's dump has rows of a table that is none of ours; use another backup."
                )


async def _counted(blocks: AsyncIterator[bytes], count: Callable[[bytes], None]) -> AsyncIterator[bytes]:
    async for block in blocks:
        count(block)
        yield block


class Script:
    """The SQL of a data section: lines of SQL, and between them blocks of rows in PostgreSQL's text format."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        """Read from pg_restore's output."""
        self._stream = stream
        self._held = b""

    async def line(self) -> str | None:
        """Give the next line of SQL with its end, or None after the last."""
        while b"\n" not in self._held:
            block = await self._stream.read(_BLOCK)
            if not block:
                last, self._held = self._held, b""
                return last.decode() or None
            self._held += block
        line, _, self._held = self._held.partition(b"\n")
        return line.decode() + "\n"

    async def rows(self) -> AsyncIterator[bytes]:
        r"""Give the rows up to the line `\.`, in blocks; in rows a backslash is doubled, so that none is such a line.

        Raises:
            BackupError: `damaged` when that line is missing.
        """
        while len(self._held) < len(_END) and await self._more():
            pass
        if self._held.startswith(_END):
            self._held = self._held[len(_END) :]
            return
        while (end := self._held.find(b"\n" + _END)) < 0:
            keep = len(_END)
            if len(self._held) > keep:
                yield self._held[:-keep]
                self._held = self._held[-keep:]
            if not await self._more():
                raise BackupError("damaged", "The backup's dump ends in the middle of a table; use another backup.")
        rows, self._held = self._held[: end + 1], self._held[end + 1 + len(_END) :]
        yield rows

    async def _more(self) -> bool:
        block = await self._stream.read(_BLOCK)
        self._held += block
        return bool(block)
