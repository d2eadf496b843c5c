"""Where the providers of staff tell that somebody was signed out there: OpenID Connect Back-Channel Logout 1.0.

It is asked by servers, not by browsers: there is no session, no origin and no page, and the token alone is believed.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from consentry.domain.refusal import Refusal
from consentry.domain.refusal.request import NotFound, RateLimited, TemporarilyUnavailable
from consentry.domain.staff_provider import BACK_CHANNEL_LOGOUT
from consentry.usecases.staff.find_house import find_house
from consentry.usecases.staff.sign_out_at_provider import sign_out_at_provider
from consentry.web import errors
from consentry.web.hosts import host_of
from consentry.web.html.forms import read_form
from consentry.web.portal.outside import Outside, house_id
from consentry.web.portal.signed_in import PORTAL

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class BackChannel:
    """What a portal answers to providers."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def logout(self, request: Request) -> Response:
        """End the sessions that a logout token is about; whatever is wrong is answered with 400 (section 2.8)."""
        try:
            await self._logout(request)
        except (RateLimited, TemporarilyUnavailable) as refusal:
            return _refused(refusal, errors.page_status(refusal))
        except Refusal as refusal:
            return _refused(refusal, 400)
        return Response(status_code=200, headers=_HEADERS)

    async def _logout(self, request: Request) -> None:
        outside = self._outside
        outside.knock(request)
        public_id = house_id(request.path_params["institution"])
        found = await find_house(outside.services, public_id, host=host_of(request), house=outside.house)
        if found is None or found.public_id != public_id:
            raise NotFound
        token = (await read_form(request)).text("logout_token")
        await sign_out_at_provider(
            outside.services, outside.outbound, found.institution_id, token, visit=outside.visit(request)
        )
        outside.knocked_rightly(request)  # who is signed out at the provider at closing time is many at once


def routes(outside: Outside) -> list[Route]:
    """Give the route, for a portal."""
    path = f"{outside.prefix}{BACK_CHANNEL_LOGOUT}/{{institution}}"
    name = f"{PORTAL[outside.house]}.back_channel_logout"
    return [Route(path, BackChannel(outside).logout, name=name, methods=["POST"])]


def _refused(refusal: Refusal, status: int) -> Response:
    headers = {name.decode(): value.decode() for name, value in errors.error_headers(refusal)}
    body = {"error": refusal.code, "error_description": refusal.description}
    return JSONResponse(body, status_code=status, headers={**headers, **_HEADERS})
