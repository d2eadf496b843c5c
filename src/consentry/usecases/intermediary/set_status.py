"""Stop an intermediary with all its apps, or let it in again; consents and the apps' own statuses stay as they are."""

from typing import Final

from consentry.domain.actor import Actor
from consentry.domain.application import IntermediaryStatus
from consentry.domain.refusal.institution import ChangedMeanwhile
from consentry.domain.refusal.request import NotFound
from consentry.domain.staff import check_reason
from consentry.store import audit, events, intermediaries
from consentry.usecases.services import Services

_NAMES: Final = {
    IntermediaryStatus.DISABLED: ("intermediary.disabled", "INTERMEDIARY_DISABLED"),
    IntermediaryStatus.ACTIVE: ("intermediary.enabled", "INTERMEDIARY_ENABLED"),
}


async def set_intermediary_status(
    services: Services,
    institution_id: int,
    intermediary_id: str,
    status: IntermediaryStatus,
    *,
    reason: str,
    actor: Actor,
) -> None:
    """Disable an intermediary or enable it, with a reason that is kept; of two who decide at once, one is refused.

    Raises:
        InvalidSettings: `reason`; it is missing, too short or too long.
        NotFound: the institution has no such intermediary.
        ChangedMeanwhile: it has this status by now.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    said = check_reason(reason)
    action, event = _NAMES[status]
    async with services.session.begin(institution_id) as connection:
        found = await intermediaries.find(connection, institution_id, intermediary_id)
        if found is None:
            raise NotFound
        if found.status is status or not await intermediaries.move(
            connection, institution_id, intermediary_id, before=found.status, after=status, reason=said
        ):
            raise ChangedMeanwhile
        reach = await intermediaries.reach(connection, institution_id, intermediary_id)
        facts = {
            "status": status.value,
            "reason": said,
            "apps": reach.active_apps,
            "live_consents": reach.live_consents,
        }
        await audit.record(
            connection,
            institution_id,
            action=action,
            actor=actor,
            subject=("intermediary", intermediary_id),
            before={"status": found.status.value},
            after=facts,
        )
        await events.record(
            connection, institution_id, kind=event, detail={"intermediary_id": intermediary_id, **facts}
        )
