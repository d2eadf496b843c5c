"""Applications as staff look at them: found, listed in three orders, decided about, and the log of the decisions.

What customers and the Consent API see of an app is read with its consents, by store/consents.py. Customers and live
consents are the worker's counts (store/counting.py), as of `counted_until`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import asyncpg

from consentry.domain.actor import Actor
from consentry.domain.application import ApplicationStatus, IntermediaryStatus
from consentry.store.lists import COUNTED_UP_TO, After, begins_with
from consentry.store.session import Connection

_COLUMNS: Final = """
a.application_id, a.name, a.status, a.category, a.intermediary_id,
m.name as intermediary, m.status as intermediary_status,
coalesce(c.customers, 0) as customers, coalesce(c.live_consents, 0) as live_consents, a.created_at, a.status_reason,
a.status_changed_at, a.sort_name
"""
_FROM: Final = """
from consentry.applications a
left join consentry.application_counts c
  on c.institution_id = a.institution_id and c.application_id = a.application_id
left join consentry.intermediaries m
  on m.institution_id = a.institution_id and m.intermediary_id = a.intermediary_id
"""


class AppOrder(StrEnum):
    """How apps are listed: by name, the newest first, or those with the most customers first."""

    NAME = "name"
    NEWEST = "newest"
    CUSTOMERS = "customers"


# For each order what is compared for the next page, and how; the store has an index for each.
_ORDERS: Final = {
    AppOrder.NAME: ("a.sort_name", "a.application_id", "text", ">", "asc"),
    AppOrder.NEWEST: ("a.created_at", "a.application_id", "timestamptz", "<", "desc"),
    AppOrder.CUSTOMERS: ("c.customers", "c.application_id", "bigint", "<", "desc"),
}


@dataclass(frozen=True, slots=True)
class AppSearch:
    """What of the apps is asked for; None leaves nothing out. `name` is the beginning of a name, in any case."""

    name: str | None = None
    status: ApplicationStatus | None = None
    intermediary_id: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class ListedApp:
    """An app of a list; `sort_name` is what it is sorted by when that is by name."""

    application_id: str
    name: str
    status: ApplicationStatus
    category: str | None
    intermediary_id: str | None
    intermediary: str | None
    intermediary_status: IntermediaryStatus | None
    customers: int
    live_consents: int
    created_at: datetime
    status_reason: str | None
    status_changed_at: datetime | None
    sort_name: str

    def after(self, order: AppOrder) -> After:
        """Give where a page goes on behind this app."""
        match order:
            case AppOrder.NAME:
                return After(self.sort_name, self.application_id)
            case AppOrder.NEWEST:
                return After(self.created_at, self.application_id)
            case AppOrder.CUSTOMERS:
                return After(self.customers, self.application_id)


@dataclass(frozen=True, slots=True)
class AppDetails:
    """One app with all that is known of it."""

    app: ListedApp
    purpose: str | None
    website: str | None
    icon_url: str | None


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision about an app's access; `customers` is how many were connected to it then."""

    decision_id: UUID
    at: datetime
    status_before: ApplicationStatus
    status_after: ApplicationStatus
    reason: str
    customers: int
    actor_kind: str
    actor_id: str | None


async def search(
    connection: Connection,
    institution_id: int,
    wanted: AppSearch,
    *,
    order: AppOrder,
    after: After | None,
    most: int,
) -> list[ListedApp]:
    """Give apps in an order, from the one behind `after` on."""
    conditions, values = _conditions(institution_id, wanted)
    key, tie, kind, compared, direction = _ORDERS[order]
    if after is not None:
        conditions.append(f"({key}, {tie}) {compared} (${len(values) + 1}::{kind}, ${len(values) + 2}::text)")
        values += [after.value, after.entry_id]
    # The order by customers walks the index of the counts, which has a row for every app.
    source = _FROM.replace("left join consentry.application_counts", "join consentry.application_counts")
    rows = await connection.fetch(
        f"""select {_COLUMNS} {source if order is AppOrder.CUSTOMERS else _FROM}
            where {" and ".join(conditions)}
            order by {key} {direction}, {tie} {direction} limit ${len(values) + 1}""",
        *values,
        most,
    )
    return [_listed(row) for row in rows]


async def count(connection: Connection, institution_id: int, wanted: AppSearch) -> int:
    """Count the apps that are asked for, up to 1,001."""
    conditions, values = _conditions(institution_id, wanted)
    found: int = await connection.fetchval(
        f"""select count(*) from (select from consentry.applications a
            where {" and ".join(conditions)} limit {COUNTED_UP_TO}) as found""",
        *values,
    )
    return found


async def categories(connection: Connection, institution_id: int, *, most: int) -> list[str]:
    """Give the categories that there are, in order; each step is one look into an index."""
    rows = await connection.fetch(
        """with recursive each as (
               (select category, 1 as number from consentry.applications
                where institution_id = $1 and category is not null order by category limit 1)
               union all
               select (select a.category from consentry.applications a
                       where a.institution_id = $1 and a.category > each.category order by a.category limit 1),
                      number + 1
               from each where each.category is not null and number < $2
           )
           select category from each where category is not null""",
        institution_id,
        most,
    )
    return [row[0] for row in rows]


async def find(connection: Connection, institution_id: int, application_id: str) -> AppDetails | None:
    """Give one app."""
    row = await connection.fetchrow(
        f"""select {_COLUMNS}, a.purpose, a.website, a.icon_url {_FROM}
            where a.institution_id = $1 and a.application_id = $2""",
        institution_id,
        application_id,
    )
    if row is None:
        return None
    return AppDetails(app=_listed(row), purpose=row["purpose"], website=row["website"], icon_url=row["icon_url"])


async def counted_until(connection: Connection, institution_id: int) -> datetime | None:
    """Give as of when customers and consents are counted; None if they never were."""
    found: datetime | None = await connection.fetchval(
        "select counted_until from consentry.institution_counts where institution_id = $1", institution_id
    )
    return found


async def move(
    connection: Connection,
    institution_id: int,
    application_id: str,
    *,
    before: ApplicationStatus,
    after: ApplicationStatus,
    reason: str,
) -> bool:
    """Change an app's status from the one it was shown with; False if it has another by now."""
    moved: bool | None = await connection.fetchval(
        """update consentry.applications set status = $4, status_reason = $5, status_changed_at = consentry.now()
           where institution_id = $1 and application_id = $2 and status = $3 returning true""",
        institution_id,
        application_id,
        before.value,
        after.value,
        reason,
    )
    return moved is True


async def record_decision(
    connection: Connection,
    institution_id: int,
    application_id: str,
    *,
    before: ApplicationStatus,
    after: ApplicationStatus,
    reason: str,
    actor: Actor,
) -> int:
    """Write a decision into the log of its app; give how many customers it concerned."""
    customers: int = await connection.fetchval(
        """insert into consentry.application_decisions
               (institution_id, decision_id, application_id, at, status_before, status_after, reason, customers,
                actor_kind, actor_id, request_id)
           select $1, consentry.time_ordered_id(consentry.now()), $2, consentry.now(), $3, $4, $5,
                  coalesce((select customers from consentry.application_counts
                            where institution_id = $1 and application_id = $2), 0), $6, $7, $8
           returning customers""",
        institution_id,
        application_id,
        before.value,
        after.value,
        reason,
        actor.kind.value,
        actor.actor_id,
        actor.request_id,
    )
    return customers


async def decisions(
    connection: Connection, institution_id: int, application_id: str, *, before: UUID | None, most: int
) -> list[DecisionRecord]:
    """Give the log of an app, the newest first, from behind the decision `before` on."""
    rows = await connection.fetch(
        """select decision_id, at, status_before, status_after, reason, customers, actor_kind, actor_id
           from consentry.application_decisions
           where institution_id = $1 and application_id = $2 and ($3::uuid is null or decision_id < $3)
           order by decision_id desc limit $4""",
        institution_id,
        application_id,
        before,
        most,
    )
    return [
        DecisionRecord(
            decision_id=row["decision_id"],
            at=row["at"],
            status_before=ApplicationStatus(row["status_before"]),
            status_after=ApplicationStatus(row["status_after"]),
            reason=row["reason"],
            customers=row["customers"],
            actor_kind=row["actor_kind"],
            actor_id=row["actor_id"],
        )
        for row in rows
    ]


async def without_access(connection: Connection, institution_id: int, application_ids: Sequence[str]) -> frozenset[str]:
    """Give which of these apps are not let in, themselves or with their intermediary."""
    rows = await connection.fetch(
        """select a.application_id from consentry.applications a
           left join consentry.intermediaries m
             on m.institution_id = a.institution_id and m.intermediary_id = a.intermediary_id
           where a.institution_id = $1 and a.application_id = any ($2)
             and (a.status <> 'active' or coalesce(m.status, 'active') <> 'active')""",
        institution_id,
        list(application_ids),
    )
    return frozenset(row[0] for row in rows)


def _conditions(institution_id: int, wanted: AppSearch) -> tuple[list[str], list[object]]:
    conditions = ["a.institution_id = $1"]
    bound: list[object] = [institution_id]
    if wanted.name:
        bound.append(wanted.name)
        conditions.append(begins_with("a.sort_name", len(bound)))
    for column, value in (
        ("a.status", None if wanted.status is None else wanted.status.value),
        ("a.intermediary_id", wanted.intermediary_id),
        ("a.category", wanted.category),
    ):
        if value is not None:
            bound.append(value)
            conditions.append(f"{column} = ${len(bound)}")
    return conditions, bound


def _listed(row: asyncpg.Record) -> ListedApp:
    status = row["intermediary_status"]
    return ListedApp(
        application_id=row["application_id"],
        name=row["name"],
        status=ApplicationStatus(row["status"]),
        category=row["category"],
        intermediary_id=row["intermediary_id"],
        intermediary=row["intermediary"],
        intermediary_status=None if status is None else IntermediaryStatus(status),
        customers=row["customers"],
        live_consents=row["live_consents"],
        created_at=row["created_at"],
        status_reason=row["status_reason"],
        status_changed_at=row["status_changed_at"],
        sort_name=row["sort_name"],
    )
