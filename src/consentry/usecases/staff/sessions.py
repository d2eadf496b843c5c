"""Sessions of staff: begin one, find whose a cookie is, end one or all."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from consentry.domain.actor import Actor
from consentry.domain.credential import random_base62
from consentry.domain.staff import IDLE, LONGEST, House
from consentry.domain.staff_secret import StaffSecret, is_staff_secret, new_staff_secret, staff_mac_of
from consentry.store import audit, staff_sessions
from consentry.store.session import Connection
from consentry.store.staff_sessions import ListedSession, LiveSession, NewSession
from consentry.usecases.services import Services

_CSRF_LENGTH: Final = 28


@dataclass(frozen=True, slots=True)
class BegunSession:
    """A session just begun: its id, and the secret for the cookie, the one time it is known."""

    session_id: UUID
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a session is begun: an IP address, and what the browser says it is."""

    source: str | None = None
    name: str | None = None


async def begin_session(
    services: Services,
    connection: Connection,
    institution_id: int,
    *,
    member_id: UUID,
    browser: Browser,
    kind: str = "staff",
    lasts: timedelta = LONGEST,
    authenticated_at: datetime | None = None,
    provider_sid: str | None = None,
) -> BegunSession:
    """Begin a session of a member in the caller's transaction, which records the sign-in.

    `authenticated_at` is when the provider says that they signed in there, None where nobody did, and `provider_sid`
    the session there.
    """
    secret = new_staff_secret(StaffSecret.SESSION, services.choose)
    pepper_id = services.keyring.current_pepper
    session_id = await staff_sessions.begin(
        connection,
        institution_id,
        NewSession(
            member_id=member_id,
            kind=kind,
            mac=staff_mac_of(secret, StaffSecret.SESSION, services.keyring.peppers[pepper_id]),
            pepper_id=pepper_id,
            csrf=random_base62(services.choose, length=_CSRF_LENGTH),
            lasts=lasts,
            authenticated_at=authenticated_at,
            provider_sid=provider_sid,
            source=browser.source,
            browser=browser.name,
        ),
    )
    return BegunSession(session_id=session_id, secret=secret)


async def use_session(
    services: Services,
    secret: str,
    *,
    house: House,
    host: str | None,
    kind: str = "staff",
    idle: timedelta = IDLE,
) -> LiveSession | None:
    """Give whose session a cookie's secret is, or None if it is no live session of such a house and host.

    Raises:
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    if not is_staff_secret(secret, StaffSecret.SESSION):
        return None
    macs = [staff_mac_of(secret, StaffSecret.SESSION, pepper) for pepper in services.keyring.peppers.values()]
    return await staff_sessions.use(services.session, macs=macs, kind=kind, house=house, host=host, idle=idle)


async def sign_out(services: Services, institution_id: int, session_id: UUID, *, actor: Actor) -> None:
    """End one session; once is enough."""
    async with services.session.begin(institution_id) as connection:
        if await staff_sessions.end(connection, institution_id, session_id):
            await audit.record(
                connection,
                institution_id,
                action="staff.signed_out",
                actor=actor,
                subject=("session", str(session_id)),
            )


async def sign_out_everywhere(
    services: Services, institution_id: int, member_id: UUID, *, actor: Actor, but: UUID | None = None
) -> int:
    """End all sessions of a member, or all but the one named; give how many."""
    async with services.session.begin(institution_id) as connection:
        return await end_sessions(connection, institution_id, member_id, actor=actor, but=but)


async def end_sessions(
    connection: Connection, institution_id: int, member_id: UUID, *, actor: Actor, but: UUID | None = None
) -> int:
    """End all sessions of a member, or all but the one named, in a transaction that is under way; give how many."""
    ended = await staff_sessions.end_all_of(connection, institution_id, member_id, but=but)
    await audit.record(
        connection,
        institution_id,
        action="staff.signed_out_everywhere",
        actor=actor,
        subject=("member", str(member_id)),
        after={"sessions_ended": ended},
    )
    return ended


async def sessions_of(services: Services, institution_id: int, member_id: UUID) -> list[ListedSession]:
    """Give the live sessions of a member, the last used first."""
    async with services.session.begin(institution_id) as connection:
        return await staff_sessions.live_ones(connection, institution_id, member_id, idle=IDLE)
