"""Measures the dashboard's first screen: `python -m bench.page_bench`.

Pages are opened at a steady pace, each by a token and a connection of its own, whether or not earlier ones have been
answered. Told are the times to the first byte, and what a first load weighs as it is sent, without compression.
"""

import argparse
import asyncio
import os
import re
import statistics
import sys
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass

from bench import seed
from bench.processes import LOAD_CORE
from bench.product import Product, open_cluster, open_product

PATIENCE = 30.0
BUDGET_MILLISECONDS = 50.0
BUDGET_BYTES = 60_000


@dataclass(frozen=True, slots=True)
class Opened:
    """One opening: seconds to the first byte and to the last, and the answer."""

    first: float
    whole: float
    answer: bytes


async def open_page(port: int, token: str) -> Opened:
    """Open a page as a browser's form does, on a connection of its own."""
    body = urllib.parse.urlencode({"access_token": token}).encode()
    head = (
        f"POST /embed/authorizations HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + body)
    answer = await reader.read(1)
    first = time.perf_counter() - began
    answer += await reader.read()
    writer.close()
    return Opened(first, time.perf_counter() - began, answer)


async def open_steadily(port: int, tokens: list[str], *, rate: float) -> list[Opened]:
    """Open one page for each token, so many a second."""
    began = time.perf_counter()
    openings = []
    for number, token in enumerate(tokens):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        openings.append(asyncio.create_task(open_page(port, token)))
    return await asyncio.wait_for(asyncio.gather(*openings), PATIENCE)


def weight_of(port: int, answer: bytes) -> int:
    """Add up what a first load fetches: the page, its style and its script, heads included."""
    weight = len(answer)
    for path in set(re.findall(rb'(?:href|src)="(/embed/assets/[^"]+)"', answer)):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path.decode()}", timeout=10) as asset:
            weight += len(asset.read()) + len(str(asset.headers))
    return weight


def measure(product: Product, *, rate: float, seconds: float) -> bool:
    """Open pages and print what was found; tell whether the budgets are met."""
    product.renew_tokens()
    tokens = [line.split()[1] for line in product.tokens.read_text().splitlines()[: int(rate * seconds)]]
    opened = asyncio.run(open_steadily(product.server.port, tokens, rate=rate))
    product.issued_at = None  # these tokens are used up
    failed = sum(not page.answer.startswith(b"HTTP/1.1 200") for page in opened)
    firsts = sorted(page.first * 1000 for page in opened)
    p99 = firsts[int(len(firsts) * 0.99)]
    weight = weight_of(product.server.port, opened[0].answer)
    print(f"{len(opened)} pages at {rate:g} a second on one core, {failed} failed")
    print(f"first byte: median {statistics.median(firsts):.1f} ms, p99 {p99:.1f} ms (at most {BUDGET_MILLISECONDS:g})")
    print(f"first load: {weight:,} bytes, uncompressed (at most {BUDGET_BYTES:,})")
    return not failed and p99 <= BUDGET_MILLISECONDS and weight <= BUDGET_BYTES


def main() -> int:
    """Run the measurement; 1 where a budget is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.page_bench", description=__doc__)
    parser.add_argument("--rate", type=float, default=50.0, help="pages a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    chosen = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    size = seed.SIZES["10k"]
    cluster = open_cluster(size)
    try:
        product = open_product(cluster, size, companion=False, say=print)
        try:
            measure(product, rate=chosen.rate, seconds=2)  # warm
            return 0 if measure(product, rate=chosen.rate, seconds=chosen.seconds) else 1
        finally:
            product.server.end()
    finally:
        cluster.postgres.release()


if __name__ == "__main__":
    sys.exit(main())
