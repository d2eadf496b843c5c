"""Audit entries: written in the transaction of what they tell of, read in the order of the chain."""

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from consentry.domain.actor import Actor
from consentry.store.session import Connection


async def record(
    connection: Connection,
    institution_id: int,
    *,
    action: str,
    actor: Actor,
    subject: tuple[str, str | None],
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    outcome: str = "done",
) -> None:
    """Write one entry; `subject` is its kind and id. Never pass a secret, not even a hashed one."""
    await connection.execute(
        """insert into consentry.audit_entries (institution_id, entry_id, at, action, outcome, actor_kind, actor_id,
                                                subject_kind, subject_id, before, after, source, request_id)
           values ($1, consentry.time_ordered_id(consentry.now()), consentry.now(),
                   $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        institution_id,
        action,
        outcome,
        actor.kind.value,
        actor.actor_id,
        *subject,
        _json(before),
        _json(after),
        actor.source,
        actor.request_id,
    )


async def has_lately(
    connection: Connection,
    institution_id: int,
    *,
    action: str,
    actor: Actor,
    subject: tuple[str, str],
    within: timedelta,
) -> bool:
    """Tell whether an actor did this with a subject not longer ago than that; subjects have few entries each."""
    found: bool = await connection.fetchval(
        """select coalesce(max(at) > consentry.now() - $7::interval, false) from consentry.audit_entries
           where institution_id = $1 and subject_kind = $2 and subject_id = $3
             and action = $4 and actor_kind = $5 and actor_id = $6 and outcome = 'done'""",
        institution_id,
        *subject,
        action,
        actor.kind.value,
        actor.actor_id,
        within,
    )
    return found


def _json(members: Mapping[str, object] | None) -> str | None:
    return None if members is None else msgspec.json.encode(dict(members)).decode()
