"""`/embed/consentry.js`: the web component that banks load into their own pages, at an address that never changes."""

from functools import lru_cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consentry.web.html.assets import kept_answer

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # Public, and loaded by banks' own pages, with integrity if they like.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def route() -> Route:
    """Give the component's route."""
    return Route("/embed/consentry.js", _serve, methods=["GET"], name="component")


async def _serve(request: Request) -> Response:
    return kept_answer(
        request, _script(), media_type="text/javascript; charset=utf-8", headers=_HEADERS, keep="public, max-age=300"
    )


@lru_cache(maxsize=1)
def _script() -> bytes:
    return files("consentry.web.embed").joinpath("static", "consentry.js").read_bytes()
