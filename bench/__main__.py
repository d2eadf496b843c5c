"""The command behind `make bench`: what is started, measured and written down.

python -m bench                 everything, about 12 minutes; the first run also seeds its data
python -m bench --quick         fewer and shorter rounds, up to 1 million consents, about 3 minutes
python -m bench --only token    one measurement, for profiling: token, list, toggle, hello, oidc, dot or pgbench
"""

import argparse
import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from bench import budgets, pgbench, plan, plot, report, seed, servers
from bench.cluster import Cluster
from bench.load import require_wrk
from bench.plan import Measurement
from bench.processes import MissingError, Server, busy_share
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
    companion: bool
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
    parser.add_argument("--with-worker", action="store_true", help="run consentry worker beside each server")
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
        companion=read.with_worker,
        strict=read.strict,
    )


class Bench:
    """Everything that is running; leaving the context ends it."""

    def __init__(self, *, companion: bool) -> None:
        self._companion = companion
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
            say(f"starting consentry with {size.words} consents")
            product = open_product(self.cluster(size), size, companion=self._companion, say=say)
            self._ended_at_last(product.server)
            self._products[size.name] = product
        return self._products[size.name]

    def started(self, size: seed.Size, workers: int) -> Server:
        """Start another server of the product on the data of a size."""
        return self._ended_at_last(start_server(self.cluster(size), workers=workers, companion=self._companion))

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


def everything(bench: Bench, main: seed.Size, sizes: list[seed.Size]) -> list[Measurement]:
    """Start all servers and return all measurements, in the order in which a round goes through them."""
    product, two = bench.product(main), bench.started(main, 2)
    return [
        bench.peer("hello"),
        plan.of_product(product, "token"),
        bench.peer("oidc"),
        bench.peer("dot"),
        plan.of_two_workers(product, "token", two),
        plan.of_product(product, "token", checkpoint_inside=True),
        plan.of_product(product, "list"),
        plan.of_two_workers(product, "list", two),
        bench.peer("pgbench"),
        plan.of_product(product, "toggle"),
        plan.of_product(product, "toggle", checkpoint_inside=True),
        *(plan.of_product(bench.product(size), "list") for size in sizes),
        *(plan.of_product(bench.product(size), "toggle") for size in sizes),
    ]


def whole(asked: Options) -> int:
    """Measure everything and write the report."""
    begun, busy = time.monotonic(), busy_share()
    servers.require_programs()
    main = replace(MAIN, hot_at_most=20_000) if asked.quick else MAIN
    sizes = [seed.SIZES["10k"]] if asked.quick else [seed.SIZES["10k"], seed.SIZES["10m"]]
    until = begun + 60 * (2.9 if asked.quick else 12)
    with Bench(companion=asked.companion) as bench:
        measurements = everything(bench, main, sizes)
        plan.measure_all(measurements, rounds=asked.rounds, seconds=asked.seconds, until=until, say=say)
    measured = {one.name: one for one in measurements}
    run = report.Run(
        machine=report.machine(),
        companion=asked.companion,
        busy=busy,
        hot=main.hot,
        rounds=max(len(one.rounds) for one in measurements),
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
    with Bench(companion=asked.companion) as bench:
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        require_wrk()
        return single(asked, asked.only) if asked.only else whole(asked)
    except MissingError as missing:
        say(str(missing))
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
