"""Houses: institutions and the partners that look after them, as staff come in.

What an institution is, and how its customers' requests find it, is the business of institutions.py.
"""

from dataclasses import dataclass

import asyncpg

from consentry.domain.institution import InstitutionStatus
from consentry.domain.refusal.institution import InstitutionExists
from consentry.domain.staff import House
from consentry.store.session import Connection


@dataclass(frozen=True, slots=True)
class FoundHouse:
    """A house, as far as anybody may know: its internal id, public id, name and host name."""

    institution_id: int
    public_id: str
    name: str
    host: str | None
    kind: House


async def find(connection: Connection, public_id: str | None, *, host: str | None, kind: House) -> FoundHouse | None:
    """Find a house by the host name that was asked; where that belongs to none, by its public id."""
    row = await connection.fetchrow(
        "select institution_id, public_id, name, host, kind from consentry.house_of($1, $2, $3)",
        public_id,
        host,
        kind.value,
    )
    if row is None:
        return None
    return FoundHouse(
        institution_id=row["institution_id"],
        public_id=row["public_id"],
        name=row["name"],
        host=row["host"],
        kind=House(row["kind"]),
    )


async def is_public_host(connection: Connection, host: str) -> bool:
    """Tell whether some institution's public URL has this host name."""
    found: bool = await connection.fetchval("select consentry.is_public_host($1)", host)
    return found


async def named(connection: Connection, public_id: str) -> tuple[int, House] | None:
    """Find a house of either kind by its public id, for an operator: its internal id and kind."""
    row = await connection.fetchrow(
        "select institution_id, kind from consentry.house_ids() where public_id = $1", public_id
    )
    return None if row is None else (row["institution_id"], House(row["kind"]))


async def check_is_free(connection: Connection, public_id: str) -> None:
    """Let no house have a public id that another has but for upper and lower case: people would take one for the other.

    Raises:
        InstitutionExists: one has.
    """
    if await connection.fetchval(
        "select exists (select from consentry.house_ids() where lower(public_id) = lower($1))", public_id
    ):
        raise InstitutionExists


async def partner_ids(connection: Connection) -> dict[int, str]:
    """Give all partners' internal ids with their public ids."""
    rows = await connection.fetch("select institution_id, public_id from consentry.house_ids() where kind = 'partner'")
    return {row["institution_id"]: row["public_id"] for row in rows}


async def all_ids(connection: Connection) -> list[int]:
    """Give the internal ids of all institutions and partners."""
    return [row[0] for row in await connection.fetch("select institution_id from consentry.house_ids()")]


async def add_partner(connection: Connection, *, public_id: str, name: str, host: str | None) -> int:
    """Add a partner and give its internal id.

    Raises:
        InstitutionExists: the public id or the host is taken.
    """
    try:
        added: int = await connection.fetchval("select consentry.add_partner($1, $2, $3)", public_id, name, host)
    except asyncpg.UniqueViolationError:
        raise InstitutionExists from None
    return added


async def institutions_of(connection: Connection, partner_id: int) -> list[int]:
    """Give the internal ids of the institutions that a partner looks after."""
    found: list[int] = await connection.fetchval("select consentry.institutions_of_partner($1)", partner_id)
    return found


async def looked_after(connection: Connection) -> dict[int, list[int]]:
    """Give the internal ids of all partners, each with those of the institutions that it looks after."""
    rows = await connection.fetch(
        """select institution_id, consentry.institutions_of_partner(institution_id)
           from consentry.house_ids() where kind = 'partner' order by institution_id"""
    )
    return {row[0]: row[1] for row in rows}


async def partner_of(connection: Connection, institution_id: int) -> int | None:
    """Give the internal id of the partner that looks after an institution in sight."""
    found: int | None = await connection.fetchval(
        "select partner_id from consentry.institutions where institution_id = $1", institution_id
    )
    return found


async def standing(connection: Connection, institution_id: int) -> tuple[InstitutionStatus, int | None]:
    """Give the status of an institution in sight, and the internal id of the partner that looks after it."""
    row = await connection.fetchrow(
        "select status, partner_id from consentry.institutions where institution_id = $1", institution_id
    )
    if row is None:
        raise AssertionError
    return InstitutionStatus(row["status"]), row["partner_id"]


async def name_of(connection: Connection, institution_id: int) -> str:
    """Give the name of a house in sight."""
    found: str = await connection.fetchval(
        "select name from consentry.institutions where institution_id = $1", institution_id
    )
    return found


async def give_to_partner(connection: Connection, institution_id: int, *, partner_id: int | None) -> None:
    """Let a partner look after an institution from now on, or none."""
    await connection.execute(
        "update consentry.institutions set partner_id = $2 where institution_id = $1", institution_id, partner_id
    )
