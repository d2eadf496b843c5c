"""Institutions' logos and favicons, served from here: pages ask nobody else for anything."""

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consentry.domain.refusal.institution import UnknownInstitution
from consentry.store.branding import StoredBranding
from consentry.usecases.branding.get import find_look, get_branding
from consentry.usecases.services import Services
from consentry.web.hosts import host_of
from consentry.web.html.assets import KEPT, kept_answer

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def routes(services: Services) -> list[Route]:
    """Give the routes of pictures, which are public: they stand on every page of the institution."""
    return [
        Route("/embed/looks/{public_id}/logo", _picture(services, "logo"), methods=["GET"], name="logo"),
        Route("/embed/looks/{public_id}/favicon", _picture(services, "favicon"), methods=["GET"], name="favicon"),
    ]


def _picture(services: Services, kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            look = await find_look(services, public_id=request.path_params["public_id"], host=host_of(request))
        except UnknownInstitution:
            raise HTTPException(404) from None
        chosen: StoredBranding = await get_branding(services, look.institution_id)
        picture = chosen.logo if kind == "logo" else chosen.favicon
        if picture is None:
            raise HTTPException(404)
        return kept_answer(request, picture.content, media_type=picture.media_type, headers=_HEADERS, keep=KEPT)

    return answer
