"""Bringing the tables to the version this code needs.

Owns the order, the record (`consentry.schema_migrations`) and the safety of migrations: forward only, each in a
transaction of its own, one process at a time, refused when the record and the files disagree. What a migration does is
left to the files in `store/schema`.
"""

import contextlib
import enum
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from consentry.store.session import Connection

_LOCK = 4_851_203_377_961_104  # the advisory lock of whoever migrates: any number that nobody else uses
_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_APP_ROLE = re.compile(r"\bconsentry_app\b")


class SchemaError(Exception):
    """The schema cannot be brought to this code's version; `code` is stable, `sentence` says why and what to do."""

    code = "schema_error"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class SchemaAhead(SchemaError):
    """The database has migrations that this code does not know."""

    code = "schema_ahead"


class MigrationChanged(SchemaError):
    """A migration that was applied differs from its file, or one was slipped in before it."""

    code = "migration_changed"


class MigrationFilesUnusable(SchemaError):
    """The files of the migrations cannot be put in an order."""

    code = "migration_files_unusable"


class SchemaState(enum.Enum):
    """How the database's schema stands to this code."""

    CURRENT = "current"
    BEHIND = "behind"
    AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """The state; the newest versions applied (0: none) and needed; the names still to apply, and those unknown here."""

    state: SchemaState
    applied: int
    needed: int
    pending: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name with the number (`0001_foundation`), and its text."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The checksum of the text, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


async def migrate(
    connection: "Connection",
    *,
    app_role: str = "consentry_app",
    on_step: Callable[[str], None] | None = None,
    source: Traversable | None = None,
) -> list[str]:
    """Apply the migrations that are missing, as the role that shall own the tables, and return their names.

    The files say `consentry_app`; `app_role` takes its place. `on_step` is told each name before it is applied. Any
    number of processes may call this at once: one applies, the others wait. A failing migration leaves those before it
    in place and nothing of itself.
    Raises: SchemaAhead, MigrationChanged, MigrationFilesUnusable.
    """
    migrations = known_migrations(source)
    async with alone(connection):
        await _make_record(connection, app_role)
        recorded = await _recorded(connection)
        _refuse_disagreement(migrations, recorded)
        pending = [migration for migration in migrations if migration.version not in recorded]
        for migration in pending:
            if on_step is not None:
                on_step(migration.name)
            await _apply(connection, migration, app_role)
    return [migration.name for migration in pending]


async def status(connection: "Connection", *, source: Traversable | None = None) -> SchemaStatus:
    """Return how the schema stands to this code; any role that may use the schema can ask.

    Raises: MigrationFilesUnusable.
    """
    migrations = known_migrations(source)
    recorded = await _recorded(connection)
    names = {migration.version: migration.name for migration in migrations}
    unknown = tuple(name for version, (name, _) in sorted(recorded.items()) if version not in names)
    pending = tuple(name for version, name in sorted(names.items()) if version not in recorded)
    state = SchemaState.AHEAD if unknown else SchemaState.BEHIND if pending else SchemaState.CURRENT
    return SchemaStatus(state, max(recorded, default=0), max(names, default=0), pending, unknown)


def known_migrations(source: Traversable | None = None) -> list[Migration]:
    """Return the migrations of this code in their order.

    Raises: MigrationFilesUnusable.
    """
    folder = source if source is not None else resources.files("consentry.store").joinpath("schema")
    found: dict[int, Migration] = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".sql"):
            continue
        parts = _FILE.fullmatch(file.name)
        if parts is None:
            raise MigrationFilesUnusable(f"{file.name} is not named like 0001_what_it_does.sql: rename it.")
        version = int(parts[1])
        if version in found:
            raise MigrationFilesUnusable(
                f"{file.name} has the number of {found[version].name}.sql: give one of them the next number."
            )
        found[version] = Migration(version, file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
    return list(found.values())


@contextlib.asynccontextmanager
async def alone(connection: "Connection") -> AsyncIterator[None]:
    """Keep every other process that migrates waiting; may be entered again by what runs inside."""
    await connection.execute("select pg_advisory_lock($1)", _LOCK)
    try:
        yield
    finally:
        with contextlib.suppress(
            asyncpg.InterfaceError, asyncpg.PostgresConnectionError, OSError
        ):  # lost: so is the lock
            await connection.execute("select pg_advisory_unlock($1)", _LOCK)


async def _make_record(connection: "Connection", app_role: str) -> None:
    role = _quoted(app_role)
    async with connection.transaction():
        await connection.execute("set local client_min_messages = warning")
        await connection.execute(
            f"""
            create schema if not exists consentry;
            create table if not exists consentry.schema_migrations (
                version    integer primary key,
                name       text not null,
                sha256     text not null,
                applied_at timestamptz not null default statement_timestamp()
            );
            grant usage on schema consentry to {role};
            grant select on consentry.schema_migrations to {role};
            """
        )


async def _recorded(connection: "Connection") -> dict[int, tuple[str, str]]:
    """Return name and checksum by version; nothing when nothing was ever applied."""
    if await connection.fetchval("select to_regclass('consentry.schema_migrations') is null"):
        return {}
    rows = await connection.fetch("select version, name, sha256 from consentry.schema_migrations")
    return {row["version"]: (row["name"], row["sha256"]) for row in rows}


def _refuse_disagreement(migrations: Sequence[Migration], recorded: dict[int, tuple[str, str]]) -> None:
    unknown = sorted(set(recorded) - {migration.version for migration in migrations})
    if unknown:
        raise SchemaAhead(
            f"The database has the migration {recorded[unknown[-1]][0]}, which this version of the product does "
            "not know: "
            "run the newer version that applied it, or restore the backup made before."
        )
    newest = max(recorded, default=0)
    for migration in migrations:
        if migration.version not in recorded and migration.version < newest:
            raise MigrationChanged(
                f"{migration.name} comes before {recorded[newest][0]}, which is applied: give it the next free number."
            )
        if migration.version in recorded and recorded[migration.version][1] != migration.sha256:
            raise MigrationChanged(
                f"{migration.name} is not what was applied to the database (its checksum differs): put the file "
                "back as it was, and "
                "make the change in a new migration."
            )


async def _apply(connection: "Connection", migration: Migration, app_role: str) -> None:
    async with connection.transaction():
        await connection.execute(_APP_ROLE.sub(lambda _: _quoted(app_role), migration.sql))
        await connection.execute(
            "insert into consentry.schema_migrations (version, name, sha256) values ($1, $2, $3)",
            migration.version,
            migration.name,
            migration.sha256,
        )


def _quoted(role: str) -> str:
    return '"' + role.replace('"', '""') + '"'
