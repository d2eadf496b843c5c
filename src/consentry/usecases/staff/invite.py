"""Invite somebody to a team by e-mail, or once more who has not come yet."""

from dataclasses import dataclass
from uuid import UUID

from consentry.domain.actor import Actor
from consentry.domain.refusal.staff import MemberExists
from consentry.domain.staff import INVITATION_VALID, House, Member, check_email, check_role
from consentry.store import audit, institutions, mails, staff
from consentry.store.session import Connection
from consentry.usecases.mail import texts
from consentry.usecases.mail.allowance import check_may_invite
from consentry.usecases.mail.tell_admins import who
from consentry.usecases.services import Services
from consentry.usecases.staff.team import lock_team, member_among


@dataclass(frozen=True, slots=True)
class Invitation:
    """Who is invited, and the address at which they sign in, which is no secret."""

    member: Member
    link: str


async def invite(
    services: Services, institution_id: int, *, email: str, role: str, house: House, origin: str, actor: Actor
) -> Invitation:
    """Add a member who may sign in for the first time within 14 days, and write to them.

    `origin` is that of the portal, for the link in the e-mail.

    Raises:
        InvalidSettings: `email`, `role`.
        MemberExists: somebody with this address is on the team.
        NotAllowed: who invites is no admin any more.
        TooManyInvitations: a hundred were written within the hour.
        TemporarilyUnavailable: the store can't be reached or can't write; nothing is sent.
    """
    checked, wanted = check_email(email), check_role(role, house=house)
    async with services.session.begin(institution_id) as connection:
        await lock_team(connection, institution_id, house=house, actor=actor)
        member = await staff.add(connection, institution_id, email=checked, role=wanted, valid=INVITATION_VALID)
        return await _invited(connection, institution_id, member, again=False, house=house, origin=origin, actor=actor)


async def invite_again(
    services: Services, institution_id: int, member_id: UUID, *, house: House, origin: str, actor: Actor
) -> Invitation:
    """Let a member who has not signed in do so within 14 days from now, and write to them once more.

    Raises:
        UnknownMember: there is no such member.
        MemberExists: they have signed in already.
        NotAllowed, TooManyInvitations, TemporarilyUnavailable: as `invite` does.
    """
    async with services.session.begin(institution_id) as connection:
        members = await lock_team(connection, institution_id, house=house, actor=actor)
        if member_among(members, member_id).subject is not None:
            raise MemberExists("This person has signed in already and needs no invitation.")
        await staff.invite_again(connection, institution_id, member_id, valid=INVITATION_VALID)
        renewed = (await staff.named(connection, institution_id, [member_id]))[member_id]
        return await _invited(connection, institution_id, renewed, again=True, house=house, origin=origin, actor=actor)


async def _invited(
    connection: Connection,
    institution_id: int,
    member: Member,
    *,
    again: bool,
    house: House,
    origin: str,
    actor: Actor,
) -> Invitation:
    """Record an invitation and put its e-mail into the outbox."""
    await check_may_invite(connection, institution_id)
    await audit.record(
        connection,
        institution_id,
        action="member.invited_again" if again else "member.invited",
        actor=actor,
        subject=("member", str(member.member_id)),
        after={
            "email": member.email,
            "role": member.role.value,
            "invited_until": member.invited_until.isoformat(timespec="seconds"),
        },
    )
    (found,) = await institutions.visible(connection)
    link = texts.sign_in_link(origin, house=house, public_id=found.public_id)
    text = texts.invitation(
        house=house,
        institution=found.name,
        role=member.role,
        invited_by=await who(connection, institution_id, actor),
        link=link,
        until=member.invited_until,
    )
    await mails.write(
        connection, institution_id, kind="invitation", recipient=member.email, subject=text.subject, body=text.body
    )
    return Invitation(member=member, link=link)
