"""An import that was cut off leaves nothing behind but what the next run can go on with; two at once are refused."""

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import IO, TypeAlias

import asyncpg
import pytest

from consentry.domain.refusal.institution import UnknownInstitution
from consentry.domain.refusal.operating import ImportRunning
from consentry.usecases.importing.discard import discard_import
from consentry.usecases.importing.reading import CHUNK_BYTES, CHUNK_LINES, chunks
from consentry.usecases.importing.status import import_status
from consentry.usecases.institution.add import add_institution
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.conftest import Database
from tests.importing.conftest import Look
from tests.importing.forms import OPERATOR, Importer, application, consent, customer, encoded, institution
from tests.serving import environment

PATIENCE = 120.0
LINES = 4 * CHUNK_LINES + 100

Start = Callable[[Database], "subprocess.Popen[bytes]"]
SuperConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


def file_of(count: int, *, changed: int | None = None) -> bytes:
    """Give a file of so many lines; `changed` is a line, from 1, that says something else."""
    lines = [institution(), application(), customer()]
    consents = (
        consent(f"_c{number}", auto_enable_future_accounts=number == changed)
        for number in range(len(lines) + 1, count + 1)
    )
    return encoded(*lines, *consents)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    ends = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < ends, "it did not come to that in time"
        await asyncio.sleep(0.02)


@pytest.fixture
def start() -> Iterator[Start]:
    """Start `consentry import -` on a database; its standard input is the test's."""
    running: list[subprocess.Popen[bytes]] = []

    def _start(database: Database) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", "consentry", "import", "-", "--institution", "bku", "--json"],
            env=environment(database.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        running.append(process)
        return process

    yield _start
    for process in running:
        process.kill()
        process.wait(PATIENCE)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def feed(process: "subprocess.Popen[bytes]", content: bytes, *, ends: bool = False) -> None:
    stream: IO[bytes] | None = process.stdin
    assert stream is not None
    stream.write(content)
    stream.flush()
    if ends:
        stream.close()


async def staged_lines(services: Services) -> int:
    return (await import_status(services, "bku")).staged_lines


@pytest.mark.serial
async def test_after_a_kill_the_same_file_goes_on_and_gives_the_same(
    database: Database, services: Services, bku: Tenant, other: Tenant, start: Start, look: Look
) -> None:
    content = file_of(LINES)
    process = start(database)
    lines = content.splitlines(keepends=True)
    await asyncio.to_thread(feed, process, b"".join(lines[: 3 * CHUNK_LINES + 50]))

    async def three_chunks_are_staged() -> bool:
        return await staged_lines(services) == 3 * CHUNK_LINES

    await until(three_chunks_are_staged)
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE)
    assert (await look())["consents"] == []
    report = await Importer(services).file(content)
    assert (report.resumed_lines, report.lines) == (3 * CHUNK_LINES, LINES)
    await Importer(services, other.public_id).file(content.replace(b'"bku"', b'"other"').replace(b'"BKU"', b'"OTHER"'))
    consents = (await look())["consents"]
    mine = [row[1:] for row in consents if row[0] == bku.institution_id]
    assert len(mine) == LINES - 3
    assert mine == [row[1:] for row in consents if row[0] == other.institution_id]


@pytest.mark.serial
async def test_a_kill_while_publishing_publishes_nothing(
    database: Database,
    services: Services,
    bku: Tenant,
    start: Start,
    look: Look,
    super_connection: SuperConnection,
) -> None:
    content = file_of(CHUNK_LINES + 100)
    before = await look()
    async with super_connection.transaction():
        await super_connection.execute("lock table consentry.audit_entries in share mode")
        process = start(database)
        await asyncio.to_thread(feed, process, content, ends=True)

        async def the_audit_waits() -> bool:
            waiting = await super_connection.fetchval(
                "select count(*) from pg_locks where not granted and relation = 'consentry.audit_entries'::regclass"
            )
            return bool(waiting)

        await until(the_audit_waits)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    assert await look() == before
    report = await Importer(services).file(content)
    assert report.is_published
    assert report.resumed_lines == CHUNK_LINES + 100


async def test_a_changed_file_is_staged_anew_from_where_it_changed(
    importer: Importer, services: Services, look: Look
) -> None:
    faulty = file_of(LINES) + encoded(consent("_last", application_id="unknown"))
    assert (await importer.file(faulty)).faults
    changed = 2 * CHUNK_LINES + 7
    report = await importer.file(file_of(LINES, changed=changed))
    assert report.is_published
    assert report.resumed_lines == 2 * CHUNK_LINES
    assert [row[1] for row in (await look())["consents"] if row[11]] == [f"_c{changed}"]


async def test_a_shorter_file_forgets_what_was_staged_after_its_end(importer: Importer, look: Look) -> None:
    assert (await importer.file(file_of(LINES) + encoded(consent("_last", application_id="unknown")))).faults
    report = await importer.file(file_of(2 * CHUNK_LINES))
    assert report.is_published
    assert report.resumed_lines == 2 * CHUNK_LINES
    assert len((await look())["consents"]) == 2 * CHUNK_LINES - 3


async def test_another_file_starts_over(importer: Importer, look: Look) -> None:
    assert (await importer.file(file_of(LINES) + encoded(consent("_last", application_id="unknown")))).faults
    report = await importer.publish(application(), consent())
    assert report.resumed_lines == 0
    assert [row[1] for row in (await look())["consents"]] == ["_c1"]


async def test_after_a_crash_of_the_database_an_import_starts_over(
    importer: Importer, super_connection: SuperConnection, look: Look
) -> None:
    content = file_of(LINES)
    assert (await importer.file(content + encoded(consent("_last", application_id="unknown")))).faults
    unlogged = await super_connection.fetch(
        "select oid::regclass::text from pg_class where relpersistence = 'u' and relkind = 'r'"
    )
    await super_connection.execute(f"truncate {', '.join(row[0] for row in unlogged)}")
    report = await importer.file(content)
    assert report.is_published
    assert report.resumed_lines == 0
    assert len((await look())["consents"]) == LINES - 3


async def test_what_is_staged_can_be_forgotten(importer: Importer, services: Services) -> None:
    assert await importer.faults(application(), consent(application_id="unknown"))
    status = await import_status(services, "bku")
    assert status.staged_lines == 2
    assert status.unfinished is not None
    assert await discard_import(services, "bku") == 2
    status = await import_status(services, "bku")
    assert status.unfinished is None
    assert status.staged_lines == 0
    with pytest.raises(UnknownInstitution):
        await discard_import(services, "nobody")


async def test_what_is_staged_of_an_institution_that_is_not_there_yet_can_be_forgotten(services: Services) -> None:
    new = Importer(services, "new")
    assert await new.faults(institution("new"), consent())
    assert (await import_status(services, "new")).staged_lines == 2
    await add_institution(services, public_id="new", name="NEW", actor=OPERATOR)
    assert (await import_status(services, "new")).staged_lines == 0
    assert await discard_import(services, "new") == 2


async def test_the_second_of_two_imports_at_once_is_refused(importer: Importer, services: Services, look: Look) -> None:
    reads, writes = os.pipe()
    with os.fdopen(reads, "rb") as stream, os.fdopen(writes, "wb") as feeding:
        first = asyncio.create_task(importer.stream(stream))
        await asyncio.to_thread(feeding.write, file_of(2 * CHUNK_LINES))
        await asyncio.to_thread(feeding.flush)

        async def something_is_staged() -> bool:
            return await staged_lines(services) > 0

        await until(something_is_staged)
        with pytest.raises(ImportRunning):
            await importer.lines(application())
        feeding.close()
        assert (await first).is_published
    assert (await importer.publish(application())).is_published
    assert len((await look())["consents"]) == 2 * CHUNK_LINES - 3


async def test_imports_of_two_institutions_run_at_once(services: Services, bku: Tenant, other: Tenant) -> None:
    content = file_of(CHUNK_LINES)
    reports = await asyncio.gather(
        Importer(services).file(content),
        Importer(services, "other").file(content.replace(b'"bku"', b'"other"').replace(b'"BKU"', b'"OTHER"')),
    )
    assert all(report.is_published for report in reports)


def test_the_same_bytes_give_the_same_chunks_however_they_arrive(tmp_path: Path) -> None:
    content = file_of(2 * CHUNK_LINES + 5) + b"x" * CHUNK_BYTES + b"\n" + encoded(consent()).rstrip()
    path = tmp_path / "file"
    path.write_bytes(content)
    with path.open("rb") as stream:
        assert list(chunks(stream)) == list(chunks(io.BytesIO(content)))
    first, second, third, fourth = chunks(io.BytesIO(content))
    assert [first.first_line, second.first_line, third.first_line] == [1, CHUNK_LINES + 1, 2 * CHUNK_LINES + 1]
    assert third.lines[5] is None
    assert fourth.bytes_read == len(content)
    changed = list(chunks(io.BytesIO(content[:-1] + b" ")))
    assert [chunk.digest for chunk in changed][:3] == [first.digest, second.digest, third.digest]
    assert changed[3].digest != fourth.digest
