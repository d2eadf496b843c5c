"""Sessions of staff: begun at sign-in, used at each request, ended by sign-out, removal or time."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from consentry.domain.staff import House, Role
from consentry.store.session import Connection, Session

_LONGEST_BROWSER: Final = 200


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to be begun, as far as it is stored; `kind` is `staff`, or `setup` for the set-up of a provider."""

    member_id: UUID
    kind: str
    mac: bytes = field(repr=False)
    pepper_id: str
    csrf: str = field(repr=False)
    lasts: timedelta
    authenticated_at: datetime | None
    provider_sid: str | None
    source: str | None
    browser: str | None


@dataclass(frozen=True, slots=True)
class LiveSession:
    """Whose a session is, at the moment it was asked; `authenticated_at` is when they signed in at the provider."""

    institution_id: int
    public_id: str
    house_name: str
    session_id: UUID
    csrf: str = field(repr=False)
    expires_at: datetime
    authenticated_at: datetime | None
    member_id: UUID
    email: str
    name: str | None
    role: Role
    moment: datetime


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A live session as its owner sees it."""

    session_id: UUID
    began_at: datetime
    used_at: datetime
    source: str | None
    browser: str | None


async def begin(connection: Connection, institution_id: int, new: NewSession) -> UUID:
    """Store a new session and give its id."""
    session_id: UUID = await connection.fetchval(
        """insert into consentry.staff_sessions
               (institution_id, session_id, member_id, kind, mac, pepper_id, csrf, began_at, used_at, expires_at,
                authenticated_at, provider_sid, source, browser)
           values ($1, consentry.time_ordered_id(consentry.now()), $2, $3, $4, $5, $6, consentry.now(),
                   consentry.now(), consentry.now() + $7, $8, $9, $10, $11)
           returning session_id""",
        institution_id,
        new.member_id,
        new.kind,
        new.mac,
        new.pepper_id,
        new.csrf,
        new.lasts,
        new.authenticated_at,
        new.provider_sid,
        new.source,
        None if new.browser is None else new.browser[:_LONGEST_BROWSER].replace("\x00", ""),
    )
    return session_id


async def use(
    session: Session, *, macs: list[bytes], kind: str, house: House, host: str | None, idle: timedelta
) -> LiveSession | None:
    """Give whose session it is, if it lives and was not sent to another house's host; its use is remembered."""
    async with session.connection() as connection:
        row = await connection.fetchrow(
            """select institution_id, public_id, house_name, session_id, csrf, expires_at, authenticated_at, member_id,
                      email, name, role, moment
               from consentry.use_staff_session($1, $2, $3, $4, $5)""",
            macs,
            kind,
            house.value,
            host,
            idle,
        )
    if row is None:
        return None
    return LiveSession(
        institution_id=row["institution_id"],
        public_id=row["public_id"],
        house_name=row["house_name"],
        session_id=row["session_id"],
        csrf=row["csrf"],
        expires_at=row["expires_at"],
        authenticated_at=row["authenticated_at"],
        member_id=row["member_id"],
        email=row["email"],
        name=row["name"],
        role=Role(row["role"]),
        moment=row["moment"],
    )


async def end(connection: Connection, institution_id: int, session_id: UUID) -> bool:
    """End one session; tell whether it lived."""
    ended = await connection.fetchval(
        """update consentry.staff_sessions set ended_at = consentry.now()
           where institution_id = $1 and session_id = $2 and ended_at is null returning true""",
        institution_id,
        session_id,
    )
    return bool(ended)


async def end_all_of(
    connection: Connection, institution_id: int, member_id: UUID | None = None, *, but: UUID | None = None
) -> int:
    """End the sessions of a member, or of the whole house, but one; give how many lived."""
    rows = await connection.fetch(
        """update consentry.staff_sessions set ended_at = consentry.now()
           where institution_id = $1 and ($2::uuid is null or member_id = $2) and ended_at is null
             and session_id is distinct from $3 and expires_at > consentry.now()
           returning session_id""",
        institution_id,
        member_id,
        but,
    )
    return len(rows)


async def end_at_provider(
    connection: Connection, institution_id: int, *, issuer: str, subject: str | None, sid: str | None
) -> list[UUID]:
    """End the live sessions that began with a session at a provider, or of somebody there; give whose each was.

    Where both are told, it is that person's sessions of this `sid`, and those of which no `sid` is known.
    """
    rows = await connection.fetch(
        """update consentry.staff_sessions s set ended_at = consentry.now()
           from consentry.staff_members m
           where s.institution_id = $1 and s.kind = 'staff' and s.ended_at is null and s.expires_at > consentry.now()
             and m.institution_id = s.institution_id and m.member_id = s.member_id
             and m.issuer = $2 and ($3::text is null or m.subject = $3)
             and ($4::text is null or s.provider_sid = $4 or (s.provider_sid is null and $3 is not null))
           returning s.member_id""",
        institution_id,
        issuer,
        subject,
        sid,
    )
    return [row[0] for row in rows]


async def end_setups(connection: Connection, institution_id: int) -> None:
    """End what was begun with links for a first admin."""
    await connection.execute(
        """update consentry.staff_sessions set ended_at = consentry.now()
           where institution_id = $1 and kind = 'setup' and ended_at is null""",
        institution_id,
    )


async def end_under(connection: Connection, institution_id: int, pepper_ids: list[str]) -> int:
    """End the sessions whose secret is stored under peppers that are gone; give how many lived."""
    rows = await connection.fetch(
        """update consentry.staff_sessions set ended_at = consentry.now()
           where institution_id = $1 and pepper_id = any ($2) and ended_at is null and expires_at > consentry.now()
           returning session_id""",
        institution_id,
        pepper_ids,
    )
    return len(rows)


async def live_ones(
    connection: Connection, institution_id: int, member_id: UUID, *, idle: timedelta
) -> list[ListedSession]:
    """Give the live sessions of a member, the last used first."""
    rows = await connection.fetch(
        """select session_id, began_at, used_at, source, browser from consentry.staff_sessions
           where institution_id = $1 and member_id = $2 and kind = 'staff' and ended_at is null
             and expires_at > consentry.now() and used_at > consentry.now() - $3::interval
           order by used_at desc, session_id""",
        institution_id,
        member_id,
        idle,
    )
    return [ListedSession(*row) for row in rows]


async def spend(connection: Connection, institution_id: int, told: str) -> bool:
    """Use up what a provider answered or told, known by a sign-in's state or a logout's jti; False if it was before."""
    spent = await connection.fetchval(
        """insert into consentry.staff_sign_ins (institution_id, state, spent_at) values ($1, $2, consentry.now())
           on conflict do nothing returning true""",
        institution_id,
        hashlib.sha256(told.encode()).digest(),
    )
    return bool(spent)


async def delete_answered(connection: Connection, *, older_than: timedelta) -> int:
    """Delete, in the houses in sight, what was remembered of sign-ins and logouts that were told so long ago."""
    rows = await connection.fetch(
        "delete from consentry.staff_sign_ins where spent_at < consentry.now() - $1::interval returning true",
        older_than,
    )
    return len(rows)


async def delete_ended(connection: Connection, *, older_than: timedelta) -> int:
    """Delete, in the houses in sight, sessions that ended or expired so long ago."""
    rows = await connection.fetch(
        """delete from consentry.staff_sessions
           where coalesce(ended_at, expires_at) < consentry.now() - $1::interval returning session_id""",
        older_than,
    )
    return len(rows)
