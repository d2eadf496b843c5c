"""The institutions of a channel partner: whose one is, and lists of them by name, with what is counted of each.

The transaction has to see the partner's institutions; whose they are is asked all the same.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consentry.domain.institution import InstitutionStatus
from consentry.store.lists import COUNTED_UP_TO, After
from consentry.store.session import Connection

_SORT: Final = 'lower(i.name) collate "C"'


@dataclass(frozen=True, slots=True)
class InstitutionSearch:
    """Which institutions are asked for: with these letters in name or public id, in this status."""

    letters: str = ""
    status: InstitutionStatus | None = None


@dataclass(frozen=True, slots=True)
class ListedInstitution:
    """An institution of a list; `sort_name` is what it is sorted by, before its public id."""

    public_id: str
    name: str
    status: InstitutionStatus
    created_at: datetime
    customers: int
    live_consents: int
    sort_name: str


async def find(connection: Connection, partner_id: int, public_id: str) -> int | None:
    """Find the internal id of an institution that a partner looks after; it need not be in sight."""
    found: int | None = await connection.fetchval(
        """select institution_id from consentry.institution_ids()
           where public_id = $2 and institution_id = any (consentry.institutions_of_partner($1))""",
        partner_id,
        public_id,
    )
    return found


async def is_of(connection: Connection, partner_id: int, institution_id: int) -> bool:
    """Tell whether a partner looks after an institution in sight."""
    found: bool = await connection.fetchval(
        "select exists (select from consentry.institutions where institution_id = $2 and partner_id = $1)",
        partner_id,
        institution_id,
    )
    return found


async def page(
    connection: Connection, partner_id: int, wanted: InstitutionSearch, *, after: After | None, most: int
) -> list[ListedInstitution]:
    """Give institutions by name, from the one behind `after` on."""
    beyond, values = "", _values(partner_id, wanted)
    if after is not None:
        beyond = f"and ({_SORT}, i.public_id) > ($4, $5)"
        values += [after.value, after.entry_id]
    rows = await connection.fetch(
        f"""select i.public_id, i.name, i.status, i.created_at, coalesce(c.customers, 0), coalesce(c.live_consents, 0),
                   {_SORT}
            from consentry.institutions i
            left join consentry.institution_counts c on c.institution_id = i.institution_id
            where {_CONDITIONS} {beyond} order by {_SORT}, i.public_id limit {int(most)}""",
        *values,
    )
    return [ListedInstitution(row[0], row[1], InstitutionStatus(row[2]), *tuple(row)[3:]) for row in rows]


async def count(connection: Connection, partner_id: int, wanted: InstitutionSearch) -> int:
    """Count the institutions that are asked for, up to 1,001."""
    found: int = await connection.fetchval(
        f"""select count(*) from (select from consentry.institutions i
            where {_CONDITIONS} limit {COUNTED_UP_TO}) as found""",
        *_values(partner_id, wanted),
    )
    return found


_CONDITIONS: Final = """i.partner_id = $1
    and ($2::text = '' or position($2 in lower(i.name)) > 0 or position($2 in lower(i.public_id)) > 0)
    and ($3::text is null or i.status = $3)"""


def _values(partner_id: int, wanted: InstitutionSearch) -> list[object]:
    return [partner_id, wanted.letters.lower(), None if wanted.status is None else wanted.status.value]
