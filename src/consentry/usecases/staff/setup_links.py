"""Links for first admins: made by whoever adds a house, good once and for 72 hours, for nothing but the set-up."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from consentry.domain.actor import Actor
from consentry.domain.refusal.staff import ProviderInForce
from consentry.domain.staff import SETUP_VALID, Member, Role, check_email
from consentry.domain.staff_secret import StaffSecret, new_staff_secret, staff_mac_of
from consentry.store import audit, setup_links, staff, staff_providers, staff_sessions
from consentry.store.session import Connection
from consentry.store.setup_links import NewLink
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class MadeSetupLink:
    """A link just made: its code, the one time it is known, whom it is for, and until when it is good."""

    code: str = field(repr=False)
    member_id: UUID
    expires_at: datetime


async def make_setup_link(
    services: Services, connection: Connection, institution_id: int, *, email: str, actor: Actor
) -> MadeSetupLink:
    """Make a link for an admin with this e-mail address, in the caller's transaction, which sees the house.

    The admin is added as invited; somebody with this address becomes admin. Earlier links of the house open nothing
    any more, and what was begun with them ends.

    Raises:
        InvalidSettings: `email`; it is none.
        ProviderInForce: the house's staff can sign in already.
    """
    address = check_email(email)
    there = await staff.lock(connection, institution_id)
    found = await staff_providers.find(connection, institution_id, "current")
    if found is not None and found.secret is not None:
        raise ProviderInForce
    member = await _admin(connection, institution_id, address, there=there)
    await setup_links.end_unused(connection, institution_id)
    await staff_sessions.end_setups(connection, institution_id)
    code = new_staff_secret(StaffSecret.SETUP, services.choose)
    pepper_id = services.keyring.current_pepper
    mac = staff_mac_of(code, StaffSecret.SETUP, services.keyring.peppers[pepper_id])
    expires_at = await setup_links.add(
        connection, institution_id, NewLink(member.member_id, mac=mac, pepper_id=pepper_id, valid=SETUP_VALID)
    )
    await audit.record(
        connection,
        institution_id,
        action="staff.setup_link_made",
        actor=actor,
        subject=("member", str(member.member_id)),
        after={"email": address, "expires_at": expires_at.isoformat(timespec="seconds")},
    )
    return MadeSetupLink(code=code, member_id=member.member_id, expires_at=expires_at)


async def _admin(connection: Connection, institution_id: int, email: str, *, there: list[Member]) -> Member:
    for member in there:
        if member.email == email:
            await staff.set_role(connection, institution_id, member.member_id, Role.ADMIN)
            await staff.invite_again(connection, institution_id, member.member_id, valid=SETUP_VALID)
            return member
    return await staff.add(connection, institution_id, email=email, role=Role.ADMIN, valid=SETUP_VALID)
