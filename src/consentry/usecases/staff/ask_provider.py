"""The two halves of a sign-in at a house's provider: begun with an address, and answered by an identity.

Who the identity is here, and what that is good for, is decided by come_in.py, set_up.py and change_provider.py.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from consentry.connectors.openid import Identity, OpenIdClient, code_of, discover, exchange, sign_in_address
from consentry.connectors.outbound import Outbound
from consentry.domain.actor import Actor
from consentry.domain.refusal import Refusal
from consentry.domain.refusal.provider import ProviderUnusable, SignInFailed
from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.domain.staff import SIGN_IN_SECONDS, House
from consentry.store import audit, clock, staff_sessions
from consentry.store.staff_providers import State
from consentry.usecases.services import Services
from consentry.usecases.staff.attempts import Attempt, Purpose, Wish, new_attempt, seal_attempt
from consentry.usecases.staff.provider import OpenProvider, open_provider

ACTIONS: Final = {
    Purpose.COME_IN: "staff.signed_in",
    Purpose.SET_UP: "staff.set_up",
    Purpose.CHANGE: "staff_provider.changed",
}
"""What the audit calls an attempt that was answered."""
_STATES: Final[dict[Purpose, State]] = {
    Purpose.COME_IN: "current",
    Purpose.SET_UP: "pending",
    Purpose.CHANGE: "pending",
}


@dataclass(frozen=True, slots=True)
class BegunSignIn:
    """Where to send the browser, and what it has to bring back: the sealed attempt."""

    address: str = field(repr=False)
    sealed: str = field(repr=False)


async def begin_sign_in(services: Services, outbound: Outbound, wish: Wish, *, house: House) -> BegunSignIn:
    """Begin a sign-in at a house's provider: at the pending one where it is to be tried, else at the one in force.

    Raises:
        NoStaffProvider: there is none.
        AddressRefused, AddressSilent, ProviderUnusable: it can't be used at present.
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(wish.institution_id) as connection:
        found = await open_provider(services, connection, wish.institution_id, _STATES[wish.purpose])
        moment = await clock.now(connection)
    attempt = new_attempt(services, wish, version=found.provider.version, begun_at=int(moment.timestamp()))
    client = await client_at(outbound, found, redirect_uri=wish.redirect_uri)
    return BegunSignIn(
        address=sign_in_address(client, attempt.asked, login_hint=wish.login_hint),
        sealed=seal_attempt(services.keyring, attempt, house=house),
    )


async def identify(
    services: Services, outbound: Outbound, attempt: Attempt, answer: Mapping[str, str], *, actor: Actor
) -> Identity:
    """Give who answered an attempt, once; what is refused is told to the audit of the house.

    Raises:
        SignInFailed: the answer belongs to another attempt, was given before, or too late.
        AddressRefused, AddressSilent, ProviderUnusable, NoStaffProvider: the provider.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with refusals_remembered(services, attempt, actor=actor):
        return await _identify(services, outbound, attempt, answer)


@asynccontextmanager
async def refusals_remembered(
    services: Services, attempt: Attempt, *, actor: Actor, identity: Identity | None = None
) -> AsyncIterator[None]:
    """Tell the audit, in a transaction of its own, what refused an attempt, and who it was as far as that is known."""
    try:
        yield
    except TemporarilyUnavailable:
        raise
    except Refusal as refusal:
        await _remember(services, attempt, refusal, actor=actor, identity=identity)
        raise


async def _remember(
    services: Services, attempt: Attempt, refusal: Refusal, *, actor: Actor, identity: Identity | None
) -> None:
    who = {} if identity is None else {"issuer": identity.issuer, "sub": identity.subject, "email": identity.email}
    async with services.session.begin(attempt.institution_id) as connection:
        await audit.record(
            connection,
            attempt.institution_id,
            action=ACTIONS[attempt.purpose],
            outcome="refused",
            actor=actor,
            subject=("sign-in", None),
            after={"refusal": refusal.code, **who},
        )


async def _identify(services: Services, outbound: Outbound, attempt: Attempt, answer: Mapping[str, str]) -> Identity:
    # An answer to another attempt leaves this one as it is: whoever forged it can't end it.
    if answer.get("state") != attempt.state:
        raise SignInFailed("This sign-in belongs to another window or has been used; begin again.")
    async with services.session.begin(attempt.institution_id) as connection:
        moment = int((await clock.now(connection)).timestamp())
        if not 0 <= moment - attempt.begun_at <= SIGN_IN_SECONDS:
            raise SignInFailed("The sign-in took longer than 10 minutes; begin again.")
        if not await staff_sessions.spend(connection, attempt.institution_id, attempt.state):
            raise SignInFailed("This sign-in has been used; begin again.")
    async with services.session.begin(attempt.institution_id) as connection:
        found = await open_provider(services, connection, attempt.institution_id, _STATES[attempt.purpose])
    check_same(found, attempt)
    client = await client_at(outbound, found, redirect_uri=attempt.redirect_uri)
    code = code_of(client, attempt.asked, answer)
    return await exchange(outbound, client, attempt.asked, code=code, now=moment)


def check_same(found: OpenProvider, attempt: Attempt) -> None:
    """Check that a provider is the one that the attempt was begun at.

    Raises:
        SignInFailed: it was changed meanwhile.
    """
    if found.provider.version != attempt.version:
        raise SignInFailed("The settings of the sign-in were changed meanwhile; begin again.")


async def client_at(outbound: Outbound, found: OpenProvider, *, redirect_uri: str = "") -> OpenIdClient:
    """Give a provider as it describes itself now, and our registration there.

    Raises:
        AddressRefused, AddressSilent, ProviderUnusable: it can't be used at present.
    """
    metadata = await discover(outbound, found.provider.discovery_url)
    if metadata.issuer != found.provider.issuer:
        raise ProviderUnusable("The provider names another issuer than when it was set up.")
    return OpenIdClient(
        metadata=metadata,
        client_id=found.provider.client_id,
        client_secret=found.client_secret,
        redirect_uri=redirect_uri,
    )
