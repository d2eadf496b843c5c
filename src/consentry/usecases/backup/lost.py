"""The decisions that were taken after a backup, from exports of the audit or from the database that is replaced.

The chain shows that a record continues the backup and has no gap; one that does not is refused. What of the record is
re-applied is domain/restoration.py's business.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from consentry.domain.audit import AuditEntry, next_hash
from consentry.store.backups.errors import BackupError
from consentry.store.backups.manifest import Manifest
from consentry.usecases.audit.export import ExportedEntry, MalformedExport, read_line


@dataclass(slots=True)
class LaterEntries:
    """What is known of one institution's audit after a backup; `reaches`: the record got as far as the backup."""

    sequence: int
    hash: bytes
    reaches: bool = False
    entries: dict[UUID, AuditEntry] = field(default_factory=dict)

    def take(self, found: ExportedEntry, *, origin: str) -> None:
        """Take the next entry of a record; those from before the backup are passed over.

        Raises:
            BackupError: `record_does_not_follow`.
        """
        sealed = found.sealed
        if sealed.sequence is None or sealed.hash is None:
            self.reaches = self.reaches or self.sequence == 0
            self.entries[sealed.entry.entry_id] = sealed.entry
            return
        if sealed.sequence > self.sequence + 1:
            raise _does_not_follow(found, origin, f"entries from {self.sequence + 1} on are missing")
        if sealed.sequence == self.sequence + 1:
            if next_hash(self.hash, sealed.entry) != sealed.hash:
                raise _does_not_follow(found, origin, f"entry {sealed.sequence} does not continue the backup's chain")
            self.sequence, self.hash = sealed.sequence, sealed.hash
            self.entries[sealed.entry.entry_id] = sealed.entry
        elif sealed.sequence == self.sequence and sealed.hash != self.hash:
            raise _does_not_follow(found, origin, f"entry {sealed.sequence} is another one than in the backup")
        self.reaches = self.reaches or sealed.sequence == self.sequence

    @property
    def last(self) -> AuditEntry | None:
        """Give the youngest entry."""
        return max(self.entries.values(), key=lambda entry: entry.at, default=None)


@dataclass(frozen=True, slots=True)
class LostDecisions:
    """What is known of the audit after a backup, by the public id of each institution in it."""

    by_institution: dict[str, LaterEntries]

    @staticmethod
    def after(manifest: Manifest) -> "LostDecisions":
        """Begin where a backup ends, with nothing known."""
        return LostDecisions(
            {
                institution.public_id: LaterEntries(institution.chain_sequence, bytes.fromhex(institution.chain_hash))
                for institution in manifest.institutions
            }
        )

    def take(self, entries: Iterable[ExportedEntry], *, origin: str) -> None:
        """Take a record's entries; those of institutions that the backup does not have are passed over.

        Raises:
            BackupError: `record_does_not_follow`.
        """
        for found in entries:
            known = self.by_institution.get(found.institution)
            if known is not None:
                known.take(found, origin=origin)

    def uncovered(self) -> list[str]:
        """Give the institutions whose audit after the backup is not known."""
        return [public_id for public_id, known in self.by_institution.items() if not known.reaches]


def read_exports(files: Iterable[Path], manifest: Manifest) -> LostDecisions:
    """Read exports of the audit, as `consentry audit export` writes them, in the order in which they were made.

    Raises:
        BackupError: `export_unreadable`, or `record_does_not_follow` when one does not continue the backup without a
        gap.
    """
    lost = LostDecisions.after(manifest)
    is_record = False
    for file in files:
        lost.take(_lines(file), origin=str(file))
        is_record = True
    if is_record and not any(known.reaches for known in lost.by_institution.values()):
        raise BackupError(
            "record_does_not_follow",
            "What was exported ends before the backup was made, or is of another installation: export the audit that "
            "came after.",
        )
    return lost


def _lines(file: Path) -> Iterable[ExportedEntry]:
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                yield _read(file, number=number, line=line)
    except OSError as error:
        raise BackupError("export_unreadable", f"The audit export {file} can't be read ({error.strerror}).") from None


def _read(file: Path, *, number: int, line: bytes) -> ExportedEntry:
    try:
        return read_line(line)
    except MalformedExport as error:
        raise BackupError("export_unreadable", f"Line {number} of {file} is no audit entry ({error}).") from None


def _does_not_follow(found: ExportedEntry, origin: str, what: str) -> BackupError:
    return BackupError(
        "record_does_not_follow",
        f"The audit of {found.institution} in {origin} does not follow the backup: {what}. Give a whole, unchanged "
        "export that was made after the backup; several are given in the order of their making.",
    )
