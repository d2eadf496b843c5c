"""End sessions whose people were signed out at the house's provider, when it tells so (Back-Channel Logout 1.0)."""

from consentry.connectors.openid import parse_logout, verify_logout
from consentry.connectors.outbound import Outbound
from consentry.domain.refusal.request import InvalidRequest
from consentry.store import audit, clock, staff_sessions
from consentry.usecases.services import Services
from consentry.usecases.staff.ask_provider import client_at
from consentry.usecases.staff.come_in import Visit
from consentry.usecases.staff.provider import open_provider


async def sign_out_at_provider(
    services: Services, outbound: Outbound, institution_id: int, token: str, *, visit: Visit
) -> int:
    """End the sessions that a logout token is about, once; give how many lived.

    What is refused is not told to the audit, which strangers could fill with it.

    Raises:
        InvalidRequest: the token can't be believed, or was used before.
        AddressRefused, AddressSilent, ProviderUnusable, NoStaffProvider: the provider.
        TemporarilyUnavailable: the store can't be reached or can't write; nothing was ended.
    """
    async with services.session.begin(institution_id) as connection:
        found = await open_provider(services, connection, institution_id, "current")
        now = int((await clock.now(connection)).timestamp())
    logout = parse_logout(token, issuer=found.provider.issuer, client_id=found.provider.client_id, now=now)
    await verify_logout(outbound, await client_at(outbound, found), token)
    async with services.session.begin(institution_id) as connection:
        current = await open_provider(services, connection, institution_id, "current", hold=True)
        if current.provider.version != found.provider.version:
            raise InvalidRequest("The logout token is refused: its provider is no longer the one in force.")
        if not await staff_sessions.spend(connection, institution_id, f"logout {logout.jti}"):
            raise InvalidRequest("The logout token is refused: it was used before.")
        ended = await staff_sessions.end_at_provider(
            connection, institution_id, issuer=logout.issuer, subject=logout.subject, sid=logout.sid
        )
        await audit.record(
            connection,
            institution_id,
            action="staff.signed_out_at_provider",
            actor=visit.actor,
            subject=("member", str(ended[0]) if ended else None),
            after={"issuer": logout.issuer, "sub": logout.subject, "sessions_ended": len(ended)},
        )
    return len(ended)
