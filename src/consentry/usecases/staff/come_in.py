"""Let a member of staff come in: known by issuer and subject, at first bound by the e-mail that they have verified."""

from dataclasses import dataclass
from uuid import UUID

from consentry.connectors.openid import Identity
from consentry.domain.actor import Actor
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.refusal.staff import EmailUnverified, NotInvited
from consentry.domain.staff import STAFF_KIND, House, Member, check_email
from consentry.store import audit, staff
from consentry.store.session import Connection
from consentry.usecases.services import Services
from consentry.usecases.staff.ask_provider import ACTIONS, check_same, refusals_remembered
from consentry.usecases.staff.attempts import Attempt
from consentry.usecases.staff.provider import open_provider
from consentry.usecases.staff.sessions import BegunSession, Browser, begin_session


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks to come in to which portal, from where, with what; `actor` is as yet nobody."""

    house: House
    browser: Browser
    request_id: str | None = None

    @property
    def actor(self) -> Actor:
        """Give the actor as long as nobody is known."""
        return Actor(STAFF_KIND[self.house], None, self.browser.source, self.request_id)

    def actor_of(self, member_id: UUID) -> Actor:
        """Give the actor once somebody is known."""
        return Actor(STAFF_KIND[self.house], str(member_id), self.browser.source, self.request_id)


async def come_in(services: Services, attempt: Attempt, identity: Identity, *, visit: Visit) -> BegunSession:
    """Begin a session for who has signed in; what is refused is told to the audit.

    Raises:
        NotInvited: nobody on the team is this.
        EmailUnverified: an address would tell who it is, but nobody has verified it.
        SignInFailed: the provider was changed meanwhile.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with (
        refusals_remembered(services, attempt, actor=visit.actor, identity=identity),
        services.session.begin(attempt.institution_id) as connection,
    ):
        check_same(await open_provider(services, connection, attempt.institution_id, "current", hold=True), attempt)
        member = await staff.known_as(
            connection, attempt.institution_id, issuer=identity.issuer, subject=identity.subject
        ) or await _bound(connection, attempt.institution_id, identity)
        return await begin_session_of(services, connection, attempt, identity, member_id=member.member_id, visit=visit)


async def begin_session_of(
    services: Services,
    connection: Connection,
    attempt: Attempt,
    identity: Identity,
    *,
    member_id: UUID,
    visit: Visit,
) -> BegunSession:
    """Begin the session of a member who has signed in, in the caller's transaction, and tell the audit."""
    await staff.note_sign_in(connection, attempt.institution_id, member_id, name=identity.name)
    begun = await begin_session(
        services,
        connection,
        attempt.institution_id,
        member_id=member_id,
        browser=visit.browser,
        authenticated_at=identity.authenticated_at,
        provider_sid=identity.sid,
    )
    await audit.record(
        connection,
        attempt.institution_id,
        action="staff.signed_in",
        actor=visit.actor_of(member_id),
        subject=("session", str(begun.session_id)),
        after={
            "issuer": identity.issuer,
            "sub": identity.subject,
            "authenticated_at": identity.authenticated_at.isoformat(timespec="seconds"),
            "for": ACTIONS[attempt.purpose],
        },
    )
    return begun


async def _bound(connection: Connection, institution_id: int, identity: Identity) -> Member:
    """Bind who signs in for the first time to the invitation for their address."""
    member = await staff.invited_as(connection, institution_id, verified_email(identity))
    if member is None or not await staff.bind(
        connection,
        institution_id,
        member.member_id,
        issuer=identity.issuer,
        subject=identity.subject,
        name=identity.name,
    ):
        raise NotInvited
    return member


def verified_email(identity: Identity) -> str:
    """Give the address that the provider has verified, as addresses are compared.

    Raises:
        EmailUnverified: it has verified none.
        NotInvited: it is none that anybody could have been invited by.
    """
    if identity.email is None or not identity.email_verified:
        raise EmailUnverified
    try:
        return check_email(identity.email)
    except InvalidSettings:
        raise NotInvited from None
