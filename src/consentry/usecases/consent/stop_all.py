"""Stop all sharing with all apps, in one decision."""

from dataclasses import dataclass

from consentry.domain import consent
from consentry.domain.actor import Actor
from consentry.domain.consent import Consent, RevocationReason, newest_first
from consentry.store.consents import Subject
from consentry.usecases.consent.changes import ConsentChanges


@dataclass(frozen=True, slots=True)
class StoppedAll:
    """What was stopped now, and what is live still because another system decides it; both newest first."""

    stopped: tuple[Consent, ...]
    still_live: tuple[Consent, ...]


async def stop_all(
    changes: ConsentChanges, subject: Subject, *, actor: Actor, reason: str = RevocationReason.USER_ACTION
) -> StoppedAll:
    """End every live consent of the customer in one transaction, each with its own history, audit entry and event.

    Asked again, or at the same moment by another page, nothing is stopped twice; `stopped` is empty then. A consent
    that the customer gives meanwhile either is stopped as well or comes afterwards. Mirrored consents are left alone.

    Raises:
        InvalidToken: who asks is not known; nothing was stopped.
        TemporarilyUnavailable: the store failed; either all were stopped or none.
    """
    applied = await changes.apply_to_all(subject, consent.stop_sharing(reason=str(reason)), actor=actor)
    return StoppedAll(
        stopped=tuple(newest_first(applied.changed)),
        still_live=tuple(newest_first(found for found, _ in applied.refused)),
    )
