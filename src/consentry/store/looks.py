"""Looks: which member of staff may look at which customer for a while; and what the audit tells of such a customer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from consentry.domain.customer import LOOK_VALID, Look
from consentry.store.session import Connection

_KEPT: Final = timedelta(days=1)
_FORGOTTEN_AT_ONCE: Final = 100


class _After(msgspec.Struct, frozen=True):
    reason_text: str | None = None
    reason: str | None = None


_after_of: Final = msgspec.json.Decoder(_After).decode


@dataclass(frozen=True, slots=True)
class CustomerEntry:
    """What was done with what is kept of a customer: the audit's action, when, by whom, and the reason they gave."""

    at: datetime
    action: str
    actor_kind: str
    actor_id: str | None
    reason: str | None


async def live(connection: Connection, institution_id: int, member_id: UUID, customer_id: str) -> Look | None:
    """Give a member's last look at a customer if it is not over."""
    row = await connection.fetchrow(
        """select reason, opened_at from consentry.customer_looks
           where institution_id = $1 and customer_id = $2 and member_id = $3
             and opened_at > consentry.now() - $4::interval
           order by opened_at desc limit 1""",
        institution_id,
        customer_id,
        str(member_id),
        LOOK_VALID,
    )
    return None if row is None else Look(row[0], row[1])


async def begin(connection: Connection, institution_id: int, member_id: UUID, *, customer_id: str, reason: str) -> Look:
    """Let a member look at a customer from now on, and forget some looks that have long been over."""
    await connection.execute(
        f"""delete from consentry.customer_looks
            where institution_id = $1 and look_id = any (array(
                select look_id from consentry.customer_looks
                where institution_id = $1 and look_id < consentry.first_id_at(consentry.now() - $2::interval)
                order by look_id limit {_FORGOTTEN_AT_ONCE}))""",
        institution_id,
        _KEPT,
    )
    opened_at: datetime = await connection.fetchval(
        """insert into consentry.customer_looks (institution_id, look_id, member_id, customer_id, reason, opened_at)
           values ($1, consentry.time_ordered_id(consentry.now()), $2, $3, $4, consentry.now())
           returning opened_at""",
        institution_id,
        str(member_id),
        customer_id,
        reason,
    )
    return Look(reason, opened_at)


async def told_of(connection: Connection, institution_id: int, customer_id: str, *, most: int) -> list[CustomerEntry]:
    """Give the last entries of the audit about a customer, newest first, without those that were refused."""
    rows = await connection.fetch(
        f"""select at, action, actor_kind, actor_id, after::text from consentry.audit_entries
            where institution_id = $1 and subject_kind = 'customer' and subject_id = $2 and outcome = 'done'
            order by entry_id desc limit {most:d}""",
        institution_id,
        customer_id,
    )
    return [_entry(*row) for row in rows]


async def told_of_consent(
    connection: Connection, institution_id: int, consent_id: str, *, most: int
) -> list[CustomerEntry]:
    """Give the last entries about a consent that its history does not have: receipts made, looks of operators."""
    rows = await connection.fetch(
        f"""select at, action, actor_kind, actor_id, after::text from consentry.audit_entries
            where institution_id = $1 and subject_kind = 'consent' and subject_id = $2 and outcome = 'done'
              and action not like 'consent.%'
            order by entry_id desc limit {most:d}""",
        institution_id,
        consent_id,
    )
    return [_entry(*row) for row in rows]


def _entry(at: datetime, action: str, actor_kind: str, actor_id: str | None, after: str | None) -> CustomerEntry:
    told = _After() if after is None else _after_of(after)
    return CustomerEntry(at, action, actor_kind, actor_id, told.reason_text or told.reason)
