"""Settings, Admin authentication: at which provider the staff sign in, and its change, tried before it is in force."""

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.domain.refusal import Refusal
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.domain.refusal.staff import NoStaffProvider
from consentry.domain.staff import Role
from consentry.domain.staff_provider import BACK_CHANNEL_LOGOUT, CALLBACK
from consentry.usecases.staff.ask_provider import begin_sign_in
from consentry.usecases.staff.attempts import Purpose, Wish
from consentry.usecases.staff.provider import NONE_WAITS, drop_proposal, propose_provider, show_provider
from consentry.web.errors import page_status
from consentry.web.html.forms import read_form
from consentry.web.portal.doors import Page, PortalRoute, route_of
from consentry.web.portal.lists import told_of
from consentry.web.portal.origins import portal_origin
from consentry.web.portal.outside import Outside
from consentry.web.portal.rendering import render
from consentry.web.portal.setting_up import FIELDS
from consentry.web.portal.signed_in import PORTAL, SignedIn

_PATH: Final = "/settings/authentication"
_TOLD: Final = {
    "changed": "You have signed in through the new provider, and it is in force now.",
    "cancelled": "The change was cancelled; what is in force stays.",
    "none_waits": NONE_WAITS,
}


class AuthenticationPages:
    """The page about the staff's provider, and its forms."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def show(self, request: Request, staff: SignedIn) -> Response:
        """Show the provider in force, a change that waits, and the form for another."""
        return await self._page(request, staff, typed={}, problems={}, status=200)

    async def change(self, request: Request, staff: SignedIn) -> Response:
        """Save another provider as pending, and send the admin there to sign in through it."""
        form = await read_form(request)
        typed = {name: form.text(name) for name in FIELDS}
        outside = self._outside
        try:
            await propose_provider(
                outside.services,
                outside.outbound,
                staff.institution_id,
                **typed,
                house=staff.house,
                actor=staff.actor,
            )
            return await self._to_provider(request, staff)
        except InvalidSettings as refusal:
            return await self._page(request, staff, typed=typed, problems=dict(refusal.fields), status=422)

    async def test(self, request: Request, staff: SignedIn) -> Response:
        """Send the admin to the pending provider once more."""
        return await self._to_provider(request, staff)

    async def cancel(self, _: Request, staff: SignedIn) -> Response:
        """Forget the pending provider."""
        services = self._outside.services
        dropped = await drop_proposal(services, staff.institution_id, house=staff.house, actor=staff.actor)
        notice = "cancelled" if dropped else "none_waits"
        return RedirectResponse(f"{staff.prefix}{_PATH}?notice={notice}", status_code=303)

    async def _to_provider(self, request: Request, staff: SignedIn) -> Response:
        outside, path = self._outside, f"{staff.prefix}{_PATH}"
        wish = Wish(
            institution_id=staff.institution_id,
            public_id=staff.institution,
            redirect_uri=f"{await self._portal(request, staff)}{CALLBACK}",
            purpose=Purpose.CHANGE,
            then=f"{path}?notice=changed",
            session_id=str(staff.session_id),
            login_hint=staff.email,
        )
        try:
            return outside.go_on(await begin_sign_in(outside.services, outside.outbound, wish, house=staff.house))
        except TemporarilyUnavailable:
            raise
        except NoStaffProvider as refusal:
            said, status = refusal.description, page_status(refusal)
            return await self._page(request, staff, typed={}, problems={}, status=status, refused=said)
        except Refusal as refusal:
            return outside.refuse(request, refusal, back=path)

    async def _portal(self, request: Request, staff: SignedIn) -> str:
        outside = self._outside
        origin = await portal_origin(outside.services, outside.settings, request, staff.institution_id)
        return f"{origin}{staff.prefix}"

    async def _page(
        self,
        request: Request,
        staff: SignedIn,
        *,
        typed: dict[str, str],
        problems: dict[str, str],
        status: int,
        refused: str = "",
    ) -> Response:
        services = self._outside.services
        portal = await self._portal(request, staff)
        return render(
            staff,
            "settings/authentication.html",
            title="Admin authentication",
            section="settings.authentication",
            status=status,
            told=told_of(request, _TOLD),
            refused=refused,
            current=await show_provider(services, staff.institution_id),
            pending=await show_provider(services, staff.institution_id, state="pending"),
            redirect_uri=f"{portal}{CALLBACK}",
            logout_uri=f"{portal}{BACK_CHANNEL_LOGOUT}/{staff.institution}",
            path=f"{staff.prefix}{_PATH}",
            typed={name: typed.get(name, "") for name in FIELDS},
            problems={name: problems.get(name, "") for name in FIELDS},
        )


def routes(outside: Outside) -> list[PortalRoute]:
    """Give the routes of the page, for a portal."""
    pages = AuthenticationPages(outside)
    house, path = outside.house, f"{outside.prefix}{_PATH}"
    name = PORTAL[house]

    def sent(below: str, page: Page, what: str, *, step_up: bool) -> PortalRoute:
        return route_of(
            house,
            f"{path}{below}",
            page,
            role=Role.ADMIN,
            name=f"{name}.{what}_authentication",
            methods=("POST",),
            step_up=step_up,
        )

    return [
        route_of(house, path, pages.show, role=Role.ADMIN, name=f"{name}.authentication"),
        sent("", pages.change, "change", step_up=True),
        sent("/test", pages.test, "test", step_up=True),
        sent("/cancel", pages.cancel, "cancel", step_up=False),
    ]
