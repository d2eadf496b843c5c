"""Owns what is measured and in which order: rounds, each of which goes through all measurements.

A round's measurements follow each other closely, so that a ratio compares figures of the same moments. Before each
measurement that uses PostgreSQL, a CHECKPOINT is forced and awaited. What the figures must be is left to
`bench.budgets`.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench import pgbench, seed
from bench.cluster import Cluster
from bench.load import CONNECTIONS, Figures, run
from bench.processes import Server, cpu_seconds, resident_megabytes
from bench.product import Product
from bench.servers import Peer


@dataclass(frozen=True, slots=True)
class Round:
    """The figures of one run of one measurement; CPU in microseconds an answer, memory in MB of the largest process."""

    figures: Figures
    server_micros: float
    store_micros: float
    memory: float


@dataclass(slots=True)
class Measurement:
    """One thing under load, and its rounds so far."""

    name: str
    title: str
    act: Callable[[float], Figures]
    server: Server | None = None
    cluster: Cluster | None = None
    ours: bool = False
    warm_up: float = 2
    checkpoint_inside: bool = False
    changes: Callable[[], int] | None = None
    unchanged: int = 0
    rounds: list[Round] = field(default_factory=list)

    def measure(self, seconds: float) -> Round:
        """Run once and keep the figures."""
        if self.cluster:
            self.cluster.checkpoint()
        before = self._spent()
        changes = self.changes() if self.changes else 0
        timer = self._checkpoint_at(seconds / 2)
        figures = self.act(seconds)
        if timer:
            timer.join()
        if self.changes:
            self.unchanged += max(0, figures.requests - figures.failures - (self.changes() - changes))
        server, store = (after - earlier for after, earlier in zip(self._spent(), before, strict=True))
        each = 1e6 / max(1, figures.requests)
        memory = resident_megabytes(self.server.pid) if self.server else 0.0
        result = Round(figures, server * each, store * each, memory)
        self.rounds.append(result)
        return result

    def _spent(self) -> tuple[float, float]:
        server = cpu_seconds(self.server.pid) if self.server else 0.0
        return server, self.cluster.cpu_seconds() if self.cluster else 0.0

    def _checkpoint_at(self, moment: float) -> threading.Timer | None:
        if not self.checkpoint_inside or self.cluster is None:
            return None
        timer = threading.Timer(moment, self.cluster.checkpoint)
        timer.start()
        return timer


def of_peer(name: str, peer: Peer, *, cluster: Cluster | None = None, warm_up: float = 2) -> Measurement:
    """Return the measurement of a peer."""
    act: Callable[[float], Figures] = lambda seconds: run(peer.load, seconds=seconds)  # noqa: E731 - bound to this peer
    return Measurement(name, peer.title, act, peer.server, cluster, warm_up=warm_up)


def of_pgbench(cluster: Cluster) -> Measurement:
    """Return the measurement of pgbench."""
    act: Callable[[float], Figures] = lambda seconds: pgbench.run(cluster, seconds=seconds)  # noqa: E731
    return Measurement("pgbench", f"pgbench -N -M prepared -c {CONNECTIONS}", act, None, cluster)


def of_product(product: Product, kind: str, *, checkpoint_inside: bool = False) -> Measurement:
    """Return the measurement of one kind of request, `token`, `list` or `toggle`."""
    acts = {"token": product.ask_tokens, "list": product.list_consents, "toggle": product.toggle}
    changes = (lambda: seed.changes(product.cluster)) if kind == "toggle" else None
    name, title = f"{kind}-{product.size.name}", f"consentry {kind}, {product.size.words} consents"
    if checkpoint_inside:
        name, title = f"{name}-checkpoint", f"{title}, checkpoint inside"
    return Measurement(
        name,
        title,
        acts[kind],
        product.server,
        product.cluster,
        ours=True,
        checkpoint_inside=checkpoint_inside,
        changes=changes,
    )


def of_two_workers(product: Product, kind: str, server: Server) -> Measurement:
    """Return the measurement of `token` or `list` against a server of two workers, with twice the connections."""
    ask = product.ask_tokens if kind == "token" else product.list_consents

    def act(seconds: float) -> Figures:
        return ask(seconds, server=server, connections=2 * CONNECTIONS)

    name, title = f"{kind}-{product.size.name}-two", f"consentry {kind}, two workers on one core"
    return Measurement(name, title, act, server, product.cluster, ours=True)


def measure_all(
    measurements: list[Measurement], *, rounds: int, seconds: float, until: float, say: Callable[[str], None]
) -> None:
    """Warm everything up, then go through the rounds; none but the first begins if it would end after `until`."""
    for one in measurements:
        if not one.checkpoint_inside:
            one.act(one.warm_up * seconds / 3)
    begun = time.monotonic()
    for number in range(1, rounds + 1):
        now = time.monotonic()
        if number > 1 and now + (now - begun) / (number - 1) > until:
            say(f"out of time after {number - 1} of {rounds} rounds")
            return
        for one in measurements:
            if one.checkpoint_inside and number > 1:
                continue
            result = one.measure(seconds)
            shown = result.figures
            say(f"round {number}: {one.title}: {shown.rate:,.0f}/s, p99 {shown.p99:.1f} ms, {shown.failures} failures")
