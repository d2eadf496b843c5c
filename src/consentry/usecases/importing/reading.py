"""Cutting an input into chunks: the same bytes always give the same chunks, so that a later run can go on.

Owns lines, their length and the running digest; what a line says is left to lines.py.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from consentry.domain.importing import LONGEST_LINE

CHUNK_LINES: Final = 2_000
CHUNK_BYTES: Final = 2 * 1024 * 1024
# Goes into every digest: what an earlier version of the product has staged is not continued when the rules change.
_RULES: Final = b"consentry import 1\n"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some lines: `number` counts chunks from 0, `first_line` lines from 1; a line that is too long is None.

    `digest` and `bytes_read` are of the input from its beginning to the end of the chunk.
    """

    number: int
    first_line: int
    lines: list[bytes | None]
    digest: bytes
    bytes_read: int

    @property
    def last_line(self) -> int:
        """Give the number of the last line."""
        return self.first_line + len(self.lines) - 1


def is_blank(line: bytes | None) -> bool:
    """Tell whether a line holds nothing, so that it does not count."""
    return line is not None and (not line or line.isspace())


def chunks(stream: BinaryIO) -> Iterator[Chunk]:
    """Read an input to its end, in chunks of at most 2,000 lines or little more than 2 MiB.

    Raises:
        OSError: it can't be read.
    """
    digest = hashlib.sha256(_RULES)
    number = bytes_read = 0
    first_line = 1
    while True:
        lines: list[bytes | None] = []
        size = 0
        while len(lines) < CHUNK_LINES and size < CHUNK_BYTES:
            line = stream.readline(LONGEST_LINE + 2)
            if not line:
                break
            digest.update(line)
            size += len(line)
            if len(line.rstrip(b"\r\n")) <= LONGEST_LINE:
                lines.append(line)
                continue
            lines.append(None)
            while line and not line.endswith(b"\n"):
                line = stream.readline(LONGEST_LINE)
                digest.update(line)
                size += len(line)
        if not lines:
            return
        bytes_read += size
        if number == 0 and lines[0] is not None:
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        yield Chunk(number, first_line, lines, digest.digest(), bytes_read)
        number += 1
        first_line += len(lines)
