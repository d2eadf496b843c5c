"""Sessions of staff: begun at sign-in, used at each request, ended by sign-out, removal or time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from consentry.domain.staff import House, Role
from consentry.store.session import Connection, Session

_LONGEST_BROWSER: Final = 200
KINDS: Final = ("staff", "setup")


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
                authenticated_at, source, browser)
           values ($1, consentry.time_ordered_id(consentry.now()), $2, $3, $4, $5, $6, consentry.now(),
                   consentry.now(), consentry.now() + $7, $8, $9, $10)
           returning session_id""",
        institution_id,
        new.member_id,
        new.kind,
        new.mac,
        new.pepper_id,
        new.csrf,
        new.lasts,
        new.authenticated_at,
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


async def spend_state(connection: Connection, institution_id: int, state: bytes) -> bool:
    """Use a sign-in's state, as its SHA-256, up; False if it was used before."""
    spent = await connection.fetchval(
        """insert into consentry.staff_sign_ins (institution_id, state, spent_at) values ($1, $2, consentry.now())
           on conflict do nothing returning true""",
        institution_id,
        state,
    )
    return bool(spent)


async def delete_answered(connection: Connection, *, older_than: timedelta) -> int:
    """Delete, in the houses in sight, what was remembered of sign-ins that were answered so long ago."""
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
