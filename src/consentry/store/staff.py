"""Members of staff, of institutions and of partners: added, bound to who they are, changed, removed, never deleted."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg

from consentry.domain.refusal.staff import MemberExists
from consentry.domain.staff import Member, MemberStatus, Role, name_as_kept
from consentry.store.lists import COUNTED_UP_TO
from consentry.store.session import Connection

_COLUMNS: Final = (
    "member_id, email, name, role, issuer, subject, added_at, invited_until, last_signed_in_at, removed_at"
)

_MATCH: Final = """institution_id = $1 and removed_at is null
    and ($2::text is null or role = $2)
    and ($3::text is null or case when subject is not null then 'active'
                                  when invited_until > consentry.now() then 'invited' else 'expired' end = $3)
    and ($4::text is null or strpos(email, $4) > 0 or strpos(lower(name), $4) > 0)"""


@dataclass(frozen=True, slots=True)
class MemberFilter:
    """Whom a list of members shows: of a role, in a status, with these letters in e-mail address or name."""

    role: Role | None = None
    status: MemberStatus | None = None
    letters: str = ""


async def add(
    connection: Connection, institution_id: int, *, email: str, role: Role, valid: timedelta, name: str | None = None
) -> Member:
    """Add a member who may sign in for the first time within `valid`.

    Raises:
        MemberExists: somebody with this address is a member.
    """
    try:
        row = await connection.fetchrow(
            f"""insert into consentry.staff_members
                    (institution_id, member_id, email, name, role, added_at, invited_until)
                values ($1, consentry.time_ordered_id(consentry.now()), $2, $3, $4, consentry.now(),
                        consentry.now() + $5)
                returning {_COLUMNS}""",
            institution_id,
            email,
            name,
            role.value,
            valid,
        )
    except asyncpg.UniqueViolationError:
        raise MemberExists from None
    return _found(row)


async def members(connection: Connection, institution_id: int) -> list[Member]:
    """Give the members who are not removed, by e-mail address."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from consentry.staff_members
            where institution_id = $1 and removed_at is null order by email""",
        institution_id,
    )
    return [_member(row) for row in rows]


async def page(
    connection: Connection, institution_id: int, wanted: MemberFilter, *, after: str, limit: int
) -> list[Member]:
    """Give members who match, by e-mail address, beginning behind the address `after`."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from consentry.staff_members where {_MATCH} and email > $5 order by email limit $6",
        institution_id,
        *_matched(wanted),
        after,
        limit,
    )
    return [_member(row) for row in rows]


async def count(connection: Connection, institution_id: int, wanted: MemberFilter) -> int:
    """Count the members who match, up to 1,001."""
    found: int = await connection.fetchval(
        f"select count(*) from (select from consentry.staff_members where {_MATCH} limit {COUNTED_UP_TO}) as matching",
        institution_id,
        *_matched(wanted),
    )
    return found


async def named(connection: Connection, institution_id: int, member_ids: list[UUID]) -> dict[UUID, Member]:
    """Give members by their ids, removed ones too."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from consentry.staff_members where institution_id = $1 and member_id = any ($2)",
        institution_id,
        member_ids,
    )
    return {row["member_id"]: _member(row) for row in rows}


async def ids_with(connection: Connection, institution_id: int, letters: str) -> list[UUID]:
    """Give the ids of members, removed ones too, with these letters in e-mail address or name; 500 at most."""
    rows = await connection.fetch(
        """select member_id from consentry.staff_members
           where institution_id = $1 and (strpos(email, lower($2)) > 0 or strpos(lower(name), lower($2)) > 0)
           limit 500""",
        institution_id,
        letters,
    )
    return [row[0] for row in rows]


async def has_come(connection: Connection, institution_id: int) -> bool:
    """Tell whether anybody on the team has ever signed in, removed ones too."""
    found: bool = await connection.fetchval(
        """select exists (select from consentry.staff_members
                          where institution_id = $1 and last_signed_in_at is not null)""",
        institution_id,
    )
    return found


async def lock(connection: Connection, institution_id: int) -> list[Member]:
    """Give the members who are not removed, and let nobody else change them until the transaction ends."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from consentry.staff_members
            where institution_id = $1 and removed_at is null order by member_id for update""",
        institution_id,
    )
    return [_member(row) for row in rows]


async def known_as(connection: Connection, institution_id: int, *, issuer: str, subject: str) -> Member | None:
    """Give the member who is this at an issuer, and let nobody change them until the transaction ends."""
    row = await connection.fetchrow(
        f"""select {_COLUMNS} from consentry.staff_members
            where institution_id = $1 and issuer = $2 and subject = $3 and removed_at is null for update""",
        institution_id,
        issuer,
        subject,
    )
    return None if row is None else _member(row)


async def invited_as(connection: Connection, institution_id: int, email: str) -> Member | None:
    """Give the member with this e-mail address, if nobody is known as them yet; held as `known_as` does."""
    row = await connection.fetchrow(
        f"""select {_COLUMNS} from consentry.staff_members
            where institution_id = $1 and email = $2 and subject is null and removed_at is null for update""",
        institution_id,
        email,
    )
    return None if row is None else _member(row)


async def rebind(connection: Connection, institution_id: int, member_id: UUID, *, issuer: str, subject: str) -> bool:
    """Bind a member anew, whoever they were known as; False if somebody else is known as this, or they are removed."""
    bound = await connection.fetchval(
        """update consentry.staff_members set issuer = $3, subject = $4
           where institution_id = $1 and member_id = $2 and removed_at is null
             and not exists (select from consentry.staff_members o where o.institution_id = $1 and o.removed_at is null
                             and o.issuer = $3 and o.subject = $4 and o.member_id <> $2)
           returning true""",
        institution_id,
        member_id,
        issuer,
        subject,
    )
    return bool(bound)


async def bind(
    connection: Connection, institution_id: int, member_id: UUID, *, issuer: str, subject: str, name: str | None
) -> bool:
    """Bind a member to who they are at an issuer; False if the member is bound, removed or invited no longer."""
    try:
        bound = await connection.fetchval(
            """update consentry.staff_members set issuer = $3, subject = $4, name = coalesce($5, name)
               where institution_id = $1 and member_id = $2 and removed_at is null and subject is null
                 and invited_until > consentry.now()
               returning true""",
            institution_id,
            member_id,
            issuer,
            subject,
            name_as_kept(name),
        )
    except asyncpg.UniqueViolationError:
        return False
    return bool(bound)


async def note_sign_in(connection: Connection, institution_id: int, member_id: UUID, *, name: str | None) -> None:
    """Remember that a member has signed in, and the name that the provider gives."""
    await connection.execute(
        """update consentry.staff_members set last_signed_in_at = consentry.now(), name = coalesce($3, name)
           where institution_id = $1 and member_id = $2""",
        institution_id,
        member_id,
        name_as_kept(name),
    )


async def set_role(connection: Connection, institution_id: int, member_id: UUID, role: Role) -> None:
    """Give a member another role."""
    await connection.execute(
        "update consentry.staff_members set role = $3 where institution_id = $1 and member_id = $2",
        institution_id,
        member_id,
        role.value,
    )


async def invite_again(connection: Connection, institution_id: int, member_id: UUID, *, valid: timedelta) -> None:
    """Let a member who has not signed in do so within `valid` from now."""
    await connection.execute(
        """update consentry.staff_members set invited_until = consentry.now() + $3
           where institution_id = $1 and member_id = $2 and subject is null""",
        institution_id,
        member_id,
        valid,
    )


async def unbind(
    connection: Connection, institution_id: int, *, valid: timedelta, but_issuer: str | None = None
) -> list[UUID]:
    """Forget who members are at issuers other than `but_issuer`: they bind again by their e-mail within `valid`."""
    rows = await connection.fetch(
        """update consentry.staff_members
           set issuer = null, subject = null, invited_until = consentry.now() + $2
           where institution_id = $1 and removed_at is null and issuer is not null and issuer is distinct from $3
           returning member_id""",
        institution_id,
        valid,
        but_issuer,
    )
    return [row[0] for row in rows]


async def remove(connection: Connection, institution_id: int, member_id: UUID) -> None:
    """Remove a member; what they did stays under their name."""
    await connection.execute(
        """update consentry.staff_members set removed_at = consentry.now()
           where institution_id = $1 and member_id = $2 and removed_at is null""",
        institution_id,
        member_id,
    )


def _matched(wanted: MemberFilter) -> tuple[str | None, str | None, str | None]:
    return (
        None if wanted.role is None else wanted.role.value,
        None if wanted.status is None else wanted.status.value,
        wanted.letters.lower() or None,
    )


def _found(row: asyncpg.Record | None) -> Member:
    if row is None:
        raise AssertionError
    return _member(row)


def _member(row: asyncpg.Record) -> Member:
    return Member(
        member_id=row["member_id"],
        email=row["email"],
        name=row["name"],
        role=Role(row["role"]),
        issuer=row["issuer"],
        subject=row["subject"],
        added_at=row["added_at"],
        invited_until=row["invited_until"],
        last_signed_in_at=row["last_signed_in_at"],
        removed_at=row["removed_at"],
    )
