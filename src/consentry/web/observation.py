"""What is told of requests: metrics for Prometheus and one structured log line each.

Neither ever holds a path, a query, a header or a body: tokens stand in paths, secrets in headers. What an audit must
know is in the database. The lines of requests are written every tenth of a second, many at once; faults are logged at
once.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import structlog

from consentry.web.metrics import RequestMetrics

_WRITE_EVERY: Final = 0.1
_TELL_OUTAGES_EVERY: Final = 1.0
_write_line: Final = msgspec.json.Encoder().encode


class _RequestLine(msgspec.Struct, omit_defaults=True):
    at: datetime
    level: str
    event: str
    operation: str
    status: int
    milliseconds: float
    source: str
    request_id: str
    error: str = ""
    interaction_id: str = ""


class Observation:
    """Counts and logs the requests of a worker process."""

    def __init__(self, metrics: RequestMetrics, *, logs_requests: bool) -> None:
        self._metrics = metrics
        self._log = structlog.get_logger("consentry.requests")
        self._logs_requests = logs_requests
        self._lines: list[bytes] = []
        self._next_outage = 0.0

    def request(
        self,
        *,
        operation: str,
        status: int,
        error: str,
        seconds: float,
        source: str,
        request_id: str,
        interaction_id: bytes | None,
    ) -> None:
        """Count one answered request and log it."""
        self._metrics.count(operation, status, error, seconds)
        if self._logs_requests:
            line = _RequestLine(
                at=datetime.now(UTC),
                level="info",
                event="request",
                operation=operation,
                status=status,
                milliseconds=round(seconds * 1000, 2),
                source=source,
                request_id=request_id,
                error=error,
                interaction_id="" if interaction_id is None else interaction_id.decode("ascii"),
            )
            self._lines.append(_write_line(line))
            if len(self._lines) == 1:
                asyncio.get_running_loop().call_later(_WRITE_EVERY, self.flush)

    def flush(self) -> None:
        """Write the lines that wait."""
        lines, self._lines = self._lines, []
        if lines:
            lines.append(b"")
            sys.stderr.buffer.write(b"\n".join(lines))
            sys.stderr.buffer.flush()

    def unavailable(self, cause: BaseException | None, *, request_id: str, operation: str) -> None:
        """Log why the store can't be used, once a second at most: an outage concerns every request."""
        now = time.monotonic()
        if cause is not None and now >= self._next_outage:
            self._next_outage = now + _TELL_OUTAGES_EVERY
            self._log.warning(
                "the store is unavailable",
                operation=operation,
                request_id=request_id,
                cause=type(cause).__name__,
                sqlstate=getattr(cause, "sqlstate", None),
            )

    def failure(self, failure: Exception, *, request_id: str, operation: str) -> None:
        """Log a fault of ours: its kind and where it happened, not its message, which may quote a value."""
        self._log.error(
            "request failed",
            operation=operation,
            request_id=request_id,
            failure=type(failure).__name__,
            at_code=_places(failure),
        )


def _places(failure: BaseException) -> list[str]:
    places = []
    step = failure.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        places.append(f"{Path(code.co_filename).name}:{step.tb_lineno} {code.co_name}")
        step = step.tb_next
    return places
