"""What an import is asked to do, what it tells on its way, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO
from uuid import UUID

from consentry.domain.importing import Fault


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """An input to bring in: whose it is (a public id), its name for the records, its size in bytes if that is known.

    With `mirror` the consents are read-only here and follow each such import.
    """

    institution: str
    name: str
    stream: BinaryIO = field(repr=False)
    size: int | None = None
    mirror: bool = False


class Stage(StrEnum):
    """What an import is doing."""

    READING = "reading"
    CHECKING = "checking"
    PUBLISHING = "publishing"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: bytes while reading, lines while publishing; `total` is None where it is not known.

    `resumed_lines` is how many lines an earlier run of the same import had staged.
    """

    stage: Stage
    done: int
    total: int | None
    lines: int
    resumed_lines: int = 0


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What came of an import: with faults, at most 20 of them, nothing was changed.

    `counts` says by name what was added, changed or left as it is; `digest` is of all that was read.
    """

    import_id: UUID
    lines: int
    resumed_lines: int
    faults: tuple[Fault, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    digest: bytes | None = None
    institution_added: bool = False

    @property
    def is_published(self) -> bool:
        """Tell whether the input was valid, and so was published."""
        return not self.faults
