"""Owns what the figures must be: each budget with its value in this run.

A ratio is the median of the rounds' own ratios; its spread goes from the least to the greatest of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.plan import Measurement, Round

Figure = Callable[[Round], float]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median, the least and the greatest of some values."""

    median: float
    least: float
    greatest: float

    @staticmethod
    def of(values: Sequence[float]) -> "Spread":
        """Return the spread of one or more values."""
        return Spread(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Budget:
    """A figure, where it must lie, and what it was; without a value it was not measured in this run."""

    name: str
    limit: float
    at_least: bool
    unit: str
    value: Spread | None

    @property
    def met(self) -> bool | None:
        """Tell whether the median keeps the budget, or None when it was not measured."""
        if self.value is None:
            return None
        return self.value.median >= self.limit if self.at_least else self.value.median <= self.limit


def rate(one: Round) -> float:
    """Return answers a second."""
    return one.figures.rate


def p99(one: Round) -> float:
    """Return the 99th percentile, in milliseconds."""
    return one.figures.p99


def server_cost(one: Round) -> float:
    """Return the server's CPU time an answer, in microseconds."""
    return one.server_micros


def memory(one: Round) -> float:
    """Return the memory of the largest process, in MB."""
    return one.memory


def judge(measured: Mapping[str, Measurement]) -> list[Budget]:
    """Return all budgets with what this run measured of them."""

    def ratio(figure: Figure, over: str, under: str) -> Spread | None:
        pairs = zip(_rounds(measured, over), _rounds(measured, under), strict=False)
        values = [figure(a) / figure(b) for a, b in pairs if figure(b) > 0]
        return Spread.of(values) if values else None

    def plain(figure: Figure, name: str) -> Spread | None:
        values = [figure(one) for one in _rounds(measured, name)]
        return Spread.of(values) if values else None

    largest = [max(memory(one) for one in m.rounds) for m in measured.values() if m.ours and m.rounds]
    return [
        Budget("token, of oidc-provider in memory", 3, True, "x", ratio(rate, "token-1m", "oidc")),
        Budget("token, of django-oauth-toolkit on PostgreSQL", 35, True, "x", ratio(rate, "token-1m", "dot")),
        Budget("token, of raw ASGI hello", 0.22, True, "x", ratio(rate, "token-1m", "hello")),
        Budget("token, p99 outside checkpoints", 15, False, "ms", plain(p99, "token-1m")),
        Budget("list at 1 million, of raw ASGI hello", 0.25, True, "x", ratio(rate, "list-1m", "hello")),
        Budget("toggle at 1 million, of pgbench -N", 0.6, True, "x", ratio(rate, "toggle-1m", "pgbench")),
        Budget("toggle at 1 million, p99", 25, False, "ms", plain(p99, "toggle-1m")),
        Budget("list, p99 at 10 million, of that at 10 thousand", 1.3, False, "x", ratio(p99, "list-10m", "list-10k")),
        Budget(
            "toggle, p99 at 10 million, of that at 10 thousand", 1.3, False, "x", ratio(p99, "toggle-10m", "toggle-10k")
        ),
        Budget("token, CPU of two workers, of one", 1.1, False, "x", ratio(server_cost, "token-1m-two", "token-1m")),
        Budget("list, CPU of two workers, of one", 1.1, False, "x", ratio(server_cost, "list-1m-two", "list-1m")),
        Budget("memory of the largest worker", 120, False, "MB", Spread.of([max(largest)]) if largest else None),
    ]


def complaints(measured: Mapping[str, Measurement]) -> list[str]:
    """Return what makes a measurement worthless: failed requests, and toggles that changed nothing."""
    found = []
    for one in measured.values():
        failures = sum(r.figures.failures for r in one.rounds)
        requests = sum(r.figures.requests for r in one.rounds)
        if failures:
            found.append(f"{one.title}: {failures:,} of {requests:,} requests failed")
        if one.unchanged > requests / 100:
            found.append(f"{one.title}: {one.unchanged:,} of {requests:,} answered requests left no change on record")
    return found


def _rounds(measured: Mapping[str, Measurement], name: str) -> list[Round]:
    return measured[name].rounds if name in measured else []
