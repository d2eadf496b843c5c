"""Seal the audit: chain every finished entry to the one before it."""

from typing import Final

from consentry.domain.audit import next_hash
from consentry.store import sealing
from consentry.store.sealing import ChainHead, Seal
from consentry.store.session import Session

_MOST_AT_ONCE: Final = 5_000


async def seal_audit(session: Session, institution_id: int) -> int:
    """Seal what is waiting of one institution, at most 5,000 entries; give how many were sealed.

    Raises:
        TemporarilyUnavailable: the store can't be reached or can't write; nothing was sealed.
    """
    async with session.begin(institution_id) as connection:
        head = current = await sealing.head(connection, institution_id)
        seals = []
        for written_by, entry in await sealing.next_entries(connection, institution_id, after=head, most=_MOST_AT_ONCE):
            current = ChainHead(
                sequence=current.sequence + 1,
                hash=next_hash(current.hash, entry),
                written_by=written_by,
                entry_id=entry.entry_id,
            )
            seals.append(Seal(entry_id=entry.entry_id, sequence=current.sequence, hash=current.hash))
        if seals and await sealing.append(connection, institution_id, before=head, seals=seals, after=current):
            return len(seals)
    return 0
