"""What operators ask of a worker: is it alive, is it ready, and what has it counted.

And what whoever has found a hole asks: whom to tell.
"""

from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from consentry.config import Settings
from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.store import health
from consentry.store.session import Session
from consentry.web.errors import RETRY_AFTER_SECONDS
from consentry.web.metrics import RequestMetrics

_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def routes(session: Session, metrics: RequestMetrics, settings: Settings) -> list[Route]:
    """Give `/live`, `/ready` and `/metrics`, and `/.well-known/security.txt` if a contact is set."""
    found = [Route("/live", _live), Route("/ready", _ready(session)), Route("/metrics", _metrics(metrics))]
    if settings.security_contact is not None:
        found.append(Route("/.well-known/security.txt", _security_txt(settings), name="security_txt"))
    return found


async def _live(_: Request) -> Response:
    return JSONResponse({"status": "alive"}, headers=_NO_STORE)


def _ready(session: Session) -> Callable[[Request], Awaitable[Response]]:
    async def ready(_: Request) -> Response:
        try:
            async with session.connection() as connection:
                problems = await health.problems(connection)
        except TemporarilyUnavailable:
            problems = ["The database can't be reached."]
        if problems:
            headers = {**_NO_STORE, "Retry-After": str(RETRY_AFTER_SECONDS)}
            return JSONResponse({"status": "not ready", "problems": problems}, status_code=503, headers=headers)
        return JSONResponse({"status": "ready"}, headers=_NO_STORE)

    return ready


def _metrics(metrics: RequestMetrics) -> Callable[[Request], Awaitable[Response]]:
    async def counted(_: Request) -> Response:
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST, headers=_NO_STORE)

    return counted


def _security_txt(settings: Settings) -> Callable[[Request], Awaitable[Response]]:
    text = f"Contact: {settings.security_contact}\nExpires: {settings.security_expires}T00:00:00Z\n"  # RFC 9116

    async def told(_: Request) -> Response:
        return Response(text, media_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})

    return told
