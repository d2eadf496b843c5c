"""Owns how a run is told: the tables in Markdown, `bench.json` with the same figures, and what the machine was.

The plot is left to `bench.plot`.
"""

import json
import os
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.budgets import Budget, Spread, memory, p99, rate, server_cost
from bench.load import CONNECTIONS
from bench.plan import Measurement, Round
from bench.processes import LOAD_CORE, SERVER_CORE

NOTES = f"""\
Servers, and pgbench as a client, ran on core {SERVER_CORE}; wrk (one thread, {CONNECTIONS} connections, a closed loop)
and PostgreSQL on core {LOAD_CORE}. Every server had one worker, unless it says two: those shared core {SERVER_CORE}
and had {2 * CONNECTIONS} connections. Before each run on PostgreSQL a CHECKPOINT was forced and awaited, so that
none began by itself; a run with a "checkpoint inside" got another one, at full speed, in its middle. Figures are
medians of the rounds, with the least and the greatest in brackets; a ratio is the median of the rounds' own ratios.

consentry and django-oauth-toolkit write each token to PostgreSQL and wait for it to be durable; oidc-provider keeps
everything in memory. django-oauth-toolkit compares the client secret as it is: its default, a slow hash checked at each
request, would leave it a few tokens a second. consentry's limits of requests a second were set out of the way.
"""
COLUMNS = (
    "what",
    "requests a second",
    "p50 ms",
    "p99 ms",
    "CPU µs, server",
    "CPU µs, PostgreSQL",
    "memory MB",
    "failed",
)


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that one run of the benchmark found."""

    machine: Mapping[str, str]
    companion: bool
    busy: float
    hot: int
    rounds: int
    seconds: float
    minutes: float
    measured: Mapping[str, Measurement]
    budgets: Sequence[Budget]
    complaints: Sequence[str]

    @property
    def is_good(self) -> bool:
        """Tell whether nothing failed and no measured budget was missed."""
        return not self.complaints and all(budget.met is not False for budget in self.budgets)


def machine() -> dict[str, str]:
    """Return what the figures depend on: processor, cores, kernel and versions."""
    model = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return {
        "processor": model[0] if model else platform.machine(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "node": _told("node", "--version"),
        "wrk": _told("wrk", "-v").removeprefix("wrk ").partition(" [")[0],
    }


def _told(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "missing"
    return (done.stdout or done.stderr).partition("\n")[0].strip()


def markdown(run: Run) -> str:
    """Return the whole report: the budgets, the measurements, and how they were made."""
    facts = ", ".join(f"{name} {value}" for name, value in run.machine.items())
    parts = [
        "# Benchmark",
        "",
        f"{facts}; {run.rounds} rounds of {run.seconds:g} s, {run.minutes:.1f} minutes in all.",
        "",
    ]
    parts += [
        "## Budgets",
        "",
        *_table(("what", "measured", "spread", "budget", ""), map(_budget_row, run.budgets)),
        "",
    ]
    parts += ["## Measurements", "", *_table(COLUMNS, map(_measurement_row, run.measured.values())), ""]
    parts += [f"**{complaint}**" for complaint in run.complaints]
    if run.busy > 0.05:
        parts.append(
            f"**Other programs used {run.busy:.0%} of the cores when the run began: its figures are too low.**"
        )
    parts += ["", NOTES + _circumstances(run), ""]
    return "\n".join(parts)


def _circumstances(run: Run) -> str:
    companion = "ran beside each of its servers" if run.companion else "did not run"
    hot = f"The hot set had {run.hot:,} customers (2,000 at 10 thousand consents)."
    return f"{hot} `consentry worker`, which seals and dispatches, {companion}."


def _table(columns: Sequence[str], rows: "map[tuple[str, ...]]") -> list[str]:
    head = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return head + [f"| {' | '.join(row)} |" for row in rows]


def _budget_row(budget: Budget) -> tuple[str, ...]:
    limit = f"{'≥' if budget.at_least else '≤'} {budget.limit:g} {budget.unit}"
    if budget.value is None:
        return budget.name, "", "", limit, "not measured"
    value = budget.value
    spread = f"{value.least:.3g} to {value.greatest:.3g}"
    return budget.name, f"{value.median:.3g} {budget.unit}", spread, limit, "met" if budget.met else "**MISSED**"


def _measurement_row(one: Measurement) -> tuple[str, ...]:
    def shown(figure: Callable[[Round], float], form: str) -> str:
        spread = Spread.of([figure(r) for r in one.rounds])
        return format(spread.median, form) if spread.median else ""

    rates, tails = Spread.of([rate(r) for r in one.rounds]), Spread.of([p99(r) for r in one.rounds])
    return (
        one.title,
        f"{rates.median:,.0f} ({rates.least:,.0f} to {rates.greatest:,.0f})",
        shown(lambda r: r.figures.p50, ".2f"),
        f"{tails.median:.2f} ({tails.least:.2f} to {tails.greatest:.2f})",
        shown(server_cost, ".1f"),
        shown(lambda r: r.store_micros, ".1f"),
        shown(memory, ".0f"),
        f"{sum(r.figures.failures for r in one.rounds):,}",
    )


def as_json(run: Run) -> str:
    """Return the same figures, with every round, as JSON."""
    measurements = {
        name: {
            "title": one.title,
            "rate": asdict(Spread.of([rate(r) for r in one.rounds])),
            "p99_ms": asdict(Spread.of([p99(r) for r in one.rounds])),
            "unchanged": one.unchanged,
            "rounds": [{**asdict(r), "rate": r.figures.rate} for r in one.rounds],
        }
        for name, one in run.measured.items()
    }
    budgets = [{**asdict(budget), "met": budget.met} for budget in run.budgets]
    whole = {
        "machine": dict(run.machine),
        "companion": run.companion,
        "busy": round(run.busy, 3),
        "hot_customers": run.hot,
        "rounds": run.rounds,
        "seconds": run.seconds,
        "minutes": round(run.minutes, 2),
        "connections": CONNECTIONS,
    }
    whole |= {"measurements": measurements, "budgets": budgets, "complaints": list(run.complaints)}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
