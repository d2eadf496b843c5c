"""The command behind `make bench`: what is started, measured and written down.

python -m bench                 everything, about 12 minutes; the first run also seeds its data
python -m bench --quick         fewer and shorter rounds, up to 1 million consents, about 3 minutes
python -m bench --only token    one measurement, for profiling: token, list, toggle, hello, oidc, dot or pgbench
"""

import argparse
import contextlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench import budgets, pgbench, plan, plot, report, seed, servers
from bench.cluster import Cluster
from bench.load import require_wrk
from bench.plan import Measurement
from bench.processes import MissingError, Server
from bench.product import Product, open_cluster, open_product, start_server

ONLY = ("token", "list", "toggle", "hello", "oidc", "dot", "pgbench")
MAIN = seed.SIZES["1m"]


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    only: str | None
    size: seed.Size
    workers: int
    rounds: int
    seconds: float
    quick: bool
    strict: bool


def options(words: list[str]) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make bench", description="Load runs against the product and its peers.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, up to 1 million consents")
    parser.add_argument("--only", choices=ONLY, help="one measurement alone, without a report")
    parser.add_argument(
        "--size", choices=list(seed.SIZES), default="1m", help="with --only: how many consents are stored"
    )
    parser.add_argument("--workers", type=int, default=1, help="with --only token or list: workers, all on one core")
    parser.add_argument("--rounds", type=int, help="rounds (5; quick 3; only 3)")
    parser.add_argument("--seconds", type=float, help="seconds of one run (3; quick 2)")
    parser.add_argument("--strict", action="store_true", help="end with status 1 when a budget is missed")
    read = parser.parse_args(words)
    return Options(
        only=read.only,
        size=seed.SIZES[read.size],
        workers=read.workers,
        rounds=read.rounds or (3 if read.quick or read.only else 5),
        seconds=read.seconds or (2 if read.quick else 3),
        quick=read.quick,
        strict=read.strict,
    )


class Bench:
    """Everything that is running; leaving the context ends it."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._clusters: dict[str, Cluster] = {}
        self._products: dict[str, Product] = {}

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def cluster(self, size: seed.Size) -> Cluster:
        """Return the PostgreSQL of a size, started when first asked for."""
        if size.name not in self._clusters:
            cluster = open_cluster(size)
            self._stack.callback(cluster.postgres.release)
            self._clusters[size.name] = cluster
        return self._clusters[size.name]

    def product(self, size: seed.Size) -> Product:
        """Return the product with the data of a size, started when first asked for."""
        if size.name not in self._products:
            say(f"starting consentry with {size.consents:,} consents")
            product = open_product(self.cluster(size), size, say=say)
            self._ended_at_last(product.server)
            self._products[size.name] = product
        return self._products[size.name]

    def two_workers(self, size: seed.Size, kind: str, server: Server | None = None) -> Measurement:
        """Return the measurement of two workers of the product."""
        return plan.of_two_workers(self.product(size), kind, server or self.started(size, 2))

    def started(self, size: seed.Size, workers: int) -> Server:
        """Start another server of the product on the data of a size."""
        return self._ended_at_last(start_server(self.cluster(size), workers=workers))

    def peer(self, name: str) -> Measurement:
        """Return the measurement of a peer, started for it."""
        say(f"starting {name}")
        if name == "pgbench":
            pgbench.prepare(self.cluster(MAIN))
            return plan.of_pgbench(self.cluster(MAIN))
        if name == "hello":
            peer, cluster, warm_up = servers.start_hello(), None, 2
        elif name == "oidc":
            peer, cluster, warm_up = servers.start_oidc_provider(), None, 5
        else:
            cluster = self.cluster(MAIN)
            peer, warm_up = servers.start_django_oauth_toolkit(cluster), 2
        self._ended_at_last(peer.server)
        return plan.of_peer(name, peer, cluster=cluster, warm_up=warm_up)

    def _ended_at_last(self, server: Server) -> Server:
        self._stack.callback(server.end)
        return server


def whole(asked: Options) -> int:
    """Measure everything and write the report."""
    begun = time.monotonic()
    sizes = [seed.SIZES["10k"]] if asked.quick else [seed.SIZES["10k"], seed.SIZES["10m"]]
    with Bench() as bench:
        product = bench.product(MAIN)
        two = bench.started(MAIN, 2)
        measurements = [bench.peer("hello"), plan.of_product(product, "token"), bench.peer("oidc"), bench.peer("dot")]
        measurements += [
            bench.two_workers(MAIN, "token", two),
            plan.of_product(product, "token", checkpoint_inside=True),
        ]
        measurements += [plan.of_product(product, "list"), bench.two_workers(MAIN, "list", two)]
        measurements += [bench.peer("pgbench"), plan.of_product(product, "toggle")]
        measurements += [plan.of_product(product, "toggle", checkpoint_inside=True)]
        for kind in ("list", "toggle"):
            measurements += [plan.of_product(bench.product(size), kind) for size in sizes]
        limit = time.monotonic() + (60 if asked.quick else 330)
        plan.measure_all(measurements, rounds=asked.rounds, seconds=asked.seconds, until=limit, say=say)
    measured = {one.name: one for one in measurements}
    run = report.Run(
        machine=report.machine(),
        seconds=asked.seconds,
        minutes=(time.monotonic() - begun) / 60,
        measured=measured,
        budgets=budgets.judge(measured),
        complaints=budgets.complaints(measured),
    )
    write(run)
    return 1 if asked.strict and not run.is_good else 0


def write(run: report.Run) -> None:
    """Write bench.md, bench.json and bench.svg under build/, and show the first."""
    text = report.markdown(run)
    (servers.BUILD / "bench.md").write_text(text)
    (servers.BUILD / "bench.json").write_text(report.as_json(run))
    caption = f"{run.machine['processor']}, {run.machine['cores']} cores; lines show the spread of the rounds"
    (servers.BUILD / "bench.svg").write_text(plot.svg(run.measured, caption=caption))
    print(text)
    print("Written: build/bench.md, build/bench.json, build/bench.svg")


def single(asked: Options, name: str) -> int:
    """Measure one thing alone and print its rounds."""
    with Bench() as bench:
        if name not in ("token", "list", "toggle"):
            one = bench.peer(name)
        elif asked.workers > 1 and name != "toggle":
            one = plan.of_two_workers(bench.product(asked.size), name, bench.started(asked.size, asked.workers))
        else:
            one = plan.of_product(bench.product(asked.size), name)
        if one.server:
            say(f"{one.title}: process {one.server.pid}, port {one.server.port}, log {one.server.log}")
        plan.measure_all([one], rounds=asked.rounds, seconds=asked.seconds, until=time.monotonic() + 600, say=say)
    for index, result in enumerate(one.rounds, 1):
        f = result.figures
        print(
            f"{index}: {f.rate:,.0f}/s  p50 {f.p50:.2f}  p90 {f.p90:.2f}  p99 {f.p99:.2f}  max {f.longest:.1f} ms  "
            f"CPU µs: server {result.server_micros:.1f}, PostgreSQL {result.store_micros:.1f}  "
            f"memory {result.memory:.0f} MB  failed {f.failures}"
        )
    for complaint in budgets.complaints({one.name: one}):
        print(complaint)
    return 0


def say(text: str) -> None:
    """Tell the person in front of it what is going on."""
    print(f"[bench] {text}", file=sys.stderr, flush=True)


def main(words: list[str]) -> int:
    """Run the benchmark and return the exit status."""
    asked = options(words)
    if not sys.platform.startswith("linux") or (os.cpu_count() or 1) < 2:
        say("needs Linux and two cores: one for the server, one for the load and PostgreSQL")
        return 2
    Path(servers.WORK).mkdir(parents=True, exist_ok=True)
    try:
        require_wrk()
        return single(asked, asked.only) if asked.only else whole(asked)
    except MissingError as missing:
        say(str(missing))
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
