"""Links that open the set-up of a house's provider for its first admin: stored by MAC, good once, and not for long."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from consentry.domain.staff import House
from consentry.store.session import Connection


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to be stored: whom it is for, the MAC of its code, and under which pepper that is."""

    member_id: UUID
    mac: bytes = field(repr=False)
    pepper_id: str
    valid: timedelta


async def add(connection: Connection, institution_id: int, new: NewLink) -> datetime:
    """Store a link, and give until when it is good."""
    expires_at: datetime = await connection.fetchval(
        """insert into consentry.staff_setup_links
               (institution_id, link_id, member_id, mac, pepper_id, made_at, expires_at)
           values ($1, consentry.time_ordered_id(consentry.now()), $2, $3, $4, consentry.now(), consentry.now() + $5)
           returning expires_at""",
        institution_id,
        new.member_id,
        new.mac,
        new.pepper_id,
        new.valid,
    )
    return expires_at


async def end_unused(connection: Connection, institution_id: int) -> int:
    """Let no link that a house has open anything; give how many could."""
    rows = await connection.fetch(
        """update consentry.staff_setup_links set used_at = consentry.now()
           where institution_id = $1 and used_at is null returning expires_at > consentry.now()""",
        institution_id,
    )
    return sum(row[0] for row in rows)


async def never_came(connection: Connection, institution_id: int) -> list[UUID]:
    """Give the members of a house, not removed, whom a link has invited and who have never signed in."""
    rows = await connection.fetch(
        """select member_id from consentry.staff_members m
           where institution_id = $1 and removed_at is null and subject is null and last_signed_in_at is null
             and exists (select from consentry.staff_setup_links l
                         where l.institution_id = $1 and l.member_id = m.member_id)""",
        institution_id,
    )
    return [row[0] for row in rows]


async def house_of(connection: Connection, macs: list[bytes]) -> tuple[int, House] | None:
    """Find the house that a code is for: its internal id and kind; the code may be used or have expired."""
    row = await connection.fetchrow("select institution_id, kind from consentry.house_of_setup_link($1)", macs)
    return None if row is None else (row["institution_id"], House(row["kind"]))


async def invited(
    connection: Connection, institution_id: int, *, macs: list[bytes] | None = None, member_id: UUID | None = None
) -> UUID | None:
    """Give the member of a house, who was not removed, that a link with this code or for this member invites."""
    found: UUID | None = await connection.fetchval(
        """select l.member_id
           from consentry.staff_setup_links l
           join consentry.staff_members m on m.institution_id = l.institution_id and m.member_id = l.member_id
           where l.institution_id = $1 and l.used_at is null and l.expires_at > consentry.now()
             and m.removed_at is null and (l.mac = any ($2) or l.member_id = $3)""",
        institution_id,
        macs or [],
        member_id,
    )
    return found


async def spend(connection: Connection, institution_id: int, member_id: UUID) -> bool:
    """Use the live link of a member up; False if there is none any more."""
    spent = await connection.fetchval(
        """update consentry.staff_setup_links set used_at = consentry.now()
           where institution_id = $1 and member_id = $2 and used_at is null and expires_at > consentry.now()
           returning true""",
        institution_id,
        member_id,
    )
    return bool(spent)


async def end_under(connection: Connection, institution_id: int, pepper_ids: list[str]) -> int:
    """End the links whose code is stored under peppers that are gone; give how many were live."""
    rows = await connection.fetch(
        """update consentry.staff_setup_links set used_at = consentry.now()
           where institution_id = $1 and used_at is null and pepper_id = any ($2)
           returning expires_at > consentry.now()""",
        institution_id,
        pepper_ids,
    )
    return sum(row[0] for row in rows)
