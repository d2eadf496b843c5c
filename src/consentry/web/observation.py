"""What is told of requests: metrics for Prometheus and one structured log line each.

Neither ever holds a path, a query, a header or a body: tokens stand in paths, secrets in headers. What an audit must know is in the
database.
"""

import logging
import os
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Observation:
    """Counts and logs the requests of a worker process."""

    def __init__(self, *, level: str) -> None:
        # prometheus_client chooses between one and many processes when it is imported.
        from prometheus_client import Counter, Histogram  # noqa: PLC0415 - see above

        self._log = structlog.get_logger("consentry.requests")
        self._logs_requests = logging.getLevelNamesMapping()[level.upper()] <= logging.INFO
        self._requests = Counter(
            "consentry_requests", "Requests by operation, status and error code.", ("operation", "status", "error")
        )
        self._seconds = Histogram(
            "consentry_request_seconds", "Time to answer, by operation.", ("operation",), buckets=_BUCKETS
        )
        self._counters: dict[tuple[str, int, str], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

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
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = self._requests.labels(operation, str(status), error)
        counter.inc()
        histogram = self._histograms.get(operation)
        if histogram is None:
            histogram = self._histograms[operation] = self._seconds.labels(operation)
        histogram.observe(seconds)
        if self._logs_requests:
            self._log.info(
                "request",
                operation=operation,
                status=status,
                error=error or None,
                milliseconds=round(seconds * 1000, 2),
                source=source,
                request_id=request_id,
                interaction_id=None if interaction_id is None else interaction_id.decode("ascii"),
            )

    def failure(self, failure: Exception, *, request_id: str, operation: str) -> None:
        """Log a fault of ours: its kind and where it happened, not its message, which may quote a value."""
        self._log.error(
            "request failed", operation=operation, request_id=request_id, failure=type(failure).__name__, at=_places(failure)
        )


def _places(failure: BaseException) -> list[str]:
    places = []
    step = failure.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        places.append(f"{os.path.basename(code.co_filename)}:{step.tb_lineno} {code.co_name}")
        step = step.tb_next
    return places
