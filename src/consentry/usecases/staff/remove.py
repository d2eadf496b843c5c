"""Remove a member from a team."""

from uuid import UUID

from consentry.domain.actor import Actor
from consentry.domain.staff import House, Member, check_keeps_an_admin
from consentry.store import audit, setup_links, staff, staff_sessions
from consentry.usecases.services import Services
from consentry.usecases.staff.team import active_admins, lock_team, member_among


async def remove_member(
    services: Services, institution_id: int, member_id: UUID, *, house: House, actor: Actor
) -> Member:
    """Remove a member and end their sessions at once; what they did stays under their name. Give who it was.

    Raises:
        UnknownMember: there is no such member.
        LastAdmin: no admin who can sign in would be left.
        NotAllowed: who decides is no admin any more.
        TemporarilyUnavailable: the store can't be reached or can't write; nothing was changed.
    """
    async with services.session.begin(institution_id) as connection:
        members = await lock_team(connection, institution_id, house=house, actor=actor)
        member = member_among(members, member_id)
        check_keeps_an_admin(member, becomes=None, active_admins=active_admins(members))
        await staff.remove(connection, institution_id, member_id)
        ended = await staff_sessions.end_all_of(connection, institution_id, member_id)
        await setup_links.spend(connection, institution_id, member_id)
        await audit.record(
            connection,
            institution_id,
            action="member.removed",
            actor=actor,
            subject=("member", str(member_id)),
            before={"email": member.email, "role": member.role.value},
            after={"sessions_ended": ended},
        )
    return member
