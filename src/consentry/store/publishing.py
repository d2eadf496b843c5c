"""Publishing what is staged, following a mirrored system, and cutting over: in the caller's transaction, by whole sets.

Locks on consents are taken in the order of their keys, as everywhere. Faults have been looked for before, by
import_faults.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from consentry.domain.actor import Actor
from consentry.domain.importing import MOST_FAULTS, VANISHED_REASON
from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.store.session import Connection

_SLICE: Final = 20_000

# The consents of the mirror that the file tells anew; a consent that has ended here and is live there stays as it is.
_FOLLOW: Final = """
with due as materialized (
    select * from consentry.staged_differences d
    where d.institution_id = $1 and d.read_only and not (d.has_ended and not d.ends)
), history as (
    insert into consentry.consent_changes (institution_id, consent_id, version, at, kind, actor_kind, actor_id, detail)
    select $1, d.consent_id, (d.stored ->> 'version')::integer + 1, consentry.now(), 'mirrored', $3, $4,
           jsonb_build_object('import_id', $2::uuid, 'before', (
               select jsonb_object_agg(c.name, d.stored -> c.name) from unnest(d.columns) as c (name)))
    from due d where d.columns <> '{last_accessed}'
), followed as (
    update consentry.consents c
    set application_id = s.application_id, created_at = s.created_at, consented_on = s.consented_on,
        expires_at = s.expires_at, paused_at = s.paused_at, revoked_at = s.revoked_at, revoked_by = s.revoked_by,
        revocation_reason = s.revocation_reason, auto_share = s.auto_share, shared_accounts = s.shared_accounts,
        data_clusters = s.data_clusters, last_accessed = greatest(c.last_accessed, s.last_accessed),
        version = c.version + (d.columns <> '{last_accessed}')::integer
    from due d
    join consentry.staged_consents s on s.institution_id = $1 and s.line = d.line and s.entry = d.entry
    where c.institution_id = $1 and c.consent_id = d.consent_id
    returning c.consent_id
)
select count(*) from followed
"""

_NOTE_DIFFERENCES: Final = """
insert into consentry.import_differences (institution_id, consent_id, kind, import_id)
select $1, d.consent_id, 'kept_ended', $2::uuid
from consentry.staged_differences d
where d.institution_id = $1 and d.read_only and d.has_ended and not d.ends
union all
select $1, c.consent_id, 'vanished', $2
from consentry.consents c
where c.institution_id = $1 and c.read_only
  and c.revoked_at is null and coalesce(c.expires_at > consentry.now(), true)
  and not exists (select from consentry.staged_consents s where s.institution_id = $1 and s.consent_id = c.consent_id)
"""

_END_VANISHED: Final = """
with ended as (
    update consentry.consents c
    set revoked_at = consentry.now(), revoked_by = 'system', revocation_reason = $2, version = c.version + 1
    from consentry.import_differences d
    where d.institution_id = $1 and d.kind = 'vanished' and c.institution_id = $1 and c.consent_id = d.consent_id
      and c.revoked_at is null and coalesce(c.expires_at > consentry.now(), true)
    returning c.*
), history as (
    insert into consentry.consent_changes (institution_id, consent_id, version, at, kind, actor_kind, actor_id, detail)
    select $1, consent_id, version, revoked_at, 'revoked', $3, $4,
           jsonb_build_object('status', 'revoked', 'reason', $2::text)
    from ended
), audit as (
    insert into consentry.audit_entries (institution_id, entry_id, at, action, actor_kind, actor_id,
                                         subject_kind, subject_id, after)
    select $1, consentry.time_ordered_id(revoked_at), revoked_at, 'consent.revoked', $3, $4, 'consent', consent_id,
           jsonb_build_object('status', 'revoked', 'reason', $2::text)
    from ended
), event as (
    insert into consentry.events (institution_id, event_id, at, kind, consent_id, customer_id, application_id, detail)
    select $1, consentry.time_ordered_id(revoked_at), revoked_at, 'CONSENT_REVOKED', consent_id, customer_id,
           application_id, jsonb_build_object('status', 'revoked', 'reason', $2::text)
    from ended
)
select count(*) from ended
"""


@dataclass(frozen=True, slots=True)
class MirrorState:
    """What the mirror holds, and where it disagrees with the last file; of each kind the first 20 ids are given."""

    live: int
    ended: int
    vanished: int
    kept_ended: int
    vanished_ids: tuple[str, ...]
    kept_ended_ids: tuple[str, ...]


async def publish_parties(connection: Connection, institution_id: int, *, mirror: bool) -> dict[str, int]:
    """Add intermediaries, applications and customers, and for a mirror change them; give counts by name.

    Raises:
        TemporarilyUnavailable: somebody else added the same at the same moment.
    """
    try:
        parties = await connection.fetchrow("select * from consentry.publish_parties($1, $2)", institution_id, mirror)
        customers = await connection.fetchrow(
            "select * from consentry.publish_customers($1, $2)", institution_id, mirror
        )
    except asyncpg.UniqueViolationError as error:
        raise TemporarilyUnavailable from error
    return {**_counted(parties), **_counted(customers)}


async def publish_consents(
    connection: Connection,
    institution_id: int,
    import_id: UUID,
    *,
    mirror: bool,
    last_line: int,
    on_line: Callable[[int], None],
) -> dict[str, int]:
    """Add the consents that are new; give counts by name. `on_line` is told the line up to which that has been done.

    Raises:
        TemporarilyUnavailable: somebody else added the same at the same moment.
    """
    staged, known = await connection.fetchrow(
        """select count(*), count(c.consent_id) from consentry.staged_consents s
           left join consentry.consents c on c.institution_id = s.institution_id and c.consent_id = s.consent_id
           where s.institution_id = $1""",
        institution_id,
    ) or (0, 0)
    added = 0
    for line in range(0, last_line, _SLICE):
        until = min(line + _SLICE, last_line)
        added += await connection.fetchval(
            "select consentry.publish_consents($1, $2, $3, $4, $5)", institution_id, import_id, mirror, line, until
        )
        on_line(until)
    if added + known != staged:
        raise TemporarilyUnavailable
    return {"consents_added": added, "consents_known": known}


def _counted(row: asyncpg.Record | None) -> dict[str, int]:
    return {} if row is None else dict(row.items())


async def follow(connection: Connection, institution_id: int, import_id: UUID, *, actor: Actor) -> dict[str, int]:
    """Let the mirror's consents follow the file, and note where they can't; give counts by name."""
    await connection.execute(
        """select from (
               select from consentry.consents c
               join consentry.staged_differences d
                 on d.institution_id = c.institution_id and d.consent_id = c.consent_id
               where c.institution_id = $1 and c.read_only
               order by c.consent_id
               for no key update of c) as locked""",
        institution_id,
    )
    followed: int = await connection.fetchval(_FOLLOW, institution_id, import_id, actor.kind.value, actor.actor_id)
    await connection.execute("delete from consentry.import_differences where institution_id = $1", institution_id)
    await connection.execute(_NOTE_DIFFERENCES, institution_id, import_id)
    noted = await _differences(connection, institution_id)
    return {
        "consents_changed": followed,
        "consents_kept_ended": noted.get("kept_ended", 0),
        "consents_vanished": noted.get("vanished", 0),
    }


async def mirror_state(connection: Connection, institution_id: int) -> MirrorState:
    """Say what the mirror holds and where it disagrees with the last mirrored file."""
    live, ended = await connection.fetchrow(
        """select count(*) filter (where is_live), count(*) filter (where not is_live)
           from (select revoked_at is null and coalesce(expires_at > consentry.now(), true) as is_live
                 from consentry.consents where institution_id = $1 and read_only) as c""",
        institution_id,
    ) or (0, 0)
    noted = await _differences(connection, institution_id)
    ids = {}
    for kind in ("vanished", "kept_ended"):
        rows = await connection.fetch(
            """select consent_id from consentry.import_differences
               where institution_id = $1 and kind = $2 order by consent_id limit $3""",
            institution_id,
            kind,
            MOST_FAULTS,
        )
        ids[kind] = tuple(row[0] for row in rows)
    return MirrorState(
        live=live,
        ended=ended,
        vanished=noted.get("vanished", 0),
        kept_ended=noted.get("kept_ended", 0),
        vanished_ids=ids["vanished"],
        kept_ended_ids=ids["kept_ended"],
    )


async def make_writable(connection: Connection, institution_id: int, *, on_count: Callable[[int], None]) -> int:
    """Let this installation decide on the mirror's consents from now on; give how many there were."""
    last, done = "", 0
    while True:
        row = await connection.fetchrow(
            """with slice as (
                   select consent_id from consentry.consents
                   where institution_id = $1 and read_only and consent_id > $2
                   order by consent_id limit $3 for no key update
               ), freed as (
                   update consentry.consents c set read_only = false from slice
                   where c.institution_id = $1 and c.consent_id = slice.consent_id
                   returning c.consent_id
               )
               select count(*), max(consent_id) from freed""",
            institution_id,
            last,
            _SLICE,
        )
        if row is None or not row[0]:
            return done
        done += row[0]
        last = row[1]
        on_count(done)


async def end_vanished(connection: Connection, institution_id: int, *, actor: Actor) -> int:
    """End the consents that were not in the last file, each with its history, audit entry and event.

    Called after `make_writable`, which has locked them in the order of their keys.
    """
    ended: int = await connection.fetchval(
        _END_VANISHED, institution_id, VANISHED_REASON, actor.kind.value, actor.actor_id
    )
    return ended


async def forget_differences(connection: Connection, institution_id: int) -> None:
    """Forget where the mirror disagreed: it is none any more."""
    await connection.execute("delete from consentry.import_differences where institution_id = $1", institution_id)


async def _differences(connection: Connection, institution_id: int) -> dict[str, int]:
    rows = await connection.fetch(
        "select kind, count(*) from consentry.import_differences where institution_id = $1 group by kind",
        institution_id,
    )
    return {row[0]: row[1] for row in rows}
