"""`consentry worker`: any number of them, one at a job, through outages, gone when told."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator

import asyncpg
import pytest

from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.store.leases import lease
from consentry.usecases.services import Services
from consentry.worker.loops import Job, run_jobs
from tests.builders import Tenant
from tests.conftest import Database
from tests.serving import environment
from tests.worker.trail import Trail

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start_worker(database: Database) -> Iterator[Start]:
    """Start workers on the test's database, each ready when it is returned."""
    running: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "consentry", "worker", "--json", *words],
            env=environment(database.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"ready": True}
        return process

    yield begin
    for process in running:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


async def eventually(condition: Callable[[], Awaitable[bool]], *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.mark.serial
async def test_workers_seal_and_witness_and_go_on_when_one_is_killed_or_the_store_is_away(
    database: Database,
    services: Services,
    bku: Tenant,
    start_worker: Start,
    super_connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    trail = Trail(services, bku)
    workers = [start_worker(), start_worker()]
    checkpoints = database.folder / "audit-checkpoints.jsonl"

    async def all_sealed() -> bool:
        verdict = await trail.verify()
        assert verdict.faults == ()
        return verdict.entries == verdict.sealed

    async def is_witnessed() -> bool:
        return checkpoints.exists()

    await eventually(all_sealed)
    await eventually(is_witnessed)
    trail.published = [json.loads(line)["checkpoint"] for line in checkpoints.read_text().splitlines()]
    assert (await trail.verify()).faults == ()

    workers.pop().kill()
    await trail.write(3)
    await eventually(all_sealed)

    workers_alone = "from pg_stat_activity where application_name = 'consentry worker' and datname = $1"
    await super_connection.execute(f"alter database {database.name} connection limit 0")
    await super_connection.fetch(f"select pg_terminate_backend(pid) {workers_alone}", database.name)

    async def is_cut_off() -> bool:
        return bool(await super_connection.fetchval(f"select count(*) {workers_alone}", database.name) == 0)

    await eventually(is_cut_off)
    await super_connection.execute(f"alter database {database.name} connection limit -1")
    await trail.write(3)
    await eventually(all_sealed)

    (worker,) = workers
    assert worker.poll() is None
    worker.send_signal(signal.SIGTERM)
    _, log = await asyncio.to_thread(worker.communicate, timeout=60)
    assert worker.returncode == 0
    assert bku.client_secret not in log


def test_a_companion_ends_when_its_input_does(bku: Tenant, start_worker: Start) -> None:
    worker = start_worker("--companion")
    worker.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(0.3)
    assert worker.stdin is not None
    worker.stdin.close()
    assert worker.wait(60) == 0


async def test_a_lease_is_one_holders_until_it_is_given_back(services: Services) -> None:
    session = services.session
    async with lease(session, "job") as first, lease(session, "job") as second, lease(session, "other") as another:
        assert (first, second, another) == (True, False, True)
    async with lease(services.session, "job") as again:
        assert again


async def test_loops_go_on_after_an_outage_and_after_a_fault_and_end_when_told(services: Services) -> None:
    stop = asyncio.Event()
    outages: list[int] = []
    rounds: list[int] = []

    async def flaky() -> None:
        rounds.append(len(rounds))
        if len(rounds) == 1:
            raise TemporarilyUnavailable
        if len(rounds) == 2:
            raise ZeroDivisionError
        if len(rounds) == 4:
            stop.set()

    await asyncio.wait_for(
        run_jobs(
            services.session,
            [Job("flaky", 0.01, flaky)],
            stop=stop,
            patience=5,
            on_outage=lambda: outages.append(1),
        ),
        60,
    )
    assert (len(rounds), len(outages)) == (4, 1)


async def test_what_does_not_end_in_time_is_cut_off(services: Services) -> None:
    stop = asyncio.Event()

    async def endless() -> None:
        stop.set()
        await asyncio.Event().wait()

    await asyncio.wait_for(run_jobs(services.session, [Job("endless", 1, endless)], stop=stop, patience=0.1), 60)
    async with lease(services.session, "endless") as is_free:
        assert is_free
