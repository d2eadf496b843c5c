"""Ways back: who asks for the address of a form, by hand or after signing in again, comes to the page it stands on."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.domain.staff import Role
from consentry.web.portal.doors import PortalRoute, portal_route
from consentry.web.portal.signed_in import SignedIn


def way_back(path: str, page: str, *, role: Role | tuple[Role, ...], name: str) -> PortalRoute:
    """Give the route that leads from the address of a form to its page."""

    async def lead(_: Request, __: SignedIn) -> Response:
        return RedirectResponse(page, status_code=303)

    return portal_route(path, lead, role=role, name=name)
