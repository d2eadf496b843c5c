"""The pages and operators' routes beside the hot paths, by Starlette; what is refused there is JSON too."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from consentry.domain.refusal import Refusal
from consentry.domain.refusal.request import MethodNotAllowed, NotFound
from consentry.web import errors
from consentry.web.consent_api.answers import SERVER_ERROR, refusal_body

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def build_pages(routes: Sequence[BaseRoute]) -> Starlette:
    """Put routes together, with answers for paths that lead nowhere, wrong methods and faults."""
    handlers = {HTTPException: _not_there, Refusal: _refused, Exception: _failed}
    pages = Starlette(routes=routes, exception_handlers=handlers)
    pages.router.redirect_slashes = False
    return pages


async def _not_there(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    refusal: Refusal = MethodNotAllowed(*headers.get("Allow", "").split(", ")) if status == 405 else NotFound()
    return _json(refusal_body(refusal), status=errors.CONSENT_API[type(refusal)], headers=headers)


async def _refused(_: Request, error: Exception) -> Response:
    refusal = error if isinstance(error, Refusal) else NotFound()
    headers = {name.decode(): value.decode() for name, value in errors.error_headers(refusal)}
    return _json(refusal_body(refusal), status=errors.page_status(refusal), headers=headers)


async def _failed(_: Request, __: Exception) -> Response:
    return _json(SERVER_ERROR, status=500, headers={})


def _json(body: bytes, *, status: int, headers: dict[str, str]) -> Response:
    return Response(
        body, status_code=status, headers={**_HEADERS, **headers}, media_type="application/json; charset=utf-8"
    )
