"""The portals' routes: those of every page, joined behind one gate, with the navigation that leads to them."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from consentry.config import Settings
from consentry.connectors.outbound import Outbound
from consentry.domain.refusal import Refusal
from consentry.domain.refusal.request import NotFound
from consentry.domain.staff import PORTAL_PATH, ROLES, House
from consentry.usecases.services import Services
from consentry.web.errors import page_status
from consentry.web.partner import routes as partner
from consentry.web.portal import account, back_channel, signing_in
from consentry.web.portal.configuration import api_settings, credentials, customer_authentication, embedding
from consentry.web.portal.customers import routes as customers
from consentry.web.portal.doors import Gate, PortalRoute, RouteWithoutRole, route_of
from consentry.web.portal.navigation import Navigation, Place
from consentry.web.portal.outside import Outside
from consentry.web.portal.overview import pages as overview
from consentry.web.portal.receivers import routes as receivers
from consentry.web.portal.records import documentation, logs
from consentry.web.portal.refusing import refused_outside, refused_page
from consentry.web.portal.rendering import ASSETS, environment
from consentry.web.portal.settings import authentication, team, theme
from consentry.web.portal.signed_in import SignedIn
from consentry.web.safety.admission import Admission


def pages(services: Services, settings: Settings, outbound: Outbound) -> list[BaseRoute]:
    """Give the routes of all pages of both portals that need somebody to be signed in."""
    return [
        *customers.routes(services),
        *receivers.routes(services, outbound),
        *api_settings.routes(services, settings),
        *customer_authentication.routes(services, outbound),
        *credentials.routes(services, settings),
        *embedding.routes(services, settings),
        *theme.routes(services),
        *documentation.routes(services, settings),
        *partner.routes(services, settings),
        *(route for house in House for route in _of_both(services, settings, outbound, house)),
    ]


def _of_both(services: Services, settings: Settings, outbound: Outbound, house: House) -> list[PortalRoute]:
    """Give the routes of the pages that both portals have."""
    return [
        *overview.routes(services, house),
        *team.routes(services, settings, house),
        *authentication.routes(Outside(services, settings, outbound, house)),
        *logs.routes(services, house),
        *account.routes(services, house),
    ]


def routes(services: Services, settings: Settings, admission: Admission | None = None) -> list[BaseRoute]:
    """Give all routes of both portals; `admission` says who tries to come in too often.

    Raises:
        RouteWithoutRole: a page does not say who may see it.
    """
    environment()
    outbound = Outbound(allowed=settings.allowed_origins)
    outsides = [Outside(services, settings, outbound, house, admission) for house in House]
    return [
        ASSETS.route,
        documentation.ASSETS.route,
        *(route for outside in outsides for route in (*signing_in.routes(outside), *back_channel.routes(outside))),
        *joined(services, [*pages(services, settings, outbound), *_ends()]),
    ]


def joined(services: Services, found: Sequence[BaseRoute]) -> list[BaseRoute]:
    """Put pages behind one gate.

    Raises:
        RouteWithoutRole: something is no page with a role, or two have the same name.
    """
    behind = [route for route in found if isinstance(route, PortalRoute)]
    if len(behind) < len(found):
        raise RouteWithoutRole("every page of the portals is made by portal_route or partner_route")
    names = [route.name for route in behind]
    if len(names) != len(set(names)):
        raise RouteWithoutRole(f"two pages share a name: {sorted(name for name in names if names.count(name) > 1)}")
    gate = Gate(services, Navigation({route.name: Place(route.path, route.roles) for route in behind}))
    for route in behind:
        route.gate = gate
    beginnings: list[BaseRoute] = [
        Route(PORTAL_PATH[house], _beginning(gate, house), methods=["GET"], name=f"{house}.beginning")
        for house in House
    ]
    return [*beginnings, *behind]


def _ends() -> list[PortalRoute]:
    """Give the last route of each portal, for paths that lead nowhere."""
    return [
        route_of(
            house,
            f"{PORTAL_PATH[house]}/{{rest:path}}",
            _nothing,
            role=ROLES[house],
            methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            name=f"{house}.nothing",
        )
        for house in House
    ]


async def _nothing(_: Request, staff: SignedIn) -> Response:
    return refused_page(staff, NotFound(), status=404)


def _beginning(gate: Gate, house: House) -> Callable[[Request], Awaitable[Response]]:
    async def begin(request: Request) -> Response:
        try:
            staff = await gate.find(request, house)
        except Refusal as refusal:
            return refused_outside(request, refusal, house=house, status=page_status(refusal))
        if staff is None:
            return RedirectResponse(f"{PORTAL_PATH[house]}/sign-in", status_code=303)
        first = gate.navigation.first(house, staff.role)
        return RedirectResponse(first or f"{PORTAL_PATH[house]}/account", status_code=303)

    return begin
