"""Customers as staff finds them: by what they are known by, each time by an index, in the order of their ids.

Ids are compared by their characters, whatever the database's own order is. What is found is ids; consents and accounts
are read by consents.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consentry.domain.customer import CustomerSearch
from consentry.store.consents import LockedConsent, lock_by_id
from consentry.store.lists import COUNTED_UP_TO
from consentry.store.session import Connection


@dataclass(frozen=True, slots=True)
class FoundCustomer:
    """A customer's id, and how many live consents there are: exactly up to 1,000, 1,001 for more."""

    customer_id: str
    live_consents: int


async def exists(connection: Connection, institution_id: int, customer_id: str) -> bool:
    """Tell whether anything is kept of a customer."""
    found: bool = await connection.fetchval(
        "select exists (select from consentry.customers where institution_id = $1 and customer_id = $2)",
        institution_id,
        customer_id,
    )
    return found


async def apps_called(connection: Connection, institution_id: int, text: str, *, most: int) -> list[str]:
    """Give the ids of at most `most` apps whose id this is, or whose names begin like this in small letters."""
    rows = await connection.fetch(
        f"""select application_id from consentry.applications where institution_id = $1 and application_id = $2
            union
            (select application_id from consentry.applications
             where institution_id = $1 and sort_name >= lower($2) and sort_name < lower($2) || chr(1114111)
             order by sort_name, application_id limit {most:d})
            limit {most:d}""",
        institution_id,
        text,
    )
    return [row[0] for row in rows]


async def search(
    connection: Connection, institution_id: int, wanted: CustomerSearch, *, apps: Sequence[str], after: str, most: int
) -> list[str]:
    """Give the ids of at most `most` customers whom all that is wanted fits, those after an id; `apps` are any of."""
    query = _Query(institution_id, wanted, apps, after=after)
    return [row[0] for row in await connection.fetch(query.page(most), *query.values)]


async def count(connection: Connection, institution_id: int, wanted: CustomerSearch, *, apps: Sequence[str]) -> int:
    """Count the customers whom all that is wanted fits, up to 1,001."""
    query = _Query(institution_id, wanted, apps, after="")
    found: int = await connection.fetchval(
        f"select count(*) from ({query.page(COUNTED_UP_TO)}) as counted", *query.values
    )
    return found


async def with_live_consents(
    connection: Connection, institution_id: int, customer_ids: Sequence[str]
) -> list[FoundCustomer]:
    """Give customers with the number of their live consents, in the order in which they are named."""
    rows = await connection.fetch(
        f"""select named.customer_id,
                  (select count(*) from (
                      select from consentry.consents c
                      where c.institution_id = $1 and c.customer_id = named.customer_id and c.revoked_at is null
                        and (c.expires_at is null or c.expires_at > consentry.now())
                      limit {COUNTED_UP_TO}) as live)
           from unnest($2::text[]) with ordinality as named (customer_id, number) order by named.number""",
        institution_id,
        list(customer_ids),
    )
    return [FoundCustomer(row[0], row[1]) for row in rows]


async def lock(connection: Connection, institution_id: int, customer_id: str) -> bool:
    """Lock a customer, so that a consent that is being given at this moment is waited for; False if there is none."""
    found = await connection.fetchval(
        "select true from consentry.customers where institution_id = $1 and customer_id = $2 for update",
        institution_id,
        customer_id,
    )
    return bool(found)


async def lock_consent(
    connection: Connection, institution_id: int, customer_id: str, consent_id: str
) -> LockedConsent | None:
    """Lock one consent of a customer, and read it as it is then; None if the customer has none with this id."""
    found = await _lock(connection, institution_id, customer_id, "and consent_id = $3", consent_id)
    return found[0] if found else None


async def lock_unrevoked(connection: Connection, institution_id: int, customer_id: str) -> list[LockedConsent]:
    """Lock every consent of a customer that is not revoked, and read them as they are then."""
    return await _lock(connection, institution_id, customer_id, "and revoked_at is null")


async def _lock(
    connection: Connection, institution_id: int, customer_id: str, condition: str, *values: str
) -> list[LockedConsent]:
    # Locked first, then read: what is read is of after the wait, and so is its moment.
    rows = await connection.fetch(
        f"""select consent_id from consentry.consents where institution_id = $1 and customer_id = $2 {condition}
            order by consent_id for no key update""",
        institution_id,
        customer_id,
        *values,
    )
    locked = await lock_by_id(connection, institution_id, [row[0] for row in rows])
    return [consent for owner, consent in locked if owner == customer_id]


class _Query:
    """The statement of a search: one table is gone through in the order of ids, the others are asked about each id."""

    def __init__(self, institution_id: int, wanted: CustomerSearch, apps: Sequence[str], *, after: str) -> None:
        low, high = wanted.ids_from(after)
        self.values: list[object] = [institution_id, low, high]
        sources = []
        if wanted.consent:
            sources.append(("consentry.consents", f"s.consent_id = {self._value(wanted.consent)}"))
        if wanted.request:
            request = self._value(wanted.request)
            # The consents of a request are few, and are found first.
            few = (
                "array(select h.consent_id from consentry.consent_changes h"
                f" where h.institution_id = $1 and h.request_id = {request} limit 1000)"
            )
            sources.append(("consentry.consents", f"s.consent_id = any ({few})"))
        if wanted.ending:
            sources.append(("consentry.account_endings", f"s.ending = {self._value(wanted.ending)}"))
        self._apps = f"{self._value(list(apps))}::text[]" if apps else ""
        if apps:
            sources.append(("consentry.consents", f"s.application_id = any ({self._apps})"))
        self._sources = sources

    def page(self, most: int) -> str:
        """Write the statement for at most so many ids. The number stands in it, so that it is planned for a few."""
        if not self._sources:
            return self._ids("consentry.customers", "true", [], most)
        (table, condition), *others = self._sources
        if len(self._sources) > 1 or not self._apps:
            return self._ids(table, condition, others, most)
        each = self._ids(table, "s.application_id = app.application_id", [], most)
        return f"""select distinct d.customer_id from unnest({self._apps}) as app (application_id)
                   cross join lateral ({each}) as d order by 1 limit {most:d}"""

    @staticmethod
    def _ids(table: str, condition: str, others: Sequence[tuple[str, str]], most: int) -> str:
        # A scalar subquery stays one: for each id its few rows are looked at, never a whole table.
        asked = "".join(
            f""" and (select true from {other} s
                      where s.institution_id = $1 and s.customer_id = k.customer_id and {fits} limit 1)"""
            for other, fits in others
        )
        return f"""select distinct k.customer_id collate "C" as customer_id from (
                       select s.institution_id, s.customer_id from {table} s
                       where s.institution_id = $1 and {condition}
                         and s.customer_id collate "C" >= $2 and s.customer_id collate "C" < $3) as k
                   where true{asked} order by 1 limit {most:d}"""

    def _value(self, value: object) -> str:
        self.values.append(value)
        return f"${len(self.values)}"
