"""The doors of the portals: every page is behind one, which says whose staff and which roles it lets in.

A door finds the session, checks the role, checks of everything that is sent that it comes from a page of ours, and of a
page that needs a step-up that the sign-in is recent. What it refuses, and what a page refuses to do, is remembered. A
page without a role stops the start-up.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from consentry.domain.actor import Actor
from consentry.domain.refusal import Refusal
from consentry.domain.refusal.request import NotFound, TemporarilyUnavailable
from consentry.domain.refusal.staff import ForgedRequest, InsufficientUserAuthentication, NotAllowed, SignedOut
from consentry.domain.staff import PORTAL_PATH, ROLES, STAFF_KIND, House, Role
from consentry.store.staff_sessions import LiveSession
from consentry.usecases.institution.standing import Standing, standing_of
from consentry.usecases.services import Services
from consentry.usecases.staff.remember_refusal import remember_refusal
from consentry.usecases.staff.sessions import use_session
from consentry.web import errors
from consentry.web.asgi import Message
from consentry.web.front import seen
from consentry.web.hosts import host_of, leads_here
from consentry.web.html.forms import read_body
from consentry.web.html.uploads import LARGEST_UPLOAD, read_upload_form
from consentry.web.portal import cookies
from consentry.web.portal.navigation import Links, Navigation
from consentry.web.portal.refusing import refused_outside, refused_page
from consentry.web.portal.segments import id_of
from consentry.web.portal.signed_in import SignedIn

Page = Callable[[Request, SignedIn], Awaitable[Response]]
_CHANGES: Final = frozenset({"POST"})
_MOST_FIELDS: Final = 200


class RouteWithoutRole(Exception):
    """A page does not say who may see it: the program is wrong, and does not start."""


class PortalRoute(Route):
    """A route behind a door; `gate` is set when the routes of a process are joined."""

    def __init__(
        self,
        path: str,
        page: Page,
        *,
        house: House,
        roles: frozenset[Role],
        step_up: bool,
        methods: tuple[str, ...],
        name: str,
    ) -> None:
        super().__init__(path, self._answer, methods=list(methods), name=name)
        self.page = page
        self.house = house
        self.roles = roles
        self.step_up = step_up
        self.gate: Gate | None = None

    async def _answer(self, request: Request) -> Response:
        if self.gate is None:
            raise AssertionError
        return await self.gate.answer(request, self)


def portal_route(
    path: str,
    page: Page,
    *,
    role: Role | tuple[Role, ...],
    name: str,
    methods: tuple[str, ...] = ("GET",),
    step_up: bool = False,
) -> PortalRoute:
    """Give a route of the Data Provider Portal for these roles; `page` gets the request and who is signed in.

    Before a page gets a POST, its origin and its `csrf` have been checked; it reads the form itself. With `step_up` it
    gets only who has signed in at the provider within the last 15 minutes (RFC 9470): what gives access to something.

    Raises:
        RouteWithoutRole: no role is given.
    """
    return route_of(House.INSTITUTION, path, page, role=role, name=name, methods=methods, step_up=step_up)


def partner_route(
    path: str,
    page: Page,
    *,
    role: Role | tuple[Role, ...],
    name: str,
    methods: tuple[str, ...] = ("GET",),
    step_up: bool = False,
) -> PortalRoute:
    """Give a route of the Channel Partner Portal, as `portal_route` does; its staff are admins and users."""
    return route_of(House.PARTNER, path, page, role=role, name=name, methods=methods, step_up=step_up)


def route_of(
    house: House,
    path: str,
    page: Page,
    *,
    role: Role | tuple[Role, ...],
    name: str,
    methods: tuple[str, ...] = ("GET",),
    step_up: bool = False,
) -> PortalRoute:
    """Give a route of the portal of a house, for pages that both portals have."""
    roles = frozenset((role,) if isinstance(role, Role) else role)
    if not roles or not roles <= frozenset(ROLES[house]):
        raise RouteWithoutRole(f"{name} must say which roles of {house} may see it")
    if not path.startswith(f"{PORTAL_PATH[house]}/"):
        raise RouteWithoutRole(f"{name} must be below {PORTAL_PATH[house]}")
    return PortalRoute(path, page, house=house, roles=roles, step_up=step_up, methods=methods, name=name)


@dataclass(frozen=True, slots=True)
class Gate:
    """Stands behind all doors of a process."""

    services: Services
    navigation: Navigation

    async def answer(self, request: Request, route: PortalRoute) -> Response:
        """Let somebody in to a page, or say why not."""
        staff: SignedIn | None = None
        try:
            staff = await self.find(request, route.house)
            if staff is None:
                raise SignedOut
            if staff.role not in route.roles:
                raise NotAllowed
            if not all(str(part).isprintable() for part in request.path_params.values()):
                raise NotFound  # no id holds such characters, and the store takes none with NUL
            if request.method in _CHANGES:
                request = await _checked(request, staff)
            if route.step_up and not staff.is_recent:
                raise InsufficientUserAuthentication
            answered = await route.page(request, staff)
            if answered.status_code >= 400:
                await self._remember(request, route, staff, str(answered.status_code), always=False)
            return answered
        except SignedOut:
            return _to_sign_in(request, route.house)
        except HTTPException as error:
            return refused_page(staff, NotFound(), status=error.status_code)
        except Refusal as refusal:
            if staff is None:
                return refused_outside(request, refusal, house=route.house, status=errors.page_status(refusal))
            return await self._refused(request, route, staff, refusal)

    async def _refused(self, request: Request, route: PortalRoute, staff: SignedIn, refusal: Refusal) -> Response:
        """Say no once that is remembered; where it can't be, say that instead."""
        try:
            await self._remember(request, route, staff, refusal.code, always=isinstance(refusal, NotAllowed))
        except TemporarilyUnavailable as unavailable:
            refusal = unavailable
        return refused_page(staff, refusal, status=errors.page_status(refusal), back=_page_of(request, staff))

    async def _remember(self, request: Request, route: PortalRoute, staff: SignedIn, why: str, *, always: bool) -> None:
        """Record that somebody was refused a page, or to change something; what only was not found is left out."""
        if why != TemporarilyUnavailable.code and (always or request.method in _CHANGES):
            about = {name: id_of(part) for name, part in request.path_params.items() if id_of(part)}
            await remember_refusal(
                self.services,
                staff.institution_id,
                action=route.name,
                why=why,
                page=route.path,
                about=about,
                actor=staff.actor,
            )

    async def find(self, request: Request, house: House) -> SignedIn | None:
        """Find who is signed in to a portal, None if nobody is."""
        secret = cookies.read(request, cookies.SESSION[house])
        live = None if not secret else await use_session(self.services, secret, house=house, host=host_of(request))
        if live is None:
            return None
        standing = await standing_of(self.services, live.institution_id) if house is House.INSTITUTION else None
        navigation = self.navigation.of(house, live.role)
        return _signed_in(request, live, house=house, navigation=navigation, standing=standing)


def _signed_in(
    request: Request,
    live: LiveSession,
    *,
    house: House,
    navigation: tuple[Links, ...],
    standing: Standing | None,
) -> SignedIn:
    where = seen(request)
    return SignedIn(
        house=house,
        institution_id=live.institution_id,
        institution=live.public_id,
        institution_name=live.house_name,
        member_id=live.member_id,
        name=live.name,
        email=live.email,
        role=live.role,
        csrf=live.csrf,
        actor=Actor(STAFF_KIND[house], str(live.member_id), where.source, where.request_id),
        session_id=live.session_id,
        ends_at=live.expires_at,
        authenticated_at=live.authenticated_at,
        moment=live.moment,
        path=request.url.path,
        query=tuple(request.query_params.multi_items()),
        navigation=navigation,
        standing=standing,
    )


def check_origin(request: Request) -> None:
    """Check that a request comes from a page of this very origin (R80, R86).

    Raises:
        ForgedRequest: it comes from elsewhere, or from who knows where.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        raise ForgedRequest
    if origin is None or origin == "null":
        if site is None:
            raise ForgedRequest
        return
    if not leads_here(request, origin):
        raise ForgedRequest


async def _checked(request: Request, staff: SignedIn) -> Request:
    """Check a form's origin and token, and give the request with its body to be read once more."""
    check_origin(request)
    body = await read_body(request, most=LARGEST_UPLOAD)
    tokens = await _tokens(_with_body(request, body), body)
    if len(tokens) != 1 or not hmac.compare_digest(tokens[0].encode(), staff.csrf.encode()):
        raise ForgedRequest
    return _with_body(request, body)


async def _tokens(request: Request, body: bytes) -> list[str]:
    """Give all values of the field `csrf`; what else the form holds is for the page to judge."""
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return list((await read_upload_form(request)).form.all("csrf"))
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return []
    return [value for name, value in fields if name == "csrf"]


def _with_body(request: Request, body: bytes) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


def _page_of(request: Request, staff: SignedIn) -> str:
    """Give the address of the page that was asked for, or on which the form stands that was sent."""
    referer = request.headers.get("referer", "")
    if request.method in _CHANGES and leads_here(request, referer):
        return urlsplit(referer)._replace(scheme="", netloc="").geturl()
    return staff.here


def _to_sign_in(request: Request, house: House) -> Response:
    """Lead to the sign-in, and back to this page afterwards; what was sent is not kept."""
    prefix = PORTAL_PATH[house]
    came = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    query = {"next": came} if request.method in ("GET", "HEAD") else {"ended": "yes"}
    answer = RedirectResponse(f"{prefix}/sign-in?{urlencode(query)}", status_code=303)
    answer.headers["Cache-Control"] = "no-store"
    if cookies.read(request, cookies.SESSION[house]):
        cookies.drop(answer, cookies.SESSION[house])
    return answer
