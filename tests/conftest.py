"""Fixtures of the whole suite: one real PostgreSQL, a database of its own for each test, and real services on it.

The server is the product's embedded one, in a temporary folder. Databases are cloned from a migrated template. A
`Service` is `consentry serve` in processes of its own, as operators run it.

Nothing fails by chance: what is drawn is the same in each run of the quick tier, and no time is taken for a fault.
"""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import asyncpg
import hypothesis
import pytest

from consentry.domain.actor import Actor, ActorKind
from consentry.keyring import Keyring, new_keyring, write_key_file
from consentry.store import embedded, migrate
from consentry.store.embedded import EmbeddedPostgres
from consentry.usecases.credentials.generate import generate_credentials
from consentry.usecases.institution.add import add_institution
from consentry.usecases.services import Services
from consentry.wiring import open_services
from tests.builders import Tenant
from tests.serving import Service, start_service

TEMPLATE = "consentry_template"
MEMORY_FOR_DATABASES = 4 * 2**30
OPERATOR = Actor(ActorKind.OPERATOR, "tester")
LONGEST_TEST_OF_A_DAY = timedelta(minutes=2)
_numbers = count()

hypothesis.settings.register_profile(
    "consentry",
    deadline=None,
    derandomize=os.environ.get("CONSENTRY_TEST_TIER") != "long",
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("consentry")


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one test, by the addresses of its roles, and a key file that goes with it."""

    name: str
    app_url: str
    owner_url: str
    super_url: str
    folder: Path
    keyring: Keyring

    @property
    def key_file(self) -> Path:
        return self.folder / "keys.json"

    @property
    def environment(self) -> dict[str, str]:
        """Settings of a process that works on this database."""
        return {
            "CONSENTRY_DATA_DIR": str(self.folder),
            "CONSENTRY_DATABASE_URL": self.app_url,
            "CONSENTRY_MIGRATION_URL": self.owner_url,
            "CONSENTRY_KEY_FILE": str(self.key_file),
            "CONSENTRY_BIND": "127.0.0.1:0",
            "CONSENTRY_WORKERS": "2",
        }


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="consentry-tests-", dir=_roomy_memory()))
    folder.chmod(0o711)
    # Statistics are gathered in a transaction that nobody asked for, behind which entries would wait for their seal.
    server = embedded.start(folder, settings={"autovacuum": "off"})
    try:
        asyncio.run(_make_template(server))
        yield server
    finally:
        server.release()
        shutil.rmtree(folder, ignore_errors=True)


def _roomy_memory() -> str | None:
    """Give a folder in memory, where a database is cloned several times as fast as on a disk; None if it is small."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder in it is a new one of our own
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > MEMORY_FOR_DATABASES else None


async def _make_template(server: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(server.super_url)
    try:
        await connection.execute(f"create database {TEMPLATE} owner consentry_owner")
    finally:
        await connection.close()
    connection = await asyncpg.connect(server.url("consentry_owner", database=TEMPLATE))
    try:
        await migrate.migrate(connection)
    finally:
        await connection.close()


async def make_database(postgres: EmbeddedPostgres, folder: Path) -> Database:
    """Clone the template, and write a key file for the clone."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    connection = await asyncpg.connect(postgres.super_url)
    try:
        await connection.execute(f"create database {name} template {TEMPLATE} owner consentry_owner strategy file_copy")
        await connection.execute(f"grant connect on database {name} to consentry_app")
    finally:
        await connection.close()
    keyring = new_keyring()
    write_key_file(folder / "keys.json", keyring, replace=False)
    return Database(
        name=name,
        app_url=postgres.url("consentry_app", database=name),
        owner_url=postgres.url("consentry_owner", database=name),
        super_url=postgres.url("consentry_super", database=name),
        folder=folder,
        keyring=keyring,
    )


@pytest.fixture
async def database(postgres: EmbeddedPostgres, tmp_path: Path) -> AsyncIterator[Database]:
    made = await make_database(postgres, tmp_path)
    yield made
    connection = await asyncpg.connect(postgres.super_url)
    try:
        await connection.execute(f"drop database {made.name} with (force)")
    finally:
        await connection.close()


@pytest.fixture
async def services(database: Database) -> AsyncIterator[Services]:
    async with open_services(database.app_url, database.keyring, connections=8) as opened:
        yield opened


@pytest.fixture
async def super_connection(database: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection that sees everything, for what a test looks up behind the product's back."""
    connection = await asyncpg.connect(database.super_url)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def bku(services: Services) -> Tenant:
    """An institution with credentials and no customers."""
    return await make_tenant(services, "bku")


@pytest.fixture
async def other(services: Services) -> Tenant:
    """A second institution."""
    return await make_tenant(services, "other")


async def make_tenant(services: Services, public_id: str) -> Tenant:
    """Add an institution with credentials."""
    institution = await add_institution(services, public_id=public_id, name=public_id.upper(), actor=OPERATOR)
    made = await generate_credentials(services, institution.institution_id, actor=OPERATOR)
    return Tenant(
        institution_id=institution.institution_id,
        public_id=public_id,
        client_id=made.client_id,
        client_secret=made.client_secret,
    )


@pytest.fixture
def today() -> date:
    """The day by UTC, of which so much is left that it is still the same when the test ends."""
    now = datetime.now(UTC)
    tomorrow = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
    if tomorrow - now < LONGEST_TEST_OF_A_DAY:
        time.sleep((tomorrow - now).total_seconds() + 1)
    return datetime.now(UTC).date()


@pytest.fixture
def start(database: Database) -> Iterator[Callable[..., Service]]:
    """Start services on the test's database; `start(CONSENTRY_WORKERS="1")` overrides settings."""
    running: list[Service] = []

    def _start(**overrides: str) -> Service:
        service = start_service({**database.environment, **overrides})
        running.append(service)
        return service

    yield _start
    for service in running:
        service.stop()
        service.log.close()


@pytest.fixture
def service(start: Callable[..., Service]) -> Service:
    """A running service with two workers on the test's database."""
    return start()
