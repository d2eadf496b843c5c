"""Counts: what moves them, and the sums that the worker keeps.

A consent's moves are noted by triggers in the transaction that changes it. Sums are changed by whoever has locked the
institution's row of `institution_counts`. What consents contribute is the domain's business.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from consentry.domain.counting import WHOLE, Count, CountedConsent, DayCount, Tally
from consentry.store.session import Connection

_CONSENT: Final = "application_id, consented_on, expires_at, revoked_at, revoked_by"


@dataclass(frozen=True, slots=True)
class Moves:
    """What moved of some customers: their consents as they have become and as they no longer are, by customer."""

    became: dict[str, Counter[CountedConsent]]
    no_longer: dict[str, Counter[CountedConsent]]


@dataclass(frozen=True, slots=True)
class Seen:
    """How far tokens and failed sign-ins are counted, up to where they are next, and whether nobody writes there."""

    until: datetime
    next: datetime
    is_settled: bool


@dataclass(frozen=True, slots=True)
class Visits:
    """What happened between two moments of a day: tokens, failures, and the last day before of each customer seen."""

    tokens: int
    failed: int
    customers: tuple[tuple[str, date | None], ...]


async def open_accounts(connection: Connection) -> None:
    """Let counting begin for the institutions in sight that are new."""
    await connection.execute(
        """insert into consentry.institution_counts (institution_id)
           select institution_id from consentry.institutions i
           where not exists (select from consentry.institution_counts c where c.institution_id = i.institution_id)
           on conflict do nothing"""
    )


async def waiting(connection: Connection) -> list[int]:
    """Give the institutions in sight whose consents have moved or expired since they were counted."""
    rows = await connection.fetch(
        """select institution_id from consentry.institution_counts c
           where exists (select from consentry.consent_moves m where m.institution_id = c.institution_id)
              or exists (select from consentry.consents e
                         where e.institution_id = c.institution_id and e.revoked_at is null
                           and e.expires_at > c.counted_until and e.expires_at <= consentry.now())
              or c.counted_until < consentry.now() - interval '1 minute'
           order by institution_id"""
    )
    return [row[0] for row in rows]


async def counted_until(connection: Connection, institution_id: int) -> datetime:
    """Lock an institution's sums and give the moment at which its consents were counted."""
    found: datetime = await connection.fetchval(
        "select counted_until from consentry.institution_counts where institution_id = $1 for update", institution_id
    )
    return found


async def moved(connection: Connection, institution_id: int, *, after: str, most: int) -> list[str]:
    """Give the next customers of whom something moved, in the order of their ids."""
    rows = await connection.fetch(
        """select distinct customer_id from consentry.consent_moves
           where institution_id = $1 and customer_id > $2 order by customer_id limit $3""",
        institution_id,
        after,
        most,
    )
    return [row[0] for row in rows]


async def take_moves(connection: Connection, institution_id: int, customer_ids: Sequence[str]) -> Moves:
    """Take all moves of some customers; they are gone with the transaction."""
    rows = await connection.fetch(
        f"""delete from consentry.consent_moves where institution_id = $1 and customer_id = any ($2)
            returning customer_id, counts, {_CONSENT}""",
        institution_id,
        customer_ids,
    )
    moves = Moves(became={}, no_longer={})
    for row in rows:
        noted = moves.became if row[1] > 0 else moves.no_longer
        noted.setdefault(row[0], Counter())[CountedConsent(*tuple(row)[2:])] += 1
    return moves


async def expired(
    connection: Connection, institution_id: int, *, since: datetime, most: int
) -> tuple[datetime, list[str], bool]:
    """Give a moment up to which about `most` consents expired, whose they are, and whether that moment is now."""
    row = await connection.fetchrow(
        """select full_at, greatest($2, consentry.now()) from (select (
               select expires_at from consentry.consents
               where institution_id = $1 and revoked_at is null and expires_at > $2 and expires_at <= consentry.now()
               order by expires_at offset $3 limit 1) as full_at) as bound""",
        institution_id,
        since,
        most,
    )
    if row is None:
        raise AssertionError
    until = row[1] if row[0] is None else row[0]
    customers = await connection.fetch(
        """select distinct customer_id from consentry.consents
           where institution_id = $1 and revoked_at is null and expires_at > $2 and expires_at <= $3""",
        institution_id,
        since,
        until,
    )
    return until, [customer[0] for customer in customers], row[0] is None


async def consents_of(
    connection: Connection, institution_id: int, customer_ids: Sequence[str]
) -> dict[str, Counter[CountedConsent]]:
    """Give what the consents of customers count as, by customer."""
    rows = await connection.fetch(
        f"""select customer_id, {_CONSENT} from consentry.consents
            where institution_id = $1 and customer_id = any ($2)""",
        institution_id,
        list(customer_ids),
    )
    found: dict[str, Counter[CountedConsent]] = {}
    for row in rows:
        found.setdefault(row[0], Counter())[CountedConsent(*tuple(row)[1:])] += 1
    return found


async def add(connection: Connection, institution_id: int, tally: Tally, *, until: datetime) -> None:
    """Add to the sums of an institution, whose consents are counted as they are at `until`."""
    await add_days(connection, institution_id, tally.days)
    moved = sorted((tally.live.keys() | tally.customers.keys()) - {WHOLE})
    if moved:
        await connection.execute(
            """insert into consentry.application_counts as c (institution_id, application_id, live_consents, customers)
               select $1, * from unnest($2::text[], $3::bigint[], $4::bigint[])
               on conflict on constraint application_counts_pkey do update
               set live_consents = c.live_consents + excluded.live_consents,
                   customers = c.customers + excluded.customers""",
            institution_id,
            moved,
            [tally.live[application_id] for application_id in moved],
            [tally.customers[application_id] for application_id in moved],
        )
    await connection.execute(
        """update consentry.institution_counts
           set live_consents = live_consents + $2, customers = customers + $3, counted_until = $4
           where institution_id = $1""",
        institution_id,
        tally.live[WHOLE],
        tally.customers[WHOLE],
        until,
    )


async def add_days(connection: Connection, institution_id: int, days: Counter[DayCount]) -> None:
    """Add to the sums of days."""
    moved = sorted(day for day, number in days.items() if number)
    if not moved:
        return
    await connection.execute(
        """insert into consentry.daily_counts as c (institution_id, kind, application_id, day, count)
           select $1, * from unnest($2::text[], $3::text[], $4::date[], $5::bigint[])
           on conflict on constraint daily_counts_pkey do update set count = c.count + excluded.count""",
        institution_id,
        [day.kind.value for day in moved],
        [day.application_id for day in moved],
        [day.day for day in moved],
        [days[day] for day in moved],
    )


async def seen(connection: Connection, institution_id: int) -> Seen:
    """Lock an institution's sums and give how far its traffic is counted."""
    row = await connection.fetchrow(
        """select seen_until, seen_next, seen_next_by < pg_snapshot_xmin(pg_current_snapshot())
           from consentry.institution_counts where institution_id = $1 for update""",
        institution_id,
    )
    if row is None:
        raise AssertionError
    return Seen(*row)


async def first_visit(connection: Connection, institution_id: int, *, since: datetime) -> datetime | None:
    """Give when the first token or failed sign-in since a moment was written, or None if there is none."""
    found: datetime | None = await connection.fetchval(
        """select least(
               (select issued_at from consentry.tokens
                where institution_id = $1 and jti >= consentry.first_id_at($2) order by jti limit 1),
               (select at from consentry.failed_sign_ins
                where institution_id = $1 and attempt_id >= consentry.first_id_at($2) order by attempt_id limit 1))""",
        institution_id,
        since,
    )
    return found


async def visits(connection: Connection, institution_id: int, *, since: datetime, until: datetime, day: date) -> Visits:
    """Count what was written since a moment and before another of the same day, and mark its customers as seen."""
    tokens, failed = await connection.fetchrow(
        """select (select count(*) from consentry.tokens
                   where institution_id = $1 and jti >= consentry.first_id_at($2) and jti < consentry.first_id_at($3)),
                  (select count(*) from consentry.failed_sign_ins
                   where institution_id = $1
                     and attempt_id >= consentry.first_id_at($2) and attempt_id < consentry.first_id_at($3))""",
        institution_id,
        since,
        until,
    ) or (0, 0)
    rows = await connection.fetch(
        """with active as (
               select distinct customer_id from consentry.tokens
               where institution_id = $1 and jti >= consentry.first_id_at($2) and jti < consentry.first_id_at($3)
           ), newly as (
               select a.customer_id, s.last_day from active a
               left join consentry.customers_seen s on s.institution_id = $1 and s.customer_id = a.customer_id
               where s.last_day is null or s.last_day < $4
           ), marked as (
               insert into consentry.customers_seen (institution_id, customer_id, last_day)
               select $1, customer_id, $4 from newly order by customer_id
               on conflict on constraint customers_seen_pkey do update set last_day = excluded.last_day
           )
           select customer_id, last_day from newly""",
        institution_id,
        since,
        until,
        day,
    )
    return Visits(tokens=tokens, failed=failed, customers=tuple((row[0], row[1]) for row in rows))


def visit_counts(visits: Visits, day: date) -> Counter[DayCount]:
    """Give what visits add to the sums of days; a customer's last day moves on."""
    days: Counter[DayCount] = Counter()
    days[DayCount(Count.TOKENS_ISSUED, WHOLE, day)] += visits.tokens
    days[DayCount(Count.SIGN_INS_FAILED, WHOLE, day)] += visits.failed
    for _, last_day in visits.customers:
        days[DayCount(Count.CUSTOMERS_SEEN, WHOLE, day)] += 1
        days[DayCount(Count.CUSTOMERS_LAST_SEEN, WHOLE, day)] += 1
        if last_day is not None:
            days[DayCount(Count.CUSTOMERS_LAST_SEEN, WHOLE, last_day)] -= 1
    return days


async def seen_until(connection: Connection, institution_id: int, until: datetime) -> None:
    """Remember how far the traffic is counted."""
    await connection.execute(
        "update consentry.institution_counts set seen_until = $2 where institution_id = $1", institution_id, until
    )


async def see_next(connection: Connection, institution_id: int, *, settled_after_seconds: float) -> None:
    """Plan to count up to some seconds ago, once every transaction that may still write there has ended.

    Whatever wrote a row of that time has a number below this transaction's: a statement gets one within the seconds.
    """
    await connection.execute(
        """update consentry.institution_counts
           set seen_next = greatest(seen_until, consentry.now() - make_interval(secs => $2)),
               seen_next_by = pg_current_xact_id()
           where institution_id = $1""",
        institution_id,
        settled_after_seconds,
    )
