"""What makes a server or a role unfit to hold consents, each shown on a real server that has the fault."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from consentry.store.embedded import EmbeddedPostgres, start
from consentry.store.safety import role_problems, unsafe_settings, warnings

if TYPE_CHECKING:
    Plain = asyncpg.Connection[asyncpg.Record]


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="consentry-safety-"))
    folder.chmod(0o711)
    start(folder).release()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def postgres(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    with start(data_dir) as held:
        yield held


@asynccontextmanager
async def connected(url: str) -> AsyncIterator["Plain"]:
    connection: Plain = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def make_a_table(postgres: EmbeddedPostgres) -> None:
    async with connected(postgres.owner_url) as owner:
        if await owner.fetchval("select to_regclass('consentry.things') is null"):
            await owner.execute("create schema consentry; create table consentry.things ()")


async def test_a_server_as_shipped_is_safe_and_gives_no_warning(postgres: EmbeddedPostgres) -> None:
    async with connected(postgres.app_url) as app:
        assert await unsafe_settings(app) == []
        assert await warnings(app) == []


@pytest.mark.parametrize(("name", "value"), [("fsync", "off"), ("full_page_writes", "off"), ("data_sync_retry", "on")])
async def test_a_server_that_can_lose_what_it_acknowledged_is_named(data_dir: Path, name: str, value: str) -> None:
    """R119."""
    with start(data_dir, settings={name: value}) as held:
        async with connected(held.app_url) as app:
            sentences = await unsafe_settings(app)
            assert len(sentences) == 1
            assert sentences[0].startswith(f"{name} is {value}: ")
            assert await warnings(app) == []


async def test_an_asynchronous_commit_is_warned_of_wherever_it_was_set(postgres: EmbeddedPostgres) -> None:
    async with connected(postgres.super_url) as superuser, connected(postgres.app_url) as before:
        await superuser.execute("alter role consentry_app set synchronous_commit = off")
        async with connected(postgres.app_url) as app:
            assert ["synchronous_commit is off" in sentence for sentence in await warnings(app)] == [True]
            assert await unsafe_settings(app) == []
        await superuser.execute("alter role consentry_app reset synchronous_commit")
        assert await warnings(before) == []


@pytest.mark.parametrize("level", ["local", "remote_write"])
async def test_a_standby_that_may_lack_what_was_acknowledged_is_warned_of(data_dir: Path, level: str) -> None:
    with start(data_dir, settings={"synchronous_standby_names": "second", "synchronous_commit": level}) as held:
        async with connected(held.app_url) as app:
            assert ["failover" in sentence for sentence in await warnings(app)] == [True]


async def test_the_applications_role_has_no_power_over_the_walls(postgres: EmbeddedPostgres) -> None:
    await make_a_table(postgres)
    async with connected(postgres.app_url) as app:
        assert await role_problems(app) == []


async def test_an_owner_is_refused(postgres: EmbeddedPostgres) -> None:
    await make_a_table(postgres)
    async with connected(postgres.owner_url) as owner:
        problems = await role_problems(owner)
    assert len(problems) == 1
    assert "consentry_owner is an owner" in problems[0]


async def test_a_superuser_is_refused(postgres: EmbeddedPostgres) -> None:
    async with connected(postgres.super_url) as superuser:
        problems = await role_problems(superuser)
    assert any("consentry_super is a superuser" in problem for problem in problems)
    assert all("consentry_super" in problem for problem in problems)


async def test_a_role_that_passes_row_level_security_is_refused(postgres: EmbeddedPostgres) -> None:
    async with connected(postgres.super_url) as superuser, connected(postgres.app_url) as app:
        await superuser.execute("alter role consentry_app bypassrls")
        problems = await role_problems(app)
        await superuser.execute("alter role consentry_app nobypassrls")
        assert len(problems) == 1
        assert "BYPASSRLS" in problems[0]
        assert await role_problems(app) == []


@pytest.mark.parametrize("granted", ["consentry_owner", "consentry_super"])
async def test_a_role_that_can_become_a_refused_one_is_refused(postgres: EmbeddedPostgres, granted: str) -> None:
    await make_a_table(postgres)
    async with connected(postgres.super_url) as superuser, connected(postgres.app_url) as app:
        await superuser.execute(f"grant {granted} to consentry_app")
        problems = await role_problems(app)
        await superuser.execute(f"revoke {granted} from consentry_app")
        assert any(f"can become {granted}" in problem for problem in problems)
        assert await role_problems(app) == []
