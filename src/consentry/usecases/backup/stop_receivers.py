"""Stop apps and intermediaries once more that were stopped after a backup, and end registration tokens that were."""

from collections.abc import Mapping
from dataclasses import dataclass

from consentry.domain import restoration
from consentry.domain.application import ApplicationStatus, IntermediaryStatus
from consentry.domain.audit import AuditEntry
from consentry.domain.restoration import Restrictions
from consentry.store import applications, audit, intermediaries, registration_tokens
from consentry.store.session import Connection


@dataclass(frozen=True, slots=True)
class StoppedReceivers:
    """How many apps and intermediaries were stopped, how many tokens ended, and how many the backup does not have."""

    stopped: int
    tokens_ended: int
    missing: int


async def stop_receivers(connection: Connection, institution_id: int, wanted: Restrictions) -> StoppedReceivers:
    """Re-apply what was decided about apps and intermediaries, each with its record and the first one named."""
    stopped = missing = ended = 0
    for (kind, subject_id), entry in wanted.stopped.items():
        stop = _stop_application if kind == "application" else _stop_intermediary
        done = await stop(connection, institution_id, subject_id, entry)
        missing += done is None
        stopped += done is True
    for entry in wanted.ended_registrations:
        intermediary_id = entry.subject_id or ""
        tokens = await registration_tokens.of_intermediary(connection, institution_id, intermediary_id)
        ends = restoration.registration_ends(tokens, entry)
        if ends:
            await registration_tokens.end(connection, institution_id, intermediary_id, ends)
            told = {token.number: token.display for token in tokens}
            await _record(
                connection,
                institution_id,
                entry,
                action=restoration.REGISTRATION_ENDED,
                after={"registration_tokens": [{"token": told[n], "expires_at": at.isoformat()} for n, at in ends]},
            )
        ended += len(ends)
    return StoppedReceivers(stopped=stopped, tokens_ended=ended, missing=missing)


async def _stop_application(
    connection: Connection, institution_id: int, application_id: str, entry: AuditEntry
) -> bool | None:
    """Stop an app; False if it is stopped already, None if the backup does not have it."""
    found = await applications.find(connection, institution_id, application_id)
    if found is None:
        return None
    before, after, reason = found.app.status, ApplicationStatus.DISABLED, restoration.text_of(entry)
    if before is after:
        return False
    await applications.move(connection, institution_id, application_id, before=before, after=after, reason=reason)
    await applications.record_decision(
        connection,
        institution_id,
        application_id,
        before=before,
        after=after,
        reason=reason,
        actor=restoration.actor_of(entry),
    )
    await _record(
        connection, institution_id, entry, action=entry.action, after={"status": after.value, "reason": reason}
    )
    return True


async def _stop_intermediary(
    connection: Connection, institution_id: int, intermediary_id: str, entry: AuditEntry
) -> bool | None:
    """Stop an intermediary; False if it is stopped already, None if the backup does not have it."""
    found = await intermediaries.find(connection, institution_id, intermediary_id)
    if found is None:
        return None
    before, after, reason = found.status, IntermediaryStatus.DISABLED, restoration.text_of(entry)
    if before is after:
        return False
    await intermediaries.move(connection, institution_id, intermediary_id, before=before, after=after, reason=reason)
    await _record(
        connection, institution_id, entry, action=entry.action, after={"status": after.value, "reason": reason}
    )
    return True


async def _record(
    connection: Connection, institution_id: int, entry: AuditEntry, *, action: str, after: Mapping[str, object]
) -> None:
    await audit.record(
        connection,
        institution_id,
        action=action,
        actor=restoration.actor_of(entry),
        subject=(entry.subject_kind, entry.subject_id),
        after={**after, **restoration.provenance(entry)},
    )
