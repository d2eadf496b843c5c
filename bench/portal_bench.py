"""Measures the staff's pages: `python -m bench.portal_bench`, with a million consents and ten million audit rows.

Pages are asked for in turn at a steady pace by a signed-in admin, over connections that stay open; told is each page's
time to the last byte. Making the data takes some minutes the first time.
"""

import argparse
import asyncio
import html
import http.client
import os
import re
import statistics
import sys
import time
import urllib.parse
from dataclasses import dataclass, field

from bench import portal_seed
from bench.cluster import Cluster
from bench.processes import LOAD_CORE
from bench.product import folder_of, start_server
from bench.seed import discard
from consentry.domain.staff import House
from consentry.web.portal.cookies import SESSION

BUDGET_MILLISECONDS = 150.0
CUSTOMER = "customer-00123456"
CONSENT = "_bench00123456-2"
OPENED = f"/admin/customer/{CUSTOMER}"
PAGES = (
    "/admin/account",
    "/admin/overview",
    "/admin/overview?range=12m",
    "/admin/customers?customer=customer-0012",
    "/admin/customers?ending=1234",
    "/admin/customers?app=app-7",
    f"/admin/customers?consent={CONSENT}",
    f"/admin/customers/open?customer={CUSTOMER}",
    OPENED,
    f"{OPENED}/consents/{CONSENT}",
    f"{OPENED}/stop-all",
    "/admin/apps",
    "/admin/apps?sort=customers",
    "/admin/apps/app-7",
    "/admin/apps/app-7/disable",
    "/admin/intermediaries",
    "/admin/configuration/api-settings",
    "/admin/configuration/customer-authentication",
    "/admin/configuration/consent-dashboard",
    "/admin/settings/theme",
    "/admin/settings/team",
    "/admin/settings/authentication",
    "/admin/logs",
    "/admin/logs?outcome=refused",
    "/admin/logs?member=person-7",
    f"/admin/logs?subject={CUSTOMER}",
    "/admin/documentation",
)
"""Pages; the charts that one of them shows are asked for as well."""


@dataclass(slots=True)
class Timed:
    """A page and how long its answers took, in milliseconds."""

    path: str
    times: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def p99(self) -> float:
        """Return the 99th percentile."""
        return sorted(self.times)[min(len(self.times) - 1, int(len(self.times) * 0.99))]


class Visitor:
    """A signed-in browser: one connection that stays open."""

    def __init__(self, port: int, session: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"Cookie": f"{SESSION[House.INSTITUTION]}={session}", "Sec-Fetch-Site": "same-origin"}

    def get(self, path: str) -> tuple[int, bytes]:
        """Ask for a page and read it whole."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def post(self, path: str, fields: dict[str, str]) -> int:
        """Send a form with the token that the session's pages have."""
        found = re.search(rb'name="csrf" value="([^"]+)"', self.get("/admin/account")[1])
        body = urllib.parse.urlencode({**fields, "csrf": "" if found is None else found[1].decode()})
        headers = {**self._headers, "Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", path, body, headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


def measure(visitor: Visitor, paths: list[str], *, rate: float, samples: int) -> list[Timed]:
    """Ask for each page so often, in turn, so many a second."""
    timed = [Timed(path) for path in paths]
    for page in timed:
        visitor.get(page.path)  # what a process does once is not what a page costs
    began = time.perf_counter()
    for number in range(samples * len(timed)):
        page = timed[number % len(timed)]
        time.sleep(max(0.0, began + number / rate - time.perf_counter()))
        asked = time.perf_counter()
        status, _ = visitor.get(page.path)
        page.times.append((time.perf_counter() - asked) * 1000)
        page.failed += status != 200
    return timed


def charts_of(visitor: Visitor, path: str) -> list[str]:
    """Return the addresses of the charts that a page shows."""
    found = re.findall(rb'"(/admin/overview/chart/[^"]+)"', visitor.get(path)[1])
    return sorted({html.unescape(address.decode()) for address in found})


def tell(timed: list[Timed]) -> bool:
    """Print the table; tell whether every page keeps the budget."""
    print(f"{'page':<66} {'median':>8} {'p99':>8} failed")
    for page in timed:
        print(f"{page.path:<66} {statistics.median(page.times):>6.1f}ms {page.p99:>6.1f}ms {page.failed:>6}")
    slowest = max(timed, key=lambda page: page.p99)
    print(f"slowest: {slowest.path} with p99 {slowest.p99:.1f} ms (at most {BUDGET_MILLISECONDS:g})")
    return slowest.p99 <= BUDGET_MILLISECONDS and not any(page.failed for page in timed)


def open_data() -> Cluster:
    """Start the PostgreSQL with the data, made anew where it is missing or of another version."""
    folder = folder_of(portal_seed.SIZE)
    if folder.exists() and not portal_seed.is_current():
        discard(folder)
    cluster = Cluster.start(folder)
    if not portal_seed.is_current():
        portal_seed.fill(cluster, say=print)
    cluster.bind({LOAD_CORE})
    return cluster


def main() -> int:
    """Run the measurement; 1 where a page misses the budget or fails."""
    parser = argparse.ArgumentParser(prog="python -m bench.portal_bench", description=__doc__)
    parser.add_argument("--rate", type=float, default=20.0, help="pages a second")
    parser.add_argument("--samples", type=int, default=200, help="how often each page is asked for")
    chosen = parser.parse_args()
    cluster = open_data()
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        team = asyncio.run(portal_seed.sign_in(cluster))
        server = start_server(cluster, workers=1, companion=False, surfaces="portal")
        try:
            visitor = Visitor(server.port, team.session)
            visitor.post("/admin/customers/open", {"customer": CUSTOMER, "reason": "Ticket 4711"})
            paths = [*PAGES, *charts_of(visitor, "/admin/overview?range=12m")]
            return 0 if tell(measure(visitor, paths, rate=chosen.rate, samples=chosen.samples)) else 1
        finally:
            server.end()
    finally:
        cluster.postgres.release()


if __name__ == "__main__":
    sys.exit(main())
