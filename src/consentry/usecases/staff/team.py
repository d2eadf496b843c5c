"""The team while it is being changed: locked, and decided about by who is an admin of it at this very moment."""

from uuid import UUID

from consentry.domain.actor import Actor
from consentry.domain.refusal.staff import NotAllowed, UnknownMember
from consentry.domain.staff import STAFF_KIND, House, Member, Role
from consentry.store import staff
from consentry.store.session import Connection


async def lock_team(connection: Connection, institution_id: int, *, house: House, actor: Actor) -> list[Member]:
    """Give the members of a house, who change no more until the transaction ends.

    Raises:
        NotAllowed: who acts is of this team, but no admin any more.
    """
    members = await staff.lock(connection, institution_id)
    if actor.kind is STAFF_KIND[house]:
        admins = {str(member.member_id) for member in members if member.role is Role.ADMIN}
        if actor.actor_id not in admins:
            raise NotAllowed
    return members


def member_among(members: list[Member], member_id: UUID) -> Member:
    """Give the member with this id.

    Raises:
        UnknownMember: there is none, or no longer.
    """
    for member in members:
        if member.member_id == member_id:
            return member
    raise UnknownMember


def active_admins(members: list[Member]) -> int:
    """Count the admins who have signed in before, and so can again."""
    return sum(member.role is Role.ADMIN and member.subject is not None for member in members)
