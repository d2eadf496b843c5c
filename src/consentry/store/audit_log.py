"""The audit as staff read it, newest first: what staff, partners and the operator did, and all that was refused.

It walks one of two indexes, that of these very entries or that of a subject, and never further than it is told: what
customers and institutions' servers did, many times as much, is passed by. How it is sealed is sealing.py's business.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from consentry.domain.audit import AuditEntry
from consentry.store.lists import COUNTED_UP_TO
from consentry.store.session import Connection

SUBJECT_KINDS: Final = (
    "application",
    "branding",
    "consent",
    "credentials",
    "customer",
    "customer_provider",
    "import",
    "institution",
    "intermediary",
    "key-encryption key",
    "keys",
    "list",
    "member",
    "origin",
    "page",
    "partner",
    "receipt key",
    "registration_token",
    "search",
    "session",
    "staff_provider",
    "token",
)
"""Everything that entries are about; what is missing here is found by no subject's id."""
MOST_OF_A_SUBJECT: Final = 5_000
_COLUMNS: Final = (
    "entry_id, at, action, outcome, actor_kind, actor_id, subject_kind, subject_id,"
    " before::text as before, after::text as after, source, request_id"
)
# In the very words of the index audit_entries_of_staff.
_STAFFS: Final = "(actor_kind not in ('customer', 'institution') or outcome = 'refused')"
_WITHIN: Final = "institution_id = $1 and entry_id < $2 and entry_id >= $3"
_KINDS: Final = ", ".join(f"'{kind}'" for kind in SUBJECT_KINDS)
_WALK: Final = f"consentry.audit_entries where {_WITHIN} and {_STAFFS} and $4::text is null"
# The fence (offset 0) leaves the planner one index for what is behind it, that of subjects; it would misjudge a range.
_WALK_OF_SUBJECT: Final = f"""(
        select found.* from (
            select kind, $4 from unnest(array[{_KINDS}]) as kinds (kind)
            union select 'consent', consent_id from consentry.consents where institution_id = $1 and customer_id = $4
        ) as wanted (kind, id) cross join lateral (
            select * from (
                select * from consentry.audit_entries
                where institution_id = $1 and subject_kind = wanted.kind and subject_id = wanted.id offset 0) as own
            where {_WITHIN} and {_STAFFS}
            order by entry_id desc limit {MOST_OF_A_SUBJECT}) as found) as walked
    where true"""
_MATCH: Final = """($5::text[] is null or actor_id = any ($5)) and ($6::text is null or actor_kind = $6)
    and ($7::text is null or action = $7) and ($8::text is null or outcome = $8)"""
_FIRST: Final = UUID(int=0)
_LAST: Final = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which entries are wanted: of these actors, of a kind of actor, with an action, an outcome, about a subject.

    What is about a customer's consents is about the customer too, as long as the consents are kept. `since` is the
    first moment and `until` the first that is too late; None everywhere wants all.
    """

    actor_ids: tuple[str, ...] | None = None
    actor_kind: str | None = None
    action: str | None = None
    outcome: str | None = None
    subject_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the log, from just before `top` back to `bottom`, which belongs to it."""

    top: UUID
    bottom: UUID


async def stretch_of(connection: Connection, wanted: LogFilter, *, after: UUID | None) -> Stretch:
    """Give the stretch in which wanted entries can be: of the filter's days, and older than the entry `after`."""
    since = await _first_id_at(connection, wanted.since)
    until = await _first_id_at(connection, wanted.until)
    return Stretch(top=min(after or _LAST, until or _LAST), bottom=since or _FIRST)


async def cut(
    connection: Connection, institution_id: int, wanted: LogFilter, stretch: Stretch, *, most: int
) -> tuple[Stretch, datetime | None]:
    """Cut a stretch down to so many entries, wanted or not; and tell how far back it goes then, None if uncut."""
    row = await connection.fetchrow(
        f"select entry_id, at from {_walk(wanted)} order by entry_id desc offset $5 limit 1",
        institution_id,
        stretch.top,
        stretch.bottom,
        wanted.subject_id,
        most - 1,
    )
    return (stretch, None) if row is None else (Stretch(top=stretch.top, bottom=row["entry_id"]), row["at"])


async def entries(
    connection: Connection, institution_id: int, wanted: LogFilter, stretch: Stretch, *, limit: int
) -> list[AuditEntry]:
    """Give the wanted entries of a stretch, newest first."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from {_walk(wanted)} and {_MATCH} order by entry_id desc limit $9",
        *_bound(institution_id, wanted, stretch),
        limit,
    )
    return [_entry(row) for row in rows]


async def count(connection: Connection, institution_id: int, wanted: LogFilter, stretch: Stretch) -> int:
    """Count the wanted entries of a stretch, up to 1,001."""
    found: int = await connection.fetchval(
        f"select count(*) from (select from {_walk(wanted)} and {_MATCH} limit {COUNTED_UP_TO}) as matching",
        *_bound(institution_id, wanted, stretch),
    )
    return found


def _walk(wanted: LogFilter) -> str:
    return _WALK if wanted.subject_id is None else _WALK_OF_SUBJECT


def _bound(
    institution_id: int, wanted: LogFilter, stretch: Stretch
) -> tuple[int, UUID, UUID, str | None, list[str] | None, str | None, str | None, str | None]:
    return (
        institution_id,
        stretch.top,
        stretch.bottom,
        wanted.subject_id,
        None if wanted.actor_ids is None else list(wanted.actor_ids),
        wanted.actor_kind,
        wanted.action,
        wanted.outcome,
    )


async def _first_id_at(connection: Connection, moment: datetime | None) -> UUID | None:
    if moment is None:
        return None
    found: UUID = await connection.fetchval("select consentry.first_id_at($1)", moment)
    return found


def _entry(row: asyncpg.Record) -> AuditEntry:
    return AuditEntry(
        entry_id=row["entry_id"],
        at=row["at"],
        action=row["action"],
        outcome=row["outcome"],
        actor_kind=row["actor_kind"],
        actor_id=row["actor_id"],
        subject_kind=row["subject_kind"],
        subject_id=row["subject_id"],
        before=row["before"],
        after=row["after"],
        source=row["source"],
        request_id=row["request_id"],
    )
