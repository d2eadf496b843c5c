"""Settings, Team members, of both portals: who is on the team, and the pages that invite, change and remove.

What the last admin may not do and whose sessions end is decided by the use cases; here is what is asked and told.
"""

from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.config import Settings
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.refusal.staff import (
    LastAdmin,
    MemberExists,
    TooManyInvitations,
    UnknownMember,
    UnknownPortalAddress,
)
from consentry.domain.staff import PORTAL_PATH, ROLES, WHAT_A_ROLE_MAY, House, MemberStatus, Role
from consentry.store.staff import MemberFilter
from consentry.usecases.mail.texts import sign_in_link
from consentry.usecases.services import Services
from consentry.usecases.staff.change_role import change_role
from consentry.usecases.staff.end_sessions import end_sessions_of
from consentry.usecases.staff.invite import invite, invite_again
from consentry.usecases.staff.list_members import list_members, see_member
from consentry.usecases.staff.remove import remove_member
from consentry.web.html.forms import read_form
from consentry.web.portal import lists
from consentry.web.portal.account import leave
from consentry.web.portal.doors import Page, PortalRoute, route_of
from consentry.web.portal.lists import MOST_IN_CSV, PAGE, csv_answer
from consentry.web.portal.origins import linked_origin, portal_origin
from consentry.web.portal.rendering import ROLE_WORDS, render
from consentry.web.portal.signed_in import PORTAL, SignedIn
from consentry.web.portal.words import second

_SECTION: Final = "settings.team"
_TITLE: Final = "Team members"
_STATUSES: Final = (MemberStatus.ACTIVE, MemberStatus.INVITED, MemberStatus.EXPIRED)
_TOLD: Final = {
    "invited": "The invitation is on its way.",
    "invited-again": "Another invitation is on its way; it is valid for 14 days from now.",
    "role": "The role has changed; the sessions under the old one have ended.",
    "ended": "All sessions of this member have ended.",
    "removed": "The member was removed, and their sessions have ended.",
}
_TOLD_WITHOUT_MAIL: Final = {
    "invited": "The person is invited. Give them the link below.",
    "invited-again": "The invitation is valid for 14 days from now. Give the person the link below.",
}


class TeamPages:
    """The pages about the team of a house."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._services = services
        self._settings = settings
        self._has_mail = settings.mail_server is not None

    async def list(self, request: Request, staff: SignedIn) -> Response:
        """List the members."""
        query = lists.filters(request, "q", "role", "status", "after")
        team = await list_members(
            self._services,
            staff.institution_id,
            wanted=_wanted(query),
            after=query["after"],
            limit=PAGE,
        )
        return render(
            staff,
            "settings/team.html",
            title=_TITLE,
            section=_SECTION,
            team=team,
            query=query,
            is_filtered=any(query[name] for name in ("q", "role", "status")),
            roles=_choices(staff.house),
            statuses=[(status.value, status.value.capitalize()) for status in _STATUSES],
            has_mail=self._has_mail,
            told=self._told(request),
            following={"after": team.members[-1].email} if team.has_more else None,
        )

    async def download(self, request: Request, staff: SignedIn) -> Response:
        """Give the members who match as a file."""
        query = lists.filters(request, "q", "role", "status")
        team = await list_members(
            self._services,
            staff.institution_id,
            wanted=_wanted(query),
            limit=MOST_IN_CSV,
            download=staff.takes("team members", {**query, "q": "", "name": query["q"]}),
        )
        return csv_answer(
            "team-members.csv",
            ("E-mail", "Name", "Role", "Status", "Invited until (UTC)", "Last signed in (UTC)", "Added (UTC)"),
            (
                (
                    member.email,
                    member.name,
                    member.role.value,
                    member.status(team.moment).value,
                    None if member.subject else second(member.invited_until),
                    second(member.last_signed_in_at),
                    second(member.added_at),
                )
                for member in team.members
            ),
        )

    async def ask_whom(self, _: Request, staff: SignedIn) -> Response:
        """Show the form that invites."""
        return self._invitation_form(staff)

    async def invite(self, request: Request, staff: SignedIn) -> Response:
        """Invite somebody."""
        form = await read_form(request)
        email, role = form.text("email"), form.text("role")
        try:
            invitation = await invite(
                self._services,
                staff.institution_id,
                email=email,
                role=role,
                house=staff.house,
                origin=await self._linked(request, staff),
                actor=staff.actor,
            )
        except InvalidSettings as refusal:
            return self._invitation_form(staff, email=email, role=role, problems=refusal.fields)
        except (MemberExists, TooManyInvitations, UnknownPortalAddress) as refusal:
            return self._invitation_form(staff, email=email, role=role, problems={"email": refusal.description})
        return _back_to(staff, invitation.member.member_id, notice="invited")

    async def show(self, request: Request, staff: SignedIn) -> Response:
        """Show a member, and what can be done about them."""
        return await self._member(request, staff, told=self._told(request))

    async def invite_again(self, request: Request, staff: SignedIn) -> Response:
        """Invite once more who has not come yet."""
        member_id = _member_id(request)
        await invite_again(
            self._services,
            staff.institution_id,
            member_id,
            house=staff.house,
            origin=await self._linked(request, staff),
            actor=staff.actor,
        )
        return _back_to(staff, member_id, notice="invited-again")

    async def change_role(self, request: Request, staff: SignedIn) -> Response:
        """Give a member another role."""
        member_id, role = _member_id(request), (await read_form(request)).text("role")
        try:
            await change_role(
                self._services, staff.institution_id, member_id, role=role, house=staff.house, actor=staff.actor
            )
        except InvalidSettings as refusal:
            return await self._member(request, staff, role=role, problem=refusal.fields["role"])
        except LastAdmin as refusal:
            return await self._member(request, staff, role=role, problem=refusal.description)
        if member_id == staff.member_id and role != staff.role:
            return leave(staff)
        return _back_to(staff, member_id, notice="role")

    async def end_sessions(self, request: Request, staff: SignedIn) -> Response:
        """Sign a member out everywhere."""
        member_id = _member_id(request)
        await end_sessions_of(self._services, staff.institution_id, member_id, house=staff.house, actor=staff.actor)
        return leave(staff) if member_id == staff.member_id else _back_to(staff, member_id, notice="ended")

    async def ask_to_remove(self, request: Request, staff: SignedIn) -> Response:
        """Ask before a member is removed."""
        return await self._removal(request, staff)

    async def remove(self, request: Request, staff: SignedIn) -> Response:
        """Remove a member."""
        member_id = _member_id(request)
        try:
            await remove_member(self._services, staff.institution_id, member_id, house=staff.house, actor=staff.actor)
        except LastAdmin as refusal:
            return await self._removal(request, staff, problem=refusal.description)
        if member_id == staff.member_id:
            return leave(staff)
        return RedirectResponse(f"{_path(staff.house)}?notice=removed", status_code=303)

    async def _origin(self, request: Request, staff: SignedIn) -> str:
        return await portal_origin(self._services, self._settings, request, staff.institution_id)

    async def _linked(self, request: Request, staff: SignedIn) -> str:
        return await linked_origin(self._services, self._settings, request, staff.institution_id)

    def _told(self, request: Request) -> str:
        notice = request.query_params.get("notice", "")
        return ("" if self._has_mail else _TOLD_WITHOUT_MAIL.get(notice, "")) or _TOLD.get(notice, "")

    def _invitation_form(
        self, staff: SignedIn, *, email: str = "", role: str = "", problems: dict[str, str] | None = None
    ) -> Response:
        return render(
            staff,
            "settings/team_invite.html",
            title="Invite a member",
            section=_SECTION,
            trail=((_path(staff.house), _TITLE),),
            status=422 if problems else 200,
            email=email,
            role=role,
            problems=problems or {},
            roles=_choices(staff.house),
            may=_may(staff.house),
            has_mail=self._has_mail,
        )

    async def _member(
        self, request: Request, staff: SignedIn, *, told: str = "", role: str = "", problem: str = ""
    ) -> Response:
        seen = await see_member(self._services, staff.institution_id, _member_id(request))
        return render(
            staff,
            "settings/team_member.html",
            title=seen.member.name or seen.member.email,
            section=_SECTION,
            trail=((_path(staff.house), _TITLE),),
            status=422 if problem else 200,
            seen=seen,
            member=seen.member,
            is_oneself=seen.member.member_id == staff.member_id,
            role=role or seen.member.role.value,
            roles=_choices(staff.house),
            may=_may(staff.house),
            problem=problem,
            told=told,
            link=sign_in_link(await self._origin(request, staff), house=staff.house, public_id=staff.institution),
            has_mail=self._has_mail,
        )

    async def _removal(self, request: Request, staff: SignedIn, *, problem: str = "") -> Response:
        seen = await see_member(self._services, staff.institution_id, _member_id(request))
        shown = seen.member.name or seen.member.email
        path = _path(staff.house)
        return render(
            staff,
            "settings/team_remove.html",
            title=f"Remove {shown}",
            section=_SECTION,
            trail=((path, _TITLE), (f"{path}/{seen.member.member_id}", shown)),
            status=422 if problem else 200,
            seen=seen,
            member=seen.member,
            is_oneself=seen.member.member_id == staff.member_id,
            problem=problem,
        )


def routes(services: Services, settings: Settings, house: House) -> list[PortalRoute]:
    """Give the routes of the pages, for a portal: admins alone look after a team."""
    pages = TeamPages(services, settings)
    name = f"{PORTAL[house]}.team"
    path = _path(house)

    def route(below: str, page: Page, last: str, method: str = "GET", *, step_up: bool = False) -> PortalRoute:
        return route_of(
            house, f"{path}{below}", page, role=Role.ADMIN, methods=(method,), name=f"{name}{last}", step_up=step_up
        )

    return [
        route("", pages.list, ""),
        route(".csv", pages.download, ".csv"),
        route("/invite", pages.ask_whom, ".ask_whom", step_up=True),
        route("/invite", pages.invite, ".invite", "POST", step_up=True),
        route("/{member_id}", pages.show, ".member"),
        route("/{member_id}/invite-again", pages.invite_again, ".invite_again", "POST", step_up=True),
        route("/{member_id}/role", pages.change_role, ".change_role", "POST", step_up=True),
        route("/{member_id}/end-sessions", pages.end_sessions, ".end_sessions", "POST"),
        route("/{member_id}/remove", pages.ask_to_remove, ".ask_to_remove", step_up=True),
        route("/{member_id}/remove", pages.remove, ".remove", "POST", step_up=True),
    ]


def _path(house: House) -> str:
    return f"{PORTAL_PATH[house]}/settings/team"


def _wanted(query: dict[str, str]) -> MemberFilter:
    """Give the filter that an address asks for; what is no role or status filters nothing."""
    return MemberFilter(
        role=next((role for role in Role if role.value == query["role"]), None),
        status=next((status for status in _STATUSES if status.value == query["status"]), None),
        letters=query["q"],
    )


def _choices(house: House) -> list[tuple[str, str]]:
    return [(role.value, ROLE_WORDS[role]) for role in ROLES[house]]


def _may(house: House) -> dict[str, str]:
    return {role.value: sentence for role, sentence in WHAT_A_ROLE_MAY[house].items()}


def _member_id(request: Request) -> UUID:
    """Give the id in the path.

    Raises:
        UnknownMember: it is none.
    """
    try:
        return UUID(request.path_params["member_id"])
    except ValueError:
        raise UnknownMember from None


def _back_to(staff: SignedIn, member_id: UUID, *, notice: str) -> Response:
    return RedirectResponse(f"{_path(staff.house)}/{member_id}?notice={notice}", status_code=303)
