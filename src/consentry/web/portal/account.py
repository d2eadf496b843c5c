"""One's own sessions: where one is signed in, signing out here, and signing out everywhere."""

from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.domain.staff import PORTAL_PATH, ROLES, WHAT_A_ROLE_MAY, House
from consentry.usecases.services import Services
from consentry.usecases.staff.sessions import sessions_of, sign_out, sign_out_everywhere
from consentry.web.html.forms import read_form
from consentry.web.portal import cookies
from consentry.web.portal.doors import PortalRoute, route_of
from consentry.web.portal.lists import told_of
from consentry.web.portal.rendering import render
from consentry.web.portal.signed_in import PORTAL, SignedIn

_TOLD: Final = {"ended": "The session has ended.", "others": "All your other sessions have ended."}


class AccountPages:
    """The page about oneself, and its forms."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def show(self, request: Request, staff: SignedIn) -> Response:
        """Show who one is here, and one's sessions."""
        return render(
            staff,
            "account.html",
            title="Your account",
            section="account",
            told=told_of(request, _TOLD),
            sessions=await sessions_of(self._services, staff.institution_id, staff.member_id),
            may=WHAT_A_ROLE_MAY[staff.house][staff.role],
        )

    async def sign_out(self, _: Request, staff: SignedIn) -> Response:
        """End this session."""
        await sign_out(self._services, staff.institution_id, staff.session_id, actor=staff.actor)
        return leave(staff)

    async def end(self, request: Request, staff: SignedIn) -> Response:
        """End another of one's sessions; one that is not one's own is left alone."""
        wanted = (await read_form(request)).text("session")
        own = await sessions_of(self._services, staff.institution_id, staff.member_id)
        if wanted in {str(session.session_id) for session in own}:
            await sign_out(self._services, staff.institution_id, UUID(wanted), actor=staff.actor)
        if wanted == str(staff.session_id):
            return leave(staff)
        return RedirectResponse(f"{staff.prefix}/account?notice=ended", status_code=303)

    async def sign_out_everywhere(self, request: Request, staff: SignedIn) -> Response:
        """End all one's sessions, or all but this."""
        others = (await read_form(request)).text("keep") == "this"
        await sign_out_everywhere(
            self._services,
            staff.institution_id,
            staff.member_id,
            actor=staff.actor,
            but=staff.session_id if others else None,
        )
        return RedirectResponse(f"{staff.prefix}/account?notice=others", status_code=303) if others else leave(staff)


def routes(services: Services, house: House) -> list[PortalRoute]:
    """Give the routes of the page, for a portal."""
    pages = AccountPages(services)
    prefix, name = PORTAL_PATH[house], PORTAL[house]
    everybody = ROLES[house]
    return [
        route_of(house, f"{prefix}/account", pages.show, role=everybody, name=f"{name}.account"),
        route_of(
            house, f"{prefix}/sign-out", pages.sign_out, role=everybody, methods=("POST",), name=f"{name}.sign_out"
        ),
        route_of(
            house, f"{prefix}/account/end", pages.end, role=everybody, methods=("POST",), name=f"{name}.end_session"
        ),
        route_of(
            house,
            f"{prefix}/account/sign-out-everywhere",
            pages.sign_out_everywhere,
            role=everybody,
            methods=("POST",),
            name=f"{name}.sign_out_everywhere",
        ),
    ]


def leave(staff: SignedIn) -> Response:
    """Take the cookie of a session that has ended, and lead out of the portal."""
    answer = RedirectResponse(f"{staff.prefix}/signed-out", status_code=303)
    answer.headers["Clear-Site-Data"] = '"cache"'
    cookies.drop(answer, cookies.SESSION[staff.house])
    return answer
