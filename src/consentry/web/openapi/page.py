"""Serves the API reference at /docs and the OpenAPI document beside it.

Owns the routes, their headers and the address that the examples show; leaves the page to `rendering`, which is first
imported when somebody asks for it, so that a process that never shows the reference stays small.
"""

import re
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

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
ASSETS = {
    "reference.css": "text/css; charset=utf-8",
    "operation.css": "text/css; charset=utf-8",
    "code.css": "text/css; charset=utf-8",
    "print.css": "text/css; charset=utf-8",
    "reference.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
FRESH = "no-cache"
# The page names its files with a digest of what is in them, so a browser may keep them for a year.
KEPT = "public, max-age=31536000, immutable"
HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def routes() -> list[Route]:
    """Give the routes of the reference; they need no credentials and hold nothing of any institution.

    The endpoints are plain functions, which Starlette runs in a thread: making the page the first time takes a moment.
    """
    return [
        Route("/docs", _page, methods=["GET"]),
        Route("/docs/assets/{name}", _asset, methods=["GET"]),
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

    content = rendering.page(base=base_of(request), assets=tuple((name, _address(name)) for name in ASSETS))
    return _answer(request, content, media_type="text/html; charset=utf-8", kept=FRESH)


def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in ASSETS:
        raise HTTPException(404)
    return _answer(request, _content(name), media_type=ASSETS[name], kept=KEPT)


def _yaml(request: Request) -> Response:
    from consentry.web.openapi import reference

    return _answer(request, reference.load().yaml, media_type="application/yaml", kept=FRESH)


def _json(request: Request) -> Response:
    from consentry.web.openapi import reference

    return _answer(request, reference.load().json, media_type="application/json", kept=FRESH)


def _answer(request: Request, content: bytes, *, media_type: str, kept: str) -> Response:
    """Answer with the content, or with 304 if the caller has it already (RFC 9110, 13.1.2)."""
    tag = f'"{_digest(content)}"'
    headers = {**HEADERS, "Cache-Control": kept, "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def _address(name: str) -> str:
    return f"/docs/assets/{name}?v={_digest(_content(name))}"


@lru_cache(maxsize=len(ASSETS))
def _content(name: str) -> bytes:
    return files("consentry.web.openapi").joinpath("static", name).read_bytes()


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]
