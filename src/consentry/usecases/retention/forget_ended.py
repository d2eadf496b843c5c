"""Delete consents that ended longer ago than they have to be kept, with their history; the audit counts them."""

from datetime import timedelta
from typing import Final

from consentry.config import Retention
from consentry.domain.actor import Actor, ActorKind
from consentry.store import audit, ended_consents, institutions
from consentry.store.session import Session

_AT_ONCE: Final = 200
_MOST_TIMES: Final = 5_000
_WORKER: Final = Actor(ActorKind.SYSTEM, "worker")


async def forget_ended(session: Session, retention: Retention, *, at_once: int = _AT_ONCE) -> int:
    """Delete what need not be kept of every institution, `at_once` consents a transaction; give how many consents.

    Raises:
        TemporarilyUnavailable: the store can't be reached, or is too busy; what was deleted stays deleted.
    """
    async with session.connection() as connection:
        ids = await institutions.all_ids(connection)
    total = 0
    for institution_id in ids:
        for _ in range(_MOST_TIMES):
            deleted = await _forget_some(session, institution_id, retention, at_once=at_once)
            total += deleted
            if deleted < at_once:
                break
    return total


async def _forget_some(session: Session, institution_id: int, retention: Retention, *, at_once: int) -> int:
    async with session.begin(institution_id) as connection:
        forgotten = await ended_consents.forget(
            connection, institution_id, keep=timedelta(days=retention.consent_days), most=at_once
        )
        if forgotten.consents:
            (institution,) = await institutions.visible(connection)
            await audit.record(
                connection,
                institution_id,
                action="consents.forgotten",
                actor=_WORKER,
                subject=("institution", institution.public_id),
                after={
                    "consents": forgotten.consents,
                    "changes": forgotten.changes,
                    "kept_days": retention.consent_days,
                },
            )
    return forgotten.consents
