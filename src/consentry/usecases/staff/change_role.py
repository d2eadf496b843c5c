"""Give a member of a team another role."""

from uuid import UUID

from consentry.domain.actor import Actor
from consentry.domain.staff import House, Role, check_keeps_an_admin, check_role
from consentry.store import audit, setup_links, staff, staff_sessions
from consentry.usecases.services import Services
from consentry.usecases.staff.team import active_admins, lock_team, member_among


async def change_role(
    services: Services, institution_id: int, member_id: UUID, *, role: str, house: House, actor: Actor
) -> Role:
    """Change a member's role and end what opens anything under the old one: sessions, a link for a first admin.

    Gives the new role.

    Raises:
        InvalidSettings: `role`; the house has no such role.
        UnknownMember: there is no such member.
        LastAdmin: no admin who can sign in would be left.
        NotAllowed: who decides is no admin any more.
        TemporarilyUnavailable: the store can't be reached or can't write; nothing was changed.
    """
    wanted = check_role(role, house=house)
    async with services.session.begin(institution_id) as connection:
        members = await lock_team(connection, institution_id, house=house, actor=actor)
        member = member_among(members, member_id)
        if member.role is wanted:
            return wanted
        check_keeps_an_admin(member, becomes=wanted, active_admins=active_admins(members))
        await staff.set_role(connection, institution_id, member_id, wanted)
        ended = await staff_sessions.end_all_of(connection, institution_id, member_id)
        await setup_links.spend(connection, institution_id, member_id)
        await audit.record(
            connection,
            institution_id,
            action="member.role_changed",
            actor=actor,
            subject=("member", str(member_id)),
            before={"role": member.role.value},
            after={"email": member.email, "role": wanted.value, "sessions_ended": ended},
        )
    return wanted
