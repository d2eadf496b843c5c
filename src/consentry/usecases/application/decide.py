"""Decide about the access of an app: let it in, or stop it. Its consents stay as they are."""

from consentry.domain.actor import Actor
from consentry.domain.application import AppDecision, ApplicationStatus, decide
from consentry.domain.refusal.institution import ChangedMeanwhile
from consentry.domain.refusal.request import NotFound
from consentry.domain.staff import check_reason
from consentry.store import applications, audit, events
from consentry.usecases.services import Services


async def decide_about_app(
    services: Services, institution_id: int, application_id: str, decision: AppDecision, *, reason: str, actor: Actor
) -> ApplicationStatus:
    """Take a decision about an app, with a reason that is kept in its log, and give the status that it has then.

    What is decided holds for every request that comes after; of two who decide at once, the second is refused.

    Raises:
        InvalidSettings: `reason`; it is missing, too short or too long.
        NotFound: the institution has no such app.
        ChangedMeanwhile: the app has another status than the one that this decides about.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    said = check_reason(reason)
    async with services.session.begin(institution_id) as connection:
        found = await applications.find(connection, institution_id, application_id)
        if found is None:
            raise NotFound
        move = decide(decision, found.app.status)
        if not await applications.move(
            connection, institution_id, application_id, before=move.before, after=move.after, reason=said
        ):
            raise ChangedMeanwhile
        customers = await applications.record_decision(
            connection, institution_id, application_id, before=move.before, after=move.after, reason=said, actor=actor
        )
        facts = {"status": move.after.value, "reason": said, "customers": customers}
        await audit.record(
            connection,
            institution_id,
            action=move.action,
            actor=actor,
            subject=("application", application_id),
            before={"status": move.before.value},
            after=facts,
        )
        await events.record(connection, institution_id, kind=move.event, detail=facts, application_id=application_id)
    return move.after
