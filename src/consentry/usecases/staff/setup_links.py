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

    The admin is added as invited; somebody with this address becomes admin. Earlier links of the house end, as
    `end_setup_links` ends them.

    Raises:
        InvalidSettings: `email`; it is none.
        ProviderInForce: the house's staff can sign in already.
    """
    address = check_email(email)
    there = await staff.lock(connection, institution_id)
    found = await staff_providers.find(connection, institution_id, "current")
    if found is not None and found.secret is not None:
        raise ProviderInForce
    await end_setup_links(connection, institution_id, there=there, but_for=address, actor=actor)
    member = await _admin(connection, institution_id, address, there=there)
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


async def end_setup_links(
    connection: Connection, institution_id: int, *, there: list[Member], actor: Actor, but_for: str | None = None
) -> int:
    """End the links of a house, whose members the caller has locked, and what was begun with them.

    Whom a link has invited, and who has never signed in, is removed with it, unless their address is `but_for`: they
    would be admins whom nobody wants any more. Gives how many links were live.
    """
    ended = await setup_links.end_unused(connection, institution_id)
    await staff_sessions.end_setups(connection, institution_id)
    never_came = set(await setup_links.never_came(connection, institution_id))
    for member in there:
        if member.member_id in never_came and member.email != but_for:
            await staff.remove(connection, institution_id, member.member_id)
            await audit.record(
                connection,
                institution_id,
                action="member.removed",
                actor=actor,
                subject=("member", str(member.member_id)),
                before={"email": member.email, "role": member.role.value},
            )
    return ended


async def _admin(connection: Connection, institution_id: int, email: str, *, there: list[Member]) -> Member:
    for member in there:
        if member.email == email:
            await staff.set_role(connection, institution_id, member.member_id, Role.ADMIN)
            await staff.invite_again(connection, institution_id, member.member_id, valid=SETUP_VALID)
            return member
    return await staff.add(connection, institution_id, email=email, role=Role.ADMIN, valid=SETUP_VALID)
