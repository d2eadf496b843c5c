"""End all sessions of another member of the team."""

from uuid import UUID

from consentry.domain.actor import Actor
from consentry.domain.staff import House
from consentry.usecases.services import Services
from consentry.usecases.staff.sessions import end_sessions
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
        return await end_sessions(connection, institution_id, member_id, actor=actor)
