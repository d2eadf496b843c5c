"""Measures import and export: `python -m bench.import_bench --consents 1000000`.

Owns a file of made-up customers with 5 consents and 4 accounts each, a PostgreSQL of its own, and the figures: seconds,
lines a second, and the most memory that the process of the import had. The runs are the product's own command.
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec

from consentry.store import embedded

WORK = Path(__file__).parent.parent / "build" / "bench" / "import"
CONSENTS_EACH = 5
APPLICATIONS = 50
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
NICKNAMES = ("Checking", "Savings", "Credit card", "Mortgage")
POLL = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command: how long it took and the most memory its process had."""

    what: str
    seconds: float
    megabytes: float


def lines(customers: int) -> Iterator[bytes]:
    """Give the lines of a file with so many customers, in the form of an export."""
    encode = msgspec.json.Encoder().encode
    yield encode({"type": "institution", "institution_id": "bench", "name": "Bench", "host": None})
    for a in range(APPLICATIONS):
        icon = f"https://apps.example/{a}/icon.png"
        yield encode(
            {"type": "application", "application_id": f"app-{a}", "name": f"Application {a}", "icon_url": icon}
        )
    for n in range(customers):
        accounts = [
            {
                "account_id": f"account-{n:08}-{a}",
                "nickname": nickname,
                "account_number_display": f"XXXXXXXX{(n * 7 + a) % 10_000:04}",
            }
            for a, nickname in enumerate(NICKNAMES)
        ]
        yield encode({"type": "customer", "customer_id": f"customer-{n:08}", "accounts": accounts})
        for k in range(CONSENTS_EACH):
            yield encode(consent(n, k, accounts))


def consent(n: int, k: int, accounts: list[dict[str, str]]) -> dict[str, object]:
    """Give the consent number k of customer number n."""
    a = (n + k * (APPLICATIONS // CONSENTS_EACH)) % APPLICATIONS
    opened = BEGINNING + timedelta(days=(n + k * 37) % 180, milliseconds=n)
    at = opened.isoformat(timespec="milliseconds")[:23] + "Z"
    used = (opened + timedelta(hours=1)).isoformat(timespec="milliseconds")[:23] + "Z"
    revoked = used if (n + k) % 20 == 0 else None
    return {
        "type": "consent",
        "customer_id": f"customer-{n:08}",
        "application_id": f"app-{a}",
        "id": f"_bench{n:08}-{k}",
        "application_name": f"Application {a}",
        "application_icon_url": f"https://apps.example/{a}/icon.png",
        "created_at": at,
        "last_accessed": used,
        "accounts": [{"enabled": (n + k + i) % 3 > 0, **account} for i, account in enumerate(accounts)],
        "auto_enable_future_accounts": n % 2 == 0,
        "consented_on": at,
        "revoked_at": revoked,
        "status": "active" if revoked is None else "revoked",
        "expires_at": None,
        "intermediary_name": None,
        "data_clusters": ["ACCOUNT_BASIC", "TRANSACTIONS"],
        "revoked_by": None if revoked is None else "customer",
        "revocation_reason": None if revoked is None else "user_action",
    }


def write_file(customers: int) -> Path:
    """Write the file unless it is there already."""
    path = WORK / f"{customers}.jsonl"
    if not path.exists():
        draft = path.with_suffix(".draft")
        with draft.open("wb") as file:
            for line in lines(customers):
                file.write(line + b"\n")
        draft.rename(path)
    return path


def run(what: str, *command: str, environment: dict[str, str]) -> Run:
    """Run one command of the product to its end, and watch its memory."""
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "consentry", *command], env=environment)
    most = 0
    while process.poll() is None:
        most = max(most, high_water(process.pid))
        time.sleep(POLL)
    if process.returncode:
        raise SystemExit(f"{what} failed with exit code {process.returncode}")
    done = Run(what, time.monotonic() - begun, most / 1024)
    print(f"{what}: {done.seconds:.1f} s, {done.megabytes:.0f} MB")
    return done


def high_water(pid: int) -> int:
    """Return the most memory in kB that a process has had so far, 0 if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


async def count(url: str) -> int:
    """Count the consents that are stored."""
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("select count(*) from consentry.consents"))
    finally:
        await connection.close()


def main() -> None:
    """Measure an import, the same again, and an export."""
    parser = argparse.ArgumentParser(prog="python -m bench.import_bench", description=__doc__)
    parser.add_argument("--consents", type=int, default=1_000_000)
    parser.add_argument("--only-import", action="store_true", help="neither the import again nor the export")
    parser.add_argument("--keep", action="store_true", help="keep the database, for a look at it")
    asked = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    path = write_file(asked.consents // CONSENTS_EACH)
    size = path.stat().st_size
    data = WORK / "data"
    shutil.rmtree(data, ignore_errors=True)
    environment = {**os.environ, "CONSENTRY_DATA_DIR": str(data)}
    print(f"{asked.consents:,} consents, {size / 1e6:,.0f} MB")
    with embedded.start(data) as server:
        done = run("import", "import", str(path), "--institution", "bench", environment=environment)
        print(
            f"  {asked.consents / done.seconds:,.0f} consents a second, {asyncio.run(count(server.super_url)):,} stored"
        )
        if not asked.only_import:
            run("the same again", "import", str(path), "--institution", "bench", environment=environment)
            out = str(WORK / "out.jsonl")
            run("export", "export", "--institution", "bench", "--output", out, environment=environment)
            Path(out).unlink()
    if not asked.keep:
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
