"""What operators ask of a worker: is it alive, is it ready, and what has it counted."""

import os
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from consentry.domain.refusal import TemporarilyUnavailable
from consentry.store import health
from consentry.store.session import Session
from consentry.web.errors import RETRY_AFTER_SECONDS

_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def routes(session: Session) -> list[Route]:
    """Give `/live`, `/ready` and `/metrics`."""
    return [Route("/live", _live), Route("/ready", _ready(session)), Route("/metrics", _metrics)]


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


async def _metrics(_: Request) -> Response:
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess

    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no annotations
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST, headers=_NO_STORE)
