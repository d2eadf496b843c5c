"""The provider at which a house's staff sign in: shown, put in force, changed step by step, forgotten.

A change made in a portal waits as the pending provider until somebody has signed in through it (set_up.py,
change_provider.py). Whoever holds both rows holds the pending one first, and the team's after them.
"""

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from consentry.connectors.openid import discover, discovery_address
from consentry.connectors.outbound import Outbound
from consentry.domain.actor import Actor
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.refusal.provider import AddressRefused, AddressSilent, ProviderUnusable, SignInFailed
from consentry.domain.refusal.staff import NoStaffProvider
from consentry.domain.staff import INVITATION_VALID, House
from consentry.domain.staff_provider import StaffProvider, check_staff_provider
from consentry.store import audit, setup_links, staff, staff_providers, staff_sessions
from consentry.store.sealed_secret import SealedSecret
from consentry.store.session import Connection
from consentry.store.staff_providers import State, StoredProvider
from consentry.usecases.services import Services
from consentry.usecases.staff.team import lock_team

NONE_WAITS: Final = "No change is waiting any more: it was cancelled, or is in force by now."
_LOST: Final = (
    "The client secret of the change that waits is lost with the key it was encrypted under: give all of it anew."
)


@dataclass(frozen=True, slots=True)
class OpenProvider:
    """A provider and its client secret, for the time of one sign-in."""

    provider: StaffProvider
    client_secret: str = field(repr=False)


async def establish_provider(
    services: Services,
    institution_id: int,
    *,
    discovery_url: str,
    issuer: str,
    client_id: str,
    client_secret: str,
    actor: Actor,
) -> None:
    """Put a provider in force at once, untried; members known at another issuer are known by their e-mail again.

    Raises:
        InvalidSettings: something is missing or malformed.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    check_staff_provider(discovery_url=discovery_url, client_id=client_id, client_secret=client_secret)
    async with services.session.begin(institution_id) as connection:
        await staff_providers.delete(connection, institution_id, "pending")
        before = await staff_providers.find(connection, institution_id, "current", hold=True)
        await staff_providers.write(
            connection,
            institution_id,
            "current",
            discovery_url=discovery_url,
            issuer=issuer,
            client_id=client_id,
            secret=seal_secret(services, institution_id, client_secret),
            signs_out=None,
        )
        await know_anew(connection, institution_id, issuer=issuer)
        await record_change(connection, institution_id, before=before, actor=actor)


async def show_provider(services: Services, institution_id: int, *, state: State = "current") -> StaffProvider | None:
    """Give a house's provider, without its secret; None if there is none.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(institution_id) as connection:
        found = await staff_providers.find(connection, institution_id, state)
    return None if found is None else found.provider


async def propose_provider(
    services: Services,
    outbound: Outbound,
    institution_id: int,
    *,
    discovery_url: str,
    client_id: str,
    client_secret: str,
    house: House,
    actor: Actor,
) -> StaffProvider:
    """Read a provider's metadata and store it as pending: in force once somebody has signed in through it.

    An empty `client_secret` is the one that was given before, if nothing else differs from what is pending.

    Raises:
        InvalidSettings: something is missing or malformed, or the provider can't be used; with a sentence a field.
        NotAllowed: who acts was an admin when they asked, and is none any more.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    place = discovery_address(discovery_url)
    secret = client_secret or await _given_before(services, institution_id, place=place, client_id=client_id)
    check_staff_provider(discovery_url=discovery_url, client_id=client_id, client_secret=secret)
    try:
        metadata = await discover(outbound, place)
    except (AddressRefused, AddressSilent, ProviderUnusable) as refusal:
        raise InvalidSettings({"discovery_url": refusal.description}) from refusal
    async with services.session.begin(institution_id) as connection:
        await staff_providers.write(
            connection,
            institution_id,
            "pending",
            discovery_url=place,
            issuer=metadata.issuer,
            client_id=client_id,
            secret=seal_secret(services, institution_id, secret),
            signs_out=metadata.backchannel_logout_supported,
        )
        await lock_team(connection, institution_id, house=house, actor=actor)
        found = await staff_providers.find(connection, institution_id, "pending")
        if found is None:
            raise AssertionError
        await audit.record(
            connection,
            institution_id,
            action="staff_provider.proposed",
            actor=actor,
            subject=("staff_provider", metadata.issuer),
            after=facts_of(found),
        )
    return found.provider


async def _given_before(services: Services, institution_id: int, *, place: str, client_id: str) -> str:
    """Give the secret of the pending provider: it never goes to an address that it was not given for."""
    async with services.session.begin(institution_id) as connection:
        try:
            found = await open_provider(services, connection, institution_id, "pending")
        except NoStaffProvider:
            return ""
    same = (found.provider.discovery_url, found.provider.client_id) == (place, client_id)
    return found.client_secret if same else ""


async def drop_proposal(services: Services, institution_id: int, *, house: House, actor: Actor) -> bool:
    """Forget the pending provider, and tell whether there was one; what is in force stays.

    Raises:
        NotAllowed: who acts is no admin any more.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with services.session.begin(institution_id) as connection:
        before = await staff_providers.find(connection, institution_id, "pending", hold=True)
        if before is None:
            return False
        await lock_team(connection, institution_id, house=house, actor=actor)
        await staff_providers.delete(connection, institution_id, "pending")
        await audit.record(
            connection,
            institution_id,
            action="staff_provider.proposal_dropped",
            actor=actor,
            subject=("staff_provider", before.provider.issuer),
            before=facts_of(before),
        )
    return True


async def forget_provider(services: Services, institution_id: int, *, actor: Actor) -> int:
    """Forget a house's provider and end everybody's session, so that a first admin can set one up; give how many ended.

    Members stay; they are known again where the same issuer is set up, or else by their e-mail.

    Raises:
        NoStaffProvider: there is none.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with services.session.begin(institution_id) as connection:
        pending = await staff_providers.delete(connection, institution_id, "pending")
        before = await staff_providers.find(connection, institution_id, "current", hold=True)
        if before is None and not pending:
            raise NoStaffProvider("There is no provider to forget; make a link with consentry staff first-admin.")
        await staff_providers.delete(connection, institution_id, "current")
        await setup_links.end_unused(connection, institution_id)
        ended = await staff_sessions.end_all_of(connection, institution_id)
        await audit.record(
            connection,
            institution_id,
            action="staff_provider.forgotten",
            actor=actor,
            subject=("staff_provider", None if before is None else before.provider.issuer),
            before=None if before is None else facts_of(before),
            after={"sessions_ended": ended},
        )
    return ended


async def open_provider(
    services: Services, connection: Connection, institution_id: int, state: State, *, hold: bool = False
) -> OpenProvider:
    """Give a provider with its secret in clear; with `hold` it stays as it is until the transaction ends.

    Raises:
        NoStaffProvider: there is none, or its secret is lost; of a pending one it says which.
    """
    found = await staff_providers.find(connection, institution_id, state, hold=hold)
    if found is None or found.secret is None:
        if state == "current":
            raise NoStaffProvider
        raise NoStaffProvider(NONE_WAITS if found is None else _LOST)
    opened = services.keyring.open(found.secret.sealed, key_id=found.secret.under, purpose=purpose_of(institution_id))
    return OpenProvider(provider=found.provider, client_secret=opened.decode())


async def put_pending_in_force(
    connection: Connection, institution_id: int, member_id: UUID, *, issuer: str, subject: str
) -> StoredProvider | None:
    """Have the pending provider replace the current one, as who a member was found there; give the one before.

    The caller holds the members and checks who it is.

    Raises:
        SignInFailed: somebody else on the team is known as this subject.
    """
    before = await staff_providers.find(connection, institution_id, "current", hold=True)
    await staff_providers.promote(connection, institution_id)
    await know_anew(connection, institution_id, issuer=issuer)
    if not await staff.rebind(connection, institution_id, member_id, issuer=issuer, subject=subject):
        raise SignInFailed("Somebody else on the team is known as this account.")
    return before


async def know_anew(connection: Connection, institution_id: int, *, issuer: str) -> None:
    """Forget who members are at issuers other than this, and end their sessions."""
    for member_id in await staff.unbind(connection, institution_id, valid=INVITATION_VALID, but_issuer=issuer):
        await staff_sessions.end_all_of(connection, institution_id, member_id)


async def record_change(
    connection: Connection, institution_id: int, *, before: StoredProvider | None, actor: Actor
) -> None:
    """Tell the audit which provider is in force now, and which was."""
    after = await staff_providers.find(connection, institution_id, "current")
    if after is None:
        raise AssertionError
    await audit.record(
        connection,
        institution_id,
        action="staff_provider.changed",
        actor=actor,
        subject=("staff_provider", after.provider.issuer),
        before=None if before is None else facts_of(before),
        after=facts_of(after),
    )


def seal_secret(services: Services, institution_id: int, client_secret: str) -> SealedSecret:
    """Seal a client secret for a house's provider, pending or in force."""
    return SealedSecret(*services.keyring.seal(client_secret.encode(), purpose=purpose_of(institution_id)))


def purpose_of(institution_id: int) -> str:
    """Name what a sealed client secret is for, so that it opens as nothing else."""
    return f"staff-provider:{institution_id}"


def facts_of(stored: StoredProvider) -> dict[str, object]:
    """Give what the audit may know of a provider: all but its secret."""
    provider = stored.provider
    return {
        "discovery_url": provider.discovery_url,
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "version": provider.version,
    }
