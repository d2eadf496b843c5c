"""What is told of requests: metrics for Prometheus and one structured log line each.

Neither ever holds a path, a query, a header or a body: tokens stand in paths, secrets in headers. What an audit must
know is in the database. The lines of requests are written every tenth of a second, many at once; faults are logged at
once.
"""

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import structlog

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WRITE_EVERY: Final = 0.1
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

    def __init__(self, *, logs_requests: bool, write: Callable[[bytes], object] = sys.stderr.buffer.write) -> None:
        # prometheus_client chooses between one and many processes when it is imported.
        from prometheus_client import Histogram

        self._log = structlog.get_logger("consentry.requests")
        self._logs_requests = logs_requests
        self._write = write
        self._lines: list[bytes] = []
        self._seconds = Histogram(
            "consentry_request_seconds",
            "Time to answer a request, by operation, status and error code.",
            ("operation", "status", "error"),
            buckets=_BUCKETS,
        )
        self._observers: dict[tuple[str, int, str], Callable[[float], None]] = {}

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
        key = (operation, status, error)
        observe = self._observers.get(key)
        if observe is None:
            observe = self._observers[key] = self._seconds.labels(operation, str(status), error).observe
        observe(seconds)
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
            self._write(b"\n".join(lines))
            sys.stderr.buffer.flush()

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
