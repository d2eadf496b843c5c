"""What operators ask of a worker: is it alive, is it ready, and what has it counted."""

from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.store import health
from consentry.store.session import Session
from consentry.web.errors import RETRY_AFTER_SECONDS
from consentry.web.metrics import RequestMetrics

_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def routes(session: Session, metrics: RequestMetrics) -> list[Route]:
    """Give `/live`, `/ready` and `/metrics`."""
    return [Route("/live", _live), Route("/ready", _ready(session)), Route("/metrics", _metrics(metrics))]


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
