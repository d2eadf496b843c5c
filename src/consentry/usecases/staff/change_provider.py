"""Put a changed provider in force: when the admin who changed it has signed in through it, and not before."""

from consentry.connectors.openid import Identity
from consentry.domain.refusal.provider import SignInFailed
from consentry.domain.refusal.staff import NotAllowed
from consentry.domain.staff import Role
from consentry.store import staff, staff_sessions
from consentry.store.session import Connection
from consentry.store.staff_sessions import LiveSession
from consentry.usecases.services import Services
from consentry.usecases.staff.ask_provider import check_same, refusals_remembered
from consentry.usecases.staff.attempts import Attempt
from consentry.usecases.staff.come_in import Visit, begin_session_of
from consentry.usecases.staff.provider import open_provider, put_pending_in_force, record_change
from consentry.usecases.staff.sessions import BegunSession
from consentry.usecases.staff.set_up import check_same_person


async def finish_change(
    services: Services, attempt: Attempt, identity: Identity, *, live: LiveSession | None, visit: Visit
) -> BegunSession:
    """Put the pending provider in force, and begin a new session of the admin who has just signed in through it.

    Members who were known at another issuer are known by their e-mail again, and their sessions end.

    Raises:
        SignInFailed: somebody else has signed in, or the change was begun in another session.
        NotAllowed: the admin is none any more.
        EmailUnverified, NotInvited: the provider tells no address that it has verified.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with refusals_remembered(services, attempt, actor=visit.actor, identity=identity):
        if live is None or str(live.session_id) != attempt.session_id:
            raise SignInFailed("This test was begun in another window, or your session has ended; begin again.")
        if live.role is not Role.ADMIN:
            raise NotAllowed
        async with services.session.begin(attempt.institution_id) as connection:
            found = await open_provider(services, connection, attempt.institution_id, "pending", hold=True)
            check_same(found, attempt)
            await _put_in_force(connection, attempt.institution_id, identity, live=live, visit=visit)
            return await begin_session_of(
                services, connection, attempt, identity, member_id=live.member_id, visit=visit
            )


async def _put_in_force(
    connection: Connection, institution_id: int, identity: Identity, *, live: LiveSession, visit: Visit
) -> None:
    members = {member.member_id: member for member in await staff.lock(connection, institution_id)}
    admin = members.get(live.member_id)
    if admin is None or admin.role is not Role.ADMIN:
        raise NotAllowed
    if admin.issuer != identity.issuer:
        check_same_person(identity, live)
    elif admin.subject != identity.subject:
        raise SignInFailed("You signed in as somebody else than you are here; sign in as yourself.")
    before = await put_pending_in_force(
        connection, institution_id, live.member_id, issuer=identity.issuer, subject=identity.subject
    )
    await staff_sessions.end(connection, institution_id, live.session_id)
    await record_change(connection, institution_id, before=before, actor=visit.actor_of(live.member_id))
