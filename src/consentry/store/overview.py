"""What the worker has counted, as overviews read it: sums alone, found by their keys, never the rows they are of.

Wherever whole months will do, their sums are read instead of those of their days.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from consentry.domain.counting import ENDED, WHOLE, Count
from consentry.domain.overview import Period, Span, Sums, month_of, next_month, pieces
from consentry.store.session import Connection

_ENDED: Final = [kind.value for kind in ENDED]
_SHOWN: Final = [
    Count.BEGAN.value,
    *_ENDED,
    Count.CUSTOMERS_CONNECTED.value,
    Count.CUSTOMERS_LEFT.value,
    Count.CUSTOMERS_SEEN.value,
    Count.CUSTOMERS_LAST_SEEN.value,
    Count.TOKENS_ISSUED.value,
    Count.SIGN_INS_FAILED.value,
]
_COMPARED: Final = [Count.BEGAN.value, *_ENDED, Count.TOKENS_ISSUED.value, Count.SIGN_INS_FAILED.value]
# Each part is a range of the primary key; between None and None there is nothing.
_WITHIN: Final = """
    select institution_id, application_id, kind, count from consentry.daily_counts
    where institution_id = any ($1) and application_id = any ($2) and kind = any ($3) and day between $4 and $5
    union all
    select institution_id, application_id, kind, count from consentry.daily_counts
    where institution_id = any ($1) and application_id = any ($2) and kind = any ($3) and day between $6 and $7
    union all
    select institution_id, application_id, kind, count from consentry.monthly_counts
    where institution_id = any ($1) and application_id = any ($2) and kind = any ($3) and month between $8 and $9"""


@dataclass(frozen=True, slots=True)
class AppSums:
    """An app among those with most customers: what is live now, and what began and ended in a period."""

    name: str
    application_id: str
    customers: int
    live_consents: int
    began: int
    ended: int


@dataclass(frozen=True, slots=True)
class CategorySums:
    """A category of apps: how many there are, and their live consents; None is that of apps without one."""

    category: str | None
    apps: int
    live_consents: int


@dataclass(frozen=True, slots=True)
class InstitutionSums:
    """An institution among others: what is live now, and what happened in a period."""

    institution_id: int
    customers: int
    live_consents: int
    began: int
    ended: int
    tokens: int
    failed: int


async def sums(connection: Connection, institution_ids: Sequence[int], period: Period, *, by_day: bool) -> Sums:
    """Give the sums of some institutions together, of the days of a period and after it.

    Without `by_day` those of a period that is cut by months are of months where these are whole.
    """
    # Starting helpers takes longer than reading some thousand sums.
    await connection.execute("set local max_parallel_workers_per_gather = 0")
    now = await connection.fetchrow(
        """select coalesce(sum(live_consents), 0)::bigint, coalesce(sum(customers), 0)::bigint,
                  min(counted_until), nullif(min(seen_until), 'epoch')
           from consentry.institution_counts where institution_id = any ($1)""",
        list(institution_ids),
    )
    if now is None:
        raise AssertionError
    found: dict[Count, dict[date, int]] = {}
    is_by_month = period.step == "month" and not by_day
    read = _by_month if is_by_month else _by_day
    for kind, day, number in await read(connection, institution_ids, period):
        found.setdefault(kind, {})[day] = number
    return Sums(live_consents=now[0], customers=now[1], counted_until=now[2], seen_until=now[3], days=found)


async def _by_day(
    connection: Connection, institution_ids: Sequence[int], period: Period
) -> list[tuple[Count, date, int]]:
    rows = await connection.fetch(
        """select kind, day, sum(count)::bigint from consentry.daily_counts
           where institution_id = any ($1) and application_id = $2 and kind = any ($3) and day >= $4
           group by kind, day having sum(count) <> 0""",
        list(institution_ids),
        WHOLE,
        _SHOWN,
        period.first,
    )
    return [(Count(row[0]), row[1], row[2]) for row in rows]


async def _by_month(
    connection: Connection, institution_ids: Sequence[int], period: Period
) -> list[tuple[Count, date, int]]:
    """Read days of the months at both ends where only a part of them is asked for, and whole months besides.

    Of a period that reaches today the last month is whole: nothing is counted ahead of it.
    """
    last_month = None if period.reaches_today else month_of(period.last)
    begins = period.first if period.first.day == 1 else next_month(period.first)
    rows = await connection.fetch(
        """select kind, day, sum(count)::bigint from (
               select kind, day, count from consentry.daily_counts
               where institution_id = any ($1) and application_id = $2 and kind = any ($3) and day >= $4 and day < $5
               union all
               select kind, day, count from consentry.daily_counts
               where institution_id = any ($1) and application_id = $2 and kind = any ($3) and day >= $6 and day < $7
               union all
               select kind, month, count from consentry.monthly_counts
               where institution_id = any ($1) and application_id = $2 and kind = any ($3)
                 and month >= $5 and month is distinct from $6
           ) as either group by kind, day having sum(count) <> 0""",
        list(institution_ids),
        WHOLE,
        _SHOWN,
        period.first,
        begins,
        last_month,
        None if last_month is None else next_month(last_month),
    )
    return [(Count(row[0]), row[1], row[2]) for row in rows]


async def largest_apps(connection: Connection, institution_id: int, *, within: Span, most: int) -> list[AppSums]:
    """Give the apps of an institution that most customers are connected to, the largest first."""
    apps = await connection.fetch(
        """select a.name, l.application_id, l.customers, l.live_consents
           from (select application_id, customers, live_consents from consentry.application_counts
                 where institution_id = $1 order by customers desc, application_id desc limit $2) as l
           join consentry.applications a on a.institution_id = $1 and a.application_id = l.application_id
           order by l.customers desc, l.application_id desc""",
        institution_id,
        most,
    )
    rows = await connection.fetch(
        f"""select application_id, coalesce(sum(count) filter (where kind = 'began'), 0)::bigint,
                   coalesce(sum(count) filter (where kind <> 'began'), 0)::bigint
            from ({_WITHIN}) as counted group by application_id""",
        [institution_id],
        [row["application_id"] for row in apps],
        [Count.BEGAN.value, *_ENDED],
        *_bounds(within),
    )
    moved = {row[0]: (row[1], row[2]) for row in rows}
    return [
        AppSums(name, application_id, customers, live, *moved.get(application_id, (0, 0)))
        for name, application_id, customers, live in apps
    ]


async def largest_categories(connection: Connection, institution_id: int, *, most: int) -> list[CategorySums]:
    """Give the categories of an institution's apps with most live consents, the largest first."""
    rows = await connection.fetch(
        """select a.category, count(*), sum(c.live_consents)::bigint
           from consentry.application_counts c
           join consentry.applications a on a.institution_id = $1 and a.application_id = c.application_id
           where c.institution_id = $1 and c.live_consents > 0
           group by a.category order by 3 desc, a.category limit $2""",
        institution_id,
        most,
    )
    return [CategorySums(*row) for row in rows]


async def by_institution(
    connection: Connection, institution_ids: Sequence[int], *, within: Span
) -> list[InstitutionSums]:
    """Give the sums of some institutions one by one, in the order of their ids; without counts they are nothing."""
    rows = await connection.fetch(
        f"""with counted as ({_WITHIN}), moved as (
                select institution_id, sum(count) filter (where kind = 'began') as began,
                       sum(count) filter (where kind not in ('began', 'tokens_issued', 'sign_ins_failed')) as ended,
                       sum(count) filter (where kind = 'tokens_issued') as tokens,
                       sum(count) filter (where kind = 'sign_ins_failed') as failed
                from counted group by institution_id
            )
            select i.institution_id, coalesce(c.customers, 0), coalesce(c.live_consents, 0),
                   coalesce(m.began, 0)::bigint, coalesce(m.ended, 0)::bigint,
                   coalesce(m.tokens, 0)::bigint, coalesce(m.failed, 0)::bigint
            from unnest($1::integer[]) as i (institution_id)
            left join consentry.institution_counts c on c.institution_id = i.institution_id
            left join moved m on m.institution_id = i.institution_id
            order by i.institution_id""",
        list(institution_ids),
        [WHOLE],
        _COMPARED,
        *_bounds(within),
    )
    return [InstitutionSums(*row) for row in rows]


def _bounds(within: Span) -> list[date | None]:
    """Give the bounds of the single days at both ends, and those of the months between them."""
    found = pieces(within.first, within.last)
    spans = [*found.days, *[None] * (2 - len(found.days)), found.months]
    return [bound for span in spans for bound in ((None, None) if span is None else (span.first, span.last))]
