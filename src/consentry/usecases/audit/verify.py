"""Verify the audit: recompute the chain and name the first place where it does not hold."""

from collections.abc import Callable
from dataclasses import dataclass

from consentry.domain.audit import GENESIS, next_hash
from consentry.store import sealing
from consentry.store.session import Session


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """What verification found: entries read, how many are sealed, and a sentence for each fault (none: all is well)."""

    entries: int
    sealed: int
    last_hash: bytes
    faults: tuple[str, ...]


async def verify_audit(
    session: Session,
    institution_id: int,
    *,
    statements: dict[int, bytes],
    on_progress: Callable[[int], None] = lambda _: None,
) -> AuditVerdict:
    """Recompute an institution's chain from its entries.

    `statements` are hashes by sequence number from checkpoints kept elsewhere: they alone can show that the end was cut
    off or that the whole chain was made anew. `on_progress` is told the number of entries read, every thousand.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    faults: list[str] = []
    entries = sealed = 0
    expected = GENESIS
    async with session.begin(institution_id, snapshot=True) as connection:
        head = await sealing.head(connection, institution_id)
        async for found in sealing.sealed_entries(connection, institution_id):
            entries += 1
            if found.sequence is not None:
                expected = next_hash(expected, found.entry)
                sealed += 1
                faults += _faults_of(found, number=sealed, expected=expected, witnessed=statements.get(sealed))
                expected = found.hash or expected
            if entries % 1000 == 0:
                on_progress(entries)
        if orphans := await sealing.orphaned_seals(connection, institution_id):
            faults.append(f"{orphans} sealed entries are missing from the audit.")
    if head.sequence != sealed or head.hash != expected:
        faults.append(f"The chain ends at entry {sealed}, but {head.sequence} were sealed.")
    faults += [
        f"A checkpoint witnesses entry {sequence}, but the chain ends at {sealed}."
        for sequence in sorted(statements)
        if sequence > sealed
    ]
    return AuditVerdict(entries=entries, sealed=sealed, last_hash=expected, faults=tuple(faults))


def _faults_of(found: sealing.SealedEntry, *, number: int, expected: bytes, witnessed: bytes | None) -> list[str]:
    faults = []
    if found.sequence != number:
        faults.append(f"Entry {number} of the chain is missing; {found.sequence} follows.")
    if found.hash != expected:
        faults.append(f"Entry {found.sequence} ({found.entry.entry_id}) is not what was sealed.")
    if witnessed is not None and witnessed != found.hash:
        faults.append(f"Entry {found.sequence} does not have the hash that its checkpoint witnesses.")
    return faults
