"""Counts of requests for Prometheus, summed over all worker processes.

A worker counts in its own memory, where it costs next to nothing, and leaves a snapshot in the workers' shared folder
every second. Whichever worker is asked adds up the snapshots, those of ended workers too, so that counters never fall.
"""

import secrets
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import HistogramMetricFamily, Metric

_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LABELS: Final = ("operation", "status", "error")
_SNAPSHOT: Final = "metrics-"


class _Times(msgspec.Struct):
    """How long requests of one kind took: a count for each bound and one beyond them, and the sum of seconds."""

    labels: tuple[str, str, str]
    counts: list[int]
    seconds: float = 0.0


_write: Final = msgspec.json.Encoder().encode
_read: Final = msgspec.json.Decoder(list[_Times]).decode


class RequestMetrics:
    """The counts of one worker process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._snapshot = folder / f"{_SNAPSHOT}{secrets.token_hex(8)}"
        self._times: dict[tuple[str, int, str], _Times] = {}

    def count(self, operation: str, status: int, error: str, seconds: float) -> None:
        """Count one answered request."""
        times = self._times.get((operation, status, error))
        if times is None:
            times = _Times(labels=(operation, str(status), error), counts=[0] * (len(_BOUNDS) + 1))
            self._times[operation, status, error] = times
        times.counts[bisect_left(_BOUNDS, seconds)] += 1
        times.seconds += seconds

    def leave_snapshot(self) -> None:
        """Write the counts to the shared folder, whole or not at all."""
        draft = self._folder / f".{self._snapshot.name}"
        draft.write_bytes(_write(list(self._times.values())))
        draft.replace(self._snapshot)

    def exposition(self) -> bytes:
        """Give the counts of all workers in Prometheus' text format."""
        self.leave_snapshot()
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector(self._folder))
        return generate_latest(registry)


class _Collector:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        summed: dict[tuple[str, str, str], _Times] = {}
        for snapshot in self._folder.glob(f"{_SNAPSHOT}*"):
            for times in _read(snapshot.read_bytes()):
                known = summed.setdefault(times.labels, _Times(times.labels, [0] * len(times.counts)))
                known.counts = [one + other for one, other in zip(known.counts, times.counts, strict=True)]
                known.seconds += times.seconds
        family = HistogramMetricFamily(
            "consentry_request_seconds",
            "Time to answer a request, by operation, status and error code.",
            labels=_LABELS,
        )
        for labels, times in sorted(summed.items()):
            family.add_metric(labels, _cumulated(times.counts), sum_value=times.seconds)
        yield family


def _cumulated(counts: list[int]) -> list[tuple[str, float]]:
    bounds = [*(str(bound) for bound in _BOUNDS), "+Inf"]
    return [(bound, float(sum(counts[: place + 1]))) for place, bound in enumerate(bounds)]
