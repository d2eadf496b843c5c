"""Seal what waits in every institution and at every partner."""

from typing import Final

from consentry.store import houses, institutions, sealing
from consentry.store.session import Session
from consentry.usecases.audit.seal import seal_audit

_MOST_ROUNDS: Final = 200


async def seal_waiting(session: Session) -> int:
    """Seal the entries that wait, house by house, and give how many were sealed.

    Raises:
        TemporarilyUnavailable: the store can't be reached or can't write; what was sealed stays sealed.
    """
    async with session.begin() as connection:
        await institutions.show(connection, *await houses.all_ids(connection))
        waiting = await sealing.waiting(connection)
    sealed = 0
    for institution_id in waiting:
        for _ in range(_MOST_ROUNDS):
            count = await seal_audit(session, institution_id)
            sealed += count
            if not count:
                break
    return sealed
