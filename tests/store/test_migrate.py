"""Migrations, against a real database that each test has to itself: their order, their record, and many at once."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from consentry.store.embedded import EmbeddedPostgres, start
from consentry.store.migrate import (
    MigrationChanged,
    MigrationFilesUnusable,
    SchemaAhead,
    SchemaState,
    known_migrations,
    migrate,
    status,
)

if TYPE_CHECKING:
    Plain = asyncpg.Connection[asyncpg.Record]

ROLE = "consentry_owner"
FILES = {
    "0001_letters.sql": "create table consentry.letters (letter text); insert into consentry.letters values ('a');",
    "0002_more_letters.sql": (
        "insert into consentry.letters values ('b'); grant select on consentry.letters to consentry_app;"
    ),
}


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="consentry-migrate-"))
    folder.chmod(0o711)
    with start(folder) as held:
        yield held
    shutil.rmtree(folder)


@pytest.fixture
async def database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Give the name of an empty database."""
    superuser: Plain = await asyncpg.connect(postgres.super_url)
    await superuser.execute("create database empty owner consentry_owner template template0")
    yield "empty"
    await superuser.execute("drop database empty with (force)")
    await superuser.close()


@pytest.fixture
async def connection(postgres: EmbeddedPostgres, database: str) -> AsyncIterator["Plain"]:
    async with connected(postgres.url(ROLE, database=database)) as owner:
        yield owner


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return write(tmp_path, FILES)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator["Plain"]:
    connection: Plain = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, sql in files.items():
        (folder / name).write_text(sql)
    return folder


async def letters(connection: "Plain") -> str:
    return "".join([row["letter"] for row in await connection.fetch("select letter from consentry.letters order by 1")])


async def test_an_empty_database_gets_every_migration_in_order(connection: "Plain", files: Path) -> None:
    steps: list[str] = []
    assert await migrate(connection, source=files, on_step=steps.append) == ["0001_letters", "0002_more_letters"]
    assert steps == ["0001_letters", "0002_more_letters"]
    assert await letters(connection) == "ab"
    record = await connection.fetch(
        "select version, name, sha256, applied_at from consentry.schema_migrations order by 1"
    )
    known = known_migrations(files)
    assert [(row["version"], row["name"], row["sha256"]) for row in record] == [
        (m.version, m.name, m.sha256) for m in known
    ]
    assert all(row["applied_at"] is not None for row in record)


async def test_a_migrated_database_is_left_as_it_is(connection: "Plain", files: Path) -> None:
    await migrate(connection, source=files)
    assert await migrate(connection, source=files) == []
    assert await letters(connection) == "ab"


async def test_only_what_is_missing_is_applied(connection: "Plain", files: Path) -> None:
    await migrate(connection, source=files)
    write(files, {"0003_last_letter.sql": "insert into consentry.letters values ('c')"})
    assert await migrate(connection, source=files) == ["0003_last_letter"]
    assert await letters(connection) == "abc"


async def test_a_failing_migration_leaves_nothing_of_itself_and_keeps_those_before(
    connection: "Plain", files: Path
) -> None:
    write(files, {"0003_wrong.sql": "insert into consentry.letters values ('c'); select * from nowhere"})
    for _ in range(2):
        with pytest.raises(asyncpg.UndefinedTableError):
            await migrate(connection, source=files)
        assert await letters(connection) == "ab"
        assert (await status(connection, source=files)).pending == ("0003_wrong",)
    write(files, {"0003_wrong.sql": "insert into consentry.letters values ('c')"})
    assert await migrate(connection, source=files) == ["0003_wrong"]


async def test_eight_at_once_apply_each_migration_once(postgres: EmbeddedPostgres, database: str, files: Path) -> None:
    async def one() -> list[str]:
        async with connected(postgres.url(ROLE, database=database)) as mine:
            return await migrate(mine, source=files)

    applied = await asyncio.gather(*(one() for _ in range(8)))
    assert sorted(applied, key=len) == [[]] * 7 + [["0001_letters", "0002_more_letters"]]
    async with connected(postgres.url(ROLE, database=database)) as owner:
        assert await letters(owner) == "ab"


async def test_a_migrator_that_is_cut_off_holds_nobody_up(
    postgres: EmbeddedPostgres, database: str, connection: "Plain", files: Path
) -> None:
    write(files, {"0003_slow.sql": "insert into consentry.letters values ('c'); select pg_sleep(600)"})
    async with connected(postgres.url(ROLE, database=database)) as slow, connected(postgres.super_url) as superuser:
        working = asyncio.create_task(migrate(slow, source=files))
        await asleep(superuser)
        await superuser.execute("select pg_terminate_backend($1)", slow.get_server_pid())
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await working
    write(files, {"0003_slow.sql": "select 1"})
    assert await asyncio.wait_for(migrate(connection, source=files), 120) == ["0003_slow"]
    assert await letters(connection) == "ab"


async def asleep(superuser: "Plain") -> None:
    async with asyncio.timeout(120):
        while True:
            if await superuser.fetchval("select exists (select from pg_stat_activity where wait_event = 'PgSleep')"):
                return
            await asyncio.sleep(0.01)


async def test_a_database_ahead_of_the_code_is_refused(connection: "Plain", files: Path) -> None:
    await migrate(connection, source=files)
    (files / "0002_more_letters.sql").unlink()
    with pytest.raises(SchemaAhead, match="0002_more_letters") as caught:
        await migrate(connection, source=files)
    assert caught.value.code == "schema_ahead"
    assert "newer version" in caught.value.sentence


async def test_a_changed_migration_is_refused(connection: "Plain", files: Path) -> None:
    await migrate(connection, source=files)
    write(files, {"0001_letters.sql": FILES["0001_letters.sql"] + " ", "0003_never.sql": "select 1"})
    with pytest.raises(MigrationChanged, match="0001_letters") as caught:
        await migrate(connection, source=files)
    assert caught.value.code == "migration_changed"
    assert (await status(connection, source=files)).pending == ("0003_never",)


async def test_a_migration_slipped_in_before_the_last_is_refused(connection: "Plain", files: Path) -> None:
    write(files, {"0004_fourth.sql": "select 1"})
    await migrate(connection, source=files)
    write(files, {"0003_late.sql": "select 1"})
    with pytest.raises(MigrationChanged, match="next free number"):
        await migrate(connection, source=files)


@pytest.mark.parametrize("name", ["0002_another.sql", "3_short.sql", "0003-hyphen.sql", "0003_UPPER.sql"])
async def test_files_without_an_order_are_refused(connection: "Plain", files: Path, name: str) -> None:
    write(files, {name: "select 1"})
    with pytest.raises(MigrationFilesUnusable, match=name) as caught:
        await migrate(connection, source=files)
    assert caught.value.code == "migration_files_unusable"
    assert await connection.fetchval("select to_regnamespace('consentry') is null")


async def test_the_status_tells_behind_current_and_ahead(connection: "Plain", files: Path) -> None:
    before = await status(connection, source=files)
    assert (before.state, before.applied, before.needed) == (SchemaState.BEHIND, 0, 2)
    assert before.pending == ("0001_letters", "0002_more_letters")
    await migrate(connection, source=files)
    now = await status(connection, source=files)
    assert (now.state, now.applied, now.needed, now.pending, now.unknown) == (SchemaState.CURRENT, 2, 2, (), ())
    (files / "0002_more_letters.sql").unlink()
    after = await status(connection, source=files)
    assert (after.state, after.applied, after.needed, after.unknown) == (
        SchemaState.AHEAD,
        2,
        1,
        ("0002_more_letters",),
    )


async def test_the_application_may_ask_and_read_but_not_migrate(
    postgres: EmbeddedPostgres, database: str, connection: "Plain", files: Path
) -> None:
    await connection.execute(f"grant connect on database {database} to consentry_app")
    await migrate(connection, source=files)
    async with connected(postgres.url("consentry_app", database=database)) as app:
        assert (await status(app, source=files)).state is SchemaState.CURRENT
        assert await letters(app) == "ab"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await migrate(app, source=files)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute("delete from consentry.schema_migrations")


async def test_another_role_can_take_the_applications_place(
    postgres: EmbeddedPostgres, database: str, connection: "Plain", files: Path
) -> None:
    async with connected(postgres.super_url) as superuser:
        await superuser.execute('create role "other app" nologin')
        await migrate(connection, source=files, app_role="other app")
        may = "select has_table_privilege($1, 'consentry.letters', 'select')"
        assert await connection.fetchval(may, "other app")
        assert not await connection.fetchval(may, "consentry_app")
        await connection.execute("drop owned by current_user cascade")
        await superuser.execute('drop role "other app"')


async def test_the_products_own_migrations_apply_to_an_empty_database(connection: "Plain") -> None:
    names = [migration.name for migration in known_migrations()]
    assert names[0].startswith("0001_")
    assert await migrate(connection) == names
    assert (await status(connection)).state is SchemaState.CURRENT
