"""An input, read chunk by chunk, with what an earlier run staged of it left out.

Runs in a thread of its own; cutting into chunks is left to reading.py, the lines to lines.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from consentry.domain.importing import Fault
from consentry.domain.refusal.operating import ImportUnreadable
from consentry.store.staging import ChunkRecord, StagedRows
from consentry.usecases.importing.lines import LineReader
from consentry.usecases.importing.reading import Chunk, chunks, is_blank


@dataclass(frozen=True, slots=True)
class ReadChunk:
    """A chunk that has been read; `rows` is None if it was staged before.

    `replaces_staged`: here the input departs from what was staged before, which ends with the chunk before this one.
    """

    record: ChunkRecord
    bytes_read: int
    rows: StagedRows | None
    faults: Sequence[Fault]
    replaces_staged: bool

    @property
    def last_line(self) -> int:
        """Give the number of its last line."""
        return self.record.last_line


class Input:
    """The input of one run of an import."""

    def __init__(self, stream: BinaryIO, *, institution: str, now: datetime) -> None:
        self._chunks = chunks(stream)
        self._ahead: list[Chunk] = []
        self._reader = LineReader(institution, now)
        self._staged: Sequence[ChunkRecord] = ()
        self._next_number = 0
        self.has_content = False

    def continue_after(self, staged: Sequence[ChunkRecord]) -> None:
        """Leave out these chunks as long as the input agrees with them."""
        self._staged = staged

    @property
    def staged_chunks_left(self) -> bool:
        """Tell whether more was staged before than the input has."""
        return len(self._staged) > self._next_number

    def begins_with_institution(self) -> bool:
        """Tell whether the first line describes the institution.

        Raises:
            ImportUnreadable: it can't be read.
        """
        chunk = self._read()
        if chunk is None:
            return False
        self._ahead.append(chunk)
        return self._reader.begins_with_institution(chunk)

    def next(self) -> ReadChunk | None:
        """Read on; None at the end.

        Raises:
            ImportUnreadable: it can't be read.
        """
        chunk = self._ahead.pop() if self._ahead else self._read()
        if chunk is None:
            return None
        self._next_number = chunk.number + 1
        self.has_content = self.has_content or not all(is_blank(line) for line in chunk.lines)
        record = ChunkRecord(number=chunk.number, last_line=chunk.last_line, digest=chunk.digest)
        known = self._staged[chunk.number] if chunk.number < len(self._staged) else None
        if known == record:
            return ReadChunk(record, chunk.bytes_read, rows=None, faults=(), replaces_staged=False)
        self._staged = ()
        rows, faults = self._reader.read(chunk)
        return ReadChunk(record, chunk.bytes_read, rows=rows, faults=faults, replaces_staged=known is not None)

    def close(self) -> None:
        """Read no further."""
        self._ahead.clear()

    def _read(self) -> Chunk | None:
        try:
            return next(self._chunks, None)
        except OSError as error:
            raise ImportUnreadable(f"The file to import can't be read: {error.strerror or error}.") from None
