"""End all sessions of another member of the team."""

from uuid import UUID

from consentry.domain.actor import Actor
from consentry.domain.staff import House
from consentry.store import audit, staff_sessions
from consentry.usecases.services import Services
from consentry.usecases.staff.team import lock_team, member_among


async def end_sessions_of(
    services: Services, institution_id: int, member_id: UUID, *, house: House, actor: Actor
) -> int:
    """Sign a member out everywhere; they may sign in again. Give how many sessions lived.

    Raises:
        UnknownMember: there is no such member.
        NotAllowed: who decides is no admin any more.
        TemporarilyUnavailable: the store can't be reached or can't write; nothing was changed.
    """
    async with services.session.begin(institution_id) as connection:
        member_among(await lock_team(connection, institution_id, house=house, actor=actor), member_id)
        ended = await staff_sessions.end_all_of(connection, institution_id, member_id)
        await audit.record(
            connection,
            institution_id,
            action="staff.signed_out_everywhere",
            actor=actor,
            subject=("member", str(member_id)),
            after={"sessions_ended": ended},
        )
    return ended
