"""Owns the load: runs wrk with one of the scripts in `lua/` and reads the figures that it prints.

wrk is a closed loop: each of its connections sends the next request when the last is answered. Rounds and their
order are left to `bench.plan`.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.processes import LOAD_CORE, MissingError

SCRIPTS = Path(__file__).parent / "lua"
CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of request: the script that sends it, where to, and what the script wants to know."""

    script: str
    url: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run of load showed; times in milliseconds."""

    requests: int
    seconds: float
    sent: int
    failures: int
    p50: float
    p90: float
    p99: float
    p999: float
    longest: float

    @property
    def rate(self) -> float:
        """Return answers a second."""
        return self.requests / self.seconds


def require_wrk() -> str:
    """Return the path of wrk.

    Raises: MissingError when it is not installed.
    """
    found = shutil.which("wrk")
    if found is None:
        raise MissingError("wrk is missing; on Debian and Ubuntu: apt-get install wrk")
    return found


def run(load: Load, *, seconds: float, offset: int = 0, connections: int = CONNECTIONS) -> Figures:
    """Put one server under load for `seconds` (rounded up to whole ones) and return what it showed.

    `offset` is where the script begins in its row of customers.
    """
    done = _wrk(load, seconds=seconds, offset=offset, connections=connections)
    for line in done.stdout.splitlines():
        if line.startswith("BENCH "):
            return _figures(json.loads(line.removeprefix("BENCH ")))
    raise MissingError(f"wrk gave no figures for {load.url}: {done.stdout[-500:]} {done.stderr[-500:]}")


def run_out(load: Load, *, patience: float) -> None:
    """Run a script that ends by itself, for at most `patience` seconds; it prints no figures."""
    _wrk(load, seconds=patience, offset=0, connections=CONNECTIONS)


def _wrk(load: Load, *, seconds: float, offset: int, connections: int) -> subprocess.CompletedProcess[str]:
    environment = {"BENCH_LUA": str(SCRIPTS), "BENCH_OFFSET": str(offset), **load.settings}
    command = ["taskset", "-c", str(LOAD_CORE), require_wrk(), "--latency", "--timeout", "10s"]
    command += ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(SCRIPTS / load.script), load.url]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds + 120, check=False)


def _figures(seen: Mapping[str, float]) -> Figures:
    return Figures(
        requests=int(seen["requests"]),
        seconds=seen["micros"] / 1e6,
        sent=int(seen["sent"]),
        failures=int(seen["status"] + seen["socket"] + seen["timeout"]),
        p50=seen["p50"] / 1e3,
        p90=seen["p90"] / 1e3,
        p99=seen["p99"] / 1e3,
        p999=seen["p999"] / 1e3,
        longest=seen["max"] / 1e3,
    )
