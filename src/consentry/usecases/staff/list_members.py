"""List a team, and look at one of its members."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from consentry.domain.refusal.staff import UnknownMember
from consentry.domain.staff import IDLE, Member
from consentry.store import clock, mails, staff, staff_sessions
from consentry.store.mails import MailState
from consentry.store.staff import MemberFilter
from consentry.store.staff_sessions import ListedSession
from consentry.usecases.audit.download import Download, record_download
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class Team:
    """A page of a team: its members by e-mail address, how many there are (1,001 stands for more), and the moment."""

    members: list[Member]
    has_more: bool
    count: int
    moment: datetime


@dataclass(frozen=True, slots=True)
class SeenMember:
    """A member with their live sessions, and what became of the last invitation's e-mail, at a moment."""

    member: Member
    sessions: list[ListedSession]
    invitation: MailState | None
    moment: datetime


async def list_members(
    services: Services,
    institution_id: int,
    *,
    wanted: MemberFilter,
    after: str = "",
    limit: int,
    download: Download | None = None,
) -> Team:
    """Give the members who match, beginning behind the e-mail address `after`.

    Raises:
        TemporarilyUnavailable: the store can't be reached, or can't write what a `download` leaves in the audit.
    """
    async with services.session.begin(institution_id, snapshot=download is None, steady=True) as connection:
        found = await staff.page(connection, institution_id, wanted, after=after, limit=limit + 1)
        team = Team(
            members=found[:limit],
            has_more=len(found) > limit,
            count=await staff.count(connection, institution_id, wanted),
            moment=await clock.now(connection),
        )
        await record_download(connection, institution_id, download, rows=len(team.members))
    return team


async def see_member(services: Services, institution_id: int, member_id: UUID) -> SeenMember:
    """Give one member.

    Raises:
        UnknownMember: there is no such member, or no longer.
    """
    async with services.session.begin(institution_id, snapshot=True) as connection:
        member = (await staff.named(connection, institution_id, [member_id])).get(member_id)
        if member is None or member.removed_at is not None:
            raise UnknownMember
        return SeenMember(
            member=member,
            sessions=await staff_sessions.live_ones(connection, institution_id, member_id, idle=IDLE),
            invitation=await mails.last_to(connection, institution_id, member.email, kind="invitation"),
            moment=await clock.now(connection),
        )
