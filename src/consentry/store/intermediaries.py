"""Intermediaries: listed, found, changed as somebody saw them, and what stopping one would stop."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import asyncpg
import msgspec

from consentry.domain.application import IntermediaryStatus
from consentry.domain.intermediary import Approval, Contact, Intermediary, IntermediarySettings, Period, RequestLimit
from consentry.store.lists import COUNTED_UP_TO, After, begins_with
from consentry.store.session import Connection

_COLUMNS: Final = """
intermediary_id, name, logo_url, contacts::text, status, status_reason, status_changed_at,
request_limit, request_period, allowed_addresses::text, approval, created_at, version
"""


class _StoredContact(msgspec.Struct, frozen=True):
    name: str
    role: str = ""
    email: str = ""
    phone: str = ""


_contacts_of: Final = msgspec.json.Decoder(list[_StoredContact]).decode
_networks_of: Final = msgspec.json.Decoder(tuple[str, ...]).decode


class IntermediaryOrder(StrEnum):
    """How intermediaries are listed: by name, or the newest first."""

    NAME = "name"
    NEWEST = "newest"


_ORDERS: Final = {
    IntermediaryOrder.NAME: ("sort_name", "text", ">", "asc"),
    IntermediaryOrder.NEWEST: ("created_at", "timestamptz", "<", "desc"),
}


@dataclass(frozen=True, slots=True)
class IntermediarySearch:
    """What of the intermediaries is asked for; None leaves nothing out. `name` is the beginning of a name."""

    name: str | None = None
    status: IntermediaryStatus | None = None
    approval: Approval | None = None


@dataclass(frozen=True, slots=True)
class ListedIntermediary:
    """An intermediary of a list; `apps` is exact to 1,000, above that it is 1,001."""

    intermediary_id: str
    name: str
    status: IntermediaryStatus
    approval: Approval
    apps: int
    created_at: datetime
    sort_name: str

    def after(self, order: IntermediaryOrder) -> After:
        """Give where a page goes on behind this one."""
        return After(self.sort_name if order is IntermediaryOrder.NAME else self.created_at, self.intermediary_id)


@dataclass(frozen=True, slots=True)
class Reach:
    """What comes through an intermediary: its apps, those let in, their live consents, and their customers.

    `customers` are added up app by app: who uses two of its apps is counted at each.
    """

    apps: int
    active_apps: int
    live_consents: int
    customers: int


@dataclass(frozen=True, slots=True)
class RecordedAct:
    """What the audit has of something that was done about an intermediary; `before` and `after` are JSON."""

    at: datetime
    action: str
    actor_kind: str
    actor_id: str | None
    before: str | None
    after: str | None


async def search(
    connection: Connection,
    institution_id: int,
    wanted: IntermediarySearch,
    *,
    order: IntermediaryOrder,
    after: After | None,
    most: int,
) -> list[ListedIntermediary]:
    """Give intermediaries in an order, from the one behind `after` on."""
    conditions, values = _conditions(institution_id, wanted)
    key, kind, compared, direction = _ORDERS[order]
    if after is not None:
        conditions.append(f"({key}, intermediary_id) {compared} (${len(values) + 1}::{kind}, ${len(values) + 2}::text)")
        values += [after.value, after.entry_id]
    rows = await connection.fetch(
        f"""select m.intermediary_id, m.name, m.status, m.approval, m.created_at, m.sort_name,
                   (select count(*) from (
                        select from consentry.applications a
                        where a.institution_id = $1 and a.intermediary_id = m.intermediary_id
                        limit {COUNTED_UP_TO}) as theirs) as apps
            from consentry.intermediaries m
            where {" and ".join(conditions)}
            order by {key} {direction}, intermediary_id {direction} limit ${len(values) + 1}""",
        *values,
        most,
    )
    return [
        ListedIntermediary(
            intermediary_id=row["intermediary_id"],
            name=row["name"],
            status=IntermediaryStatus(row["status"]),
            approval=Approval(row["approval"]),
            apps=row["apps"],
            created_at=row["created_at"],
            sort_name=row["sort_name"],
        )
        for row in rows
    ]


async def count(connection: Connection, institution_id: int, wanted: IntermediarySearch) -> int:
    """Count the intermediaries that are asked for, up to 1,001."""
    conditions, values = _conditions(institution_id, wanted)
    found: int = await connection.fetchval(
        f"""select count(*) from (select from consentry.intermediaries m
            where {" and ".join(conditions)} limit {COUNTED_UP_TO}) as found""",
        *values,
    )
    return found


async def names(connection: Connection, institution_id: int, *, most: int) -> list[tuple[str, str]]:
    """Give the ids and names of the first intermediaries, by name."""
    rows = await connection.fetch(
        """select intermediary_id, name from consentry.intermediaries
           where institution_id = $1 order by sort_name, intermediary_id limit $2""",
        institution_id,
        most,
    )
    return [(row[0], row[1]) for row in rows]


async def find(connection: Connection, institution_id: int, intermediary_id: str) -> Intermediary | None:
    """Give one intermediary."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from consentry.intermediaries where institution_id = $1 and intermediary_id = $2",
        institution_id,
        intermediary_id,
    )
    return None if row is None else _intermediary(row)


async def reach(connection: Connection, institution_id: int, intermediary_id: str) -> Reach:
    """Give what comes through an intermediary, from the counts of its apps."""
    row = await connection.fetchrow(
        """select count(*), count(*) filter (where a.status = 'active'),
                  coalesce(sum(c.live_consents) filter (where a.status = 'active'), 0)::bigint,
                  coalesce(sum(c.customers) filter (where a.status = 'active'), 0)::bigint
           from consentry.applications a
           left join consentry.application_counts c
             on c.institution_id = a.institution_id and c.application_id = a.application_id
           where a.institution_id = $1 and a.intermediary_id = $2""",
        institution_id,
        intermediary_id,
    )
    if row is None:
        raise AssertionError
    return Reach(*row)


async def acts(connection: Connection, institution_id: int, intermediary_id: str, *, most: int) -> list[RecordedAct]:
    """Give what was done about an intermediary, the last first."""
    rows = await connection.fetch(
        """select at, action, actor_kind, actor_id, before::text, after::text from consentry.audit_entries
           where institution_id = $1 and subject_kind = 'intermediary' and subject_id = $2
           order by entry_id desc limit $3""",
        institution_id,
        intermediary_id,
        most,
    )
    return [RecordedAct(*row) for row in rows]


async def add(
    connection: Connection, institution_id: int, intermediary_id: str, settings: IntermediarySettings
) -> bool:
    """Add an intermediary; False if there is one with this id already."""
    added: bool | None = await connection.fetchval(
        """insert into consentry.intermediaries
               (institution_id, intermediary_id, name, logo_url, contacts, request_limit, request_period,
                allowed_addresses, approval)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing returning true""",
        institution_id,
        intermediary_id,
        *_stored(settings),
    )
    return added is True


async def change(
    connection: Connection, institution_id: int, intermediary_id: str, settings: IntermediarySettings, *, version: int
) -> bool:
    """Change the settings of the version that somebody saw; False if it is another by now."""
    changed: bool | None = await connection.fetchval(
        """update consentry.intermediaries
           set name = $3, logo_url = $4, contacts = $5, request_limit = $6, request_period = $7,
               allowed_addresses = $8, approval = $9, version = version + 1
           where institution_id = $1 and intermediary_id = $2 and version = $10 returning true""",
        institution_id,
        intermediary_id,
        *_stored(settings),
        version,
    )
    return changed is True


async def move(
    connection: Connection,
    institution_id: int,
    intermediary_id: str,
    *,
    before: IntermediaryStatus,
    after: IntermediaryStatus,
    reason: str,
) -> bool:
    """Change an intermediary's status from the one it was shown with; False if it has another by now."""
    moved: bool | None = await connection.fetchval(
        """update consentry.intermediaries
           set status = $4, status_reason = $5, status_changed_at = consentry.now(), version = version + 1
           where institution_id = $1 and intermediary_id = $2 and status = $3 returning true""",
        institution_id,
        intermediary_id,
        before.value,
        after.value,
        reason,
    )
    return moved is True


def _conditions(institution_id: int, wanted: IntermediarySearch) -> tuple[list[str], list[object]]:
    conditions = ["m.institution_id = $1"]
    bound: list[object] = [institution_id]
    if wanted.name:
        bound.append(wanted.name)
        conditions.append(begins_with("m.sort_name", len(bound)))
    for column, value in (("m.status", wanted.status), ("m.approval", wanted.approval)):
        if value is not None:
            bound.append(value.value)
            conditions.append(f"{column} = ${len(bound)}")
    return conditions, bound


def _stored(settings: IntermediarySettings) -> Sequence[object]:
    limit = settings.limit
    contacts = [
        {"name": each.name, "role": each.role, "email": each.email, "phone": each.phone} for each in settings.contacts
    ]
    return (
        settings.name,
        settings.logo_url,
        msgspec.json.encode(contacts).decode(),
        None if limit is None else limit.requests,
        None if limit is None else limit.period.value,
        msgspec.json.encode(settings.allowed_networks).decode(),
        settings.approval.value,
    )


def _intermediary(row: asyncpg.Record) -> Intermediary:
    requests, period = row["request_limit"], row["request_period"]
    return Intermediary(
        intermediary_id=row["intermediary_id"],
        settings=IntermediarySettings(
            name=row["name"],
            logo_url=row["logo_url"],
            contacts=tuple(Contact(c.name, c.role, c.email, c.phone) for c in _contacts_of(row["contacts"])),
            limit=None if requests is None else RequestLimit(requests, Period(period)),
            allowed_networks=_networks_of(row["allowed_addresses"]),
            approval=Approval(row["approval"]),
        ),
        status=IntermediaryStatus(row["status"]),
        status_reason=row["status_reason"],
        status_changed_at=row["status_changed_at"],
        created_at=row["created_at"],
        version=row["version"],
    )
