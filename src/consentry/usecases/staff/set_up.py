"""The first admin's set-up: opened by a code, completed by the first sign-in through the provider that was given."""

from typing import Final

from consentry.connectors.openid import Identity
from consentry.domain.refusal.provider import SignInFailed
from consentry.domain.refusal.staff import SetupLinkDead
from consentry.domain.staff import LONGEST, Role
from consentry.domain.staff_secret import StaffSecret, is_staff_secret, staff_mac_of
from consentry.store import audit, houses, setup_links, staff, staff_sessions
from consentry.store.session import Connection
from consentry.store.staff_sessions import LiveSession
from consentry.usecases.services import Services
from consentry.usecases.staff.ask_provider import check_same, refusals_remembered
from consentry.usecases.staff.attempts import Attempt
from consentry.usecases.staff.come_in import Visit, begin_session_of, verified_email
from consentry.usecases.staff.provider import open_provider, put_pending_in_force, record_change
from consentry.usecases.staff.sessions import BegunSession, begin_session

SETUP: Final = "setup"
"""The kind of a session that opens nothing but the set-up."""


async def open_set_up(services: Services, code: str, *, host: str | None, visit: Visit) -> BegunSession:
    """Begin the set-up for who has the code; the code stays good until the set-up is completed.

    Raises:
        SetupLinkDead: it is none, was used, has expired, or is another house's than the host that was asked.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    if not is_staff_secret(code, StaffSecret.SETUP):
        raise SetupLinkDead
    macs = [staff_mac_of(code, StaffSecret.SETUP, pepper) for pepper in services.keyring.peppers.values()]
    async with services.session.connection() as connection:
        found = await setup_links.house_of(connection, macs)
        asked = await houses.find(connection, None, host=host, kind=visit.house)
    if found is None or found[1] is not visit.house or (asked is not None and asked.institution_id != found[0]):
        raise SetupLinkDead
    begun = await _opened(services, found[0], macs, visit=visit)
    if begun is None:
        raise SetupLinkDead
    return begun


async def _opened(services: Services, institution_id: int, macs: list[bytes], *, visit: Visit) -> BegunSession | None:
    """Begin the set-up, or tell the audit that a dead code was tried."""
    async with services.session.begin(institution_id) as connection:
        member_id = await setup_links.invited(connection, institution_id, macs=macs)
        begun = None
        if member_id is not None:
            begun = await begin_session(
                services,
                connection,
                institution_id,
                member_id=member_id,
                browser=visit.browser,
                kind=SETUP,
                lasts=LONGEST,
            )
        await audit.record(
            connection,
            institution_id,
            action="staff.set_up_opened",
            outcome="done" if begun else "refused",
            actor=visit.actor,
            subject=("member", None if member_id is None else str(member_id)),
            after=None if begun else {"refusal": SetupLinkDead.code},
        )
    return begun


async def check_set_up(services: Services, live: LiveSession) -> None:
    """Check that the link is still good that a set-up was begun with.

    Raises:
        SetupLinkDead: it is not.
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(live.institution_id) as connection:
        if await setup_links.invited(connection, live.institution_id, member_id=live.member_id) is None:
            raise SetupLinkDead


async def finish_set_up(
    services: Services, attempt: Attempt, identity: Identity, *, live: LiveSession | None, visit: Visit
) -> BegunSession:
    """Put the provider in force that the invited admin has signed in through, and begin their first session.

    Raises:
        SignInFailed: somebody else has signed in, or the set-up was changed or ended meanwhile.
        EmailUnverified, NotInvited: the provider tells no address that it has verified.
        SetupLinkDead: the link was used meanwhile.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with refusals_remembered(services, attempt, actor=visit.actor, identity=identity):
        if live is None or str(live.session_id) != attempt.session_id:
            raise SignInFailed("This set-up was begun in another window or has ended; open it with the code again.")
        async with services.session.begin(attempt.institution_id) as connection:
            found = await open_provider(services, connection, attempt.institution_id, "pending", hold=True)
            check_same(found, attempt)
            check_same_person(identity, live)
            await _put_in_force(connection, attempt.institution_id, identity, live=live, visit=visit)
            return await begin_session_of(
                services, connection, attempt, identity, member_id=live.member_id, visit=visit
            )


async def _put_in_force(
    connection: Connection, institution_id: int, identity: Identity, *, live: LiveSession, visit: Visit
) -> None:
    await staff.lock(connection, institution_id)
    if not await setup_links.spend(connection, institution_id, live.member_id):
        raise SetupLinkDead
    before = await put_pending_in_force(
        connection, institution_id, live.member_id, issuer=identity.issuer, subject=identity.subject
    )
    await staff.set_role(connection, institution_id, live.member_id, Role.ADMIN)
    await staff_sessions.end_setups(connection, institution_id)
    await record_change(connection, institution_id, before=before, actor=visit.actor_of(live.member_id))


def check_same_person(identity: Identity, live: LiveSession) -> None:
    """Check that who signed in has verified the address of whose session it is.

    Raises:
        EmailUnverified, NotInvited: the provider tells no address that it has verified.
        SignInFailed: it is another address.
    """
    email = verified_email(identity)
    if email != live.email:
        raise SignInFailed(
            f"You signed in as {email}, but this is for {live.email}: sign in as that, or ask for another link."
        )
