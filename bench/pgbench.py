"""Owns the yardstick of writes: `pgbench -N -M prepared` on the PostgreSQL that the product uses.

pgbench takes the place of a server: it runs on the servers' core, and PostgreSQL has the other one.
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from bench.cluster import Cluster
from bench.load import CONNECTIONS, Figures
from bench.processes import SERVER_CORE, MissingError

DATABASE = "bench_pgbench"
SCALE = 50


def prepare(cluster: Cluster) -> None:
    """Create pgbench's tables unless a run before has; 5 million accounts."""
    if cluster.has_database(DATABASE):
        return
    cluster.execute(f"create database {DATABASE}", database="postgres")
    _pgbench(cluster, ["-i", "-q", f"-s{SCALE}"], patience=300)


def run(cluster: Cluster, *, seconds: float) -> Figures:
    """Run simple updates with as many clients as wrk has connections, and return what they showed."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["-N", "-n", "-M", "prepared", f"-c{CONNECTIONS}", "-j1", f"-T{max(1, round(seconds))}"]
        begun = time.monotonic()
        _pgbench(cluster, [*options, "-l", f"--log-prefix={folder}/log"], patience=seconds + 60)
        passed = time.monotonic() - begun
        lines = [line.split() for log in Path(folder).iterdir() for line in log.read_text().splitlines()]
    times = sorted(int(line[2]) / 1e3 for line in lines)
    ends = [int(line[4]) + int(line[5]) / 1e6 for line in lines]

    def share(part: float) -> float:
        return times[min(len(times) - 1, int(len(times) * part))]

    return Figures(
        requests=len(times),
        seconds=max(ends) - min(ends) if len(ends) > 1 else passed,
        sent=len(times),
        failures=0,
        p50=share(0.5),
        p90=share(0.9),
        p99=share(0.99),
        p999=share(0.999),
        longest=times[-1],
    )


def _pgbench(cluster: Cluster, options: list[str], *, patience: float) -> None:
    program = cluster.postgres.binaries / "pgbench"
    if not program.exists():
        raise MissingError(f"{program} is missing; it comes with PostgreSQL's server (Debian: postgresql-contrib)")
    place = cluster.address(DATABASE)
    environment = {**os.environ, "PGHOST": place.host, "PGPORT": place.port, "PGUSER": place.user}
    environment |= {"PGPASSWORD": place.password, "PGDATABASE": DATABASE}
    done = subprocess.run(
        ["taskset", "-c", str(SERVER_CORE), program, *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
    if done.returncode != 0:
        raise MissingError(f"pgbench failed: {done.stderr[-1000:]}")
