"""Serves the API reference at /docs and the OpenAPI document beside it.

Owns the routes, their headers and the address that the examples show; leaves the page to `rendering`, which is first
imported when somebody asks for it, so that a process that never shows the reference stays small.
"""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consentry.web.html.assets import Assets, kept_answer

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
ASSETS: Final = Assets("consentry.web.openapi", "/docs/assets/", headers=HEADERS)
HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def routes() -> list[Route]:
    """Give the routes of the reference; they need no credentials and hold nothing of any institution.

    The endpoints are plain functions, which Starlette runs in a thread: making the page the first time takes a moment.
    """
    return [
        Route("/docs", _page, methods=["GET"]),
        ASSETS.route,
        Route("/openapi/consent-api.yaml", _yaml, methods=["GET"]),
        Route("/openapi/consent-api.json", _json, methods=["GET"]),
    ]


def base_of(request: Request) -> str:
    """Give the address of the API as the caller sees it; a strange `Host` gets the example address instead."""
    from consentry.web.openapi.reference import EXAMPLE_BASE

    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host}" if HOST.fullmatch(host) else EXAMPLE_BASE


def _page(request: Request) -> Response:
    from consentry.web.openapi import rendering

    addresses = tuple((name, ASSETS.address(name)) for name in sorted(ASSETS.files))
    content = rendering.page(base=base_of(request), assets=addresses)
    return kept_answer(request, content, media_type="text/html; charset=utf-8", headers=HEADERS)


def _yaml(request: Request) -> Response:
    from consentry.web.openapi import reference

    return kept_answer(request, reference.load().yaml, media_type="application/yaml", headers=HEADERS)


def _json(request: Request) -> Response:
    from consentry.web.openapi import reference

    return kept_answer(request, reference.load().json, media_type="application/json", headers=HEADERS)
