"""Opening an installation: its database, fit and current, and its keys.

Owns what must be true before any command works on consents, and the sentences when it is not. Connecting the use cases
is left to wiring.py, the embedded server and the migrations to the store.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from consentry.config import Settings
from consentry.keyring import Keyring
from consentry.store import embedded, migrate, safety
from consentry.store.connecting import connected
from consentry.store.embedded import EmbeddedPostgres
from consentry.store.keys_in_use import KeysInUse, keys_in_use
from consentry.store.migrate import SchemaState
from consentry.store.session import Connection
from consentry.usecases.services import Services
from consentry.wiring import load_keyring, open_services


class InstallationError(Exception):
    """The installation can't be opened; `code` is stable, `sentence` says why and what to do."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Database:
    """Where the database is for the application's role and for the owner, and the hold on it if it is embedded."""

    app_url: str
    owner_url: str | None
    embedded: EmbeddedPostgres | None


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation that is ready for use cases."""

    settings: Settings
    services: Services
    keyring: Keyring
    database: Database

    @property
    def app_url(self) -> str:
        """The database's address for the application's role."""
        return self.database.app_url

    @property
    def owner_url(self) -> str | None:
        """The database's address for the owner, if it is known."""
        return self.database.owner_url

    @property
    def embedded(self) -> EmbeddedPostgres | None:
        """The hold on the embedded server, or None if others run the database."""
        return self.database.embedded


@asynccontextmanager
async def open_installation(settings: Settings, *, create: bool = True) -> AsyncIterator[Installation]:
    """Open the installation that the settings name, for as long as the block lasts.

    Where no database is named, the embedded server is started or attached to and its tables are brought up to date.
    With `create`, what a new installation lacks is made: the embedded cluster and the key file.

    Raises:
        InstallationError: there is none yet, its schema is behind or ahead, its server or role is unsafe, or the keys
            are not the database's.
        EmbeddedPostgresError, SchemaError, KeyringError, DatabaseRefused: as the store and the keyring say.
        TemporarilyUnavailable: the database can't be reached.
    """
    with hold_database(settings, create=create) as database:
        keyring = await prepare(settings, database, create=create)
        async with open_services(database.app_url, keyring, connections=settings.connections) as services:
            yield Installation(settings=settings, services=services, keyring=keyring, database=database)


@contextmanager
def hold_database(settings: Settings, *, create: bool = True) -> Iterator[Database]:
    """Name the database of the settings; where that is the embedded one, hold it meanwhile.

    Raises:
        InstallationError: there is no cluster, and none is to be made.
        EmbeddedPostgresError: it does not start.
    """
    if settings.database_url is not None:
        yield Database(app_url=settings.database_url, owner_url=settings.migration_url, embedded=None)
        return
    if not create and not (settings.data_dir / "postgresql" / "PG_VERSION").exists():
        raise InstallationError(
            "no_installation",
            f"There is no installation in {settings.data_dir}: start one with consentry serve, or name its folder in "
            "CONSENTRY_DATA_DIR, or its database in CONSENTRY_DATABASE_URL.",
        )
    with embedded.start(settings.data_dir, os_user=settings.postgres_user, binaries=settings.postgres_bin) as held:
        yield Database(app_url=held.app_url, owner_url=held.owner_url, embedded=held)


async def prepare(settings: Settings, database: Database, *, create: bool = True) -> Keyring:
    """Refuse a database that is not current or not fit, and give the keys that go with it.

    Raises:
        As `open_installation`.
    """
    used = await check_database(database)
    return await asyncio.to_thread(_keys_for, settings, used, create=create)


async def check_database(database: Database) -> KeysInUse:
    """Refuse a database that is not current or not fit, and tell which keys it relies on.

    Raises:
        InstallationError: its schema is behind or ahead, its server or role is unsafe.
        DatabaseRefused, TemporarilyUnavailable: as the store says.
    """
    if database.embedded is not None:
        await _migrate_embedded(database.embedded)
    async with connected(database.app_url) as connection:
        await _refuse_other_schema(connection)
        problems = await safety.unsafe_settings(connection)
        if problems:
            raise InstallationError("unsafe_database", " ".join(problems))
        problems = await safety.role_problems(connection)
        if problems:
            raise InstallationError("unsafe_role", " ".join(problems))
        async with connection.transaction():
            return await keys_in_use(connection)


async def _migrate_embedded(held: EmbeddedPostgres) -> None:
    async with connected(held.app_url) as connection:
        found = await migrate.status(connection)
    if found.state is SchemaState.BEHIND:
        async with connected(held.owner_url) as connection:
            await migrate.migrate(connection)


async def _refuse_other_schema(connection: Connection) -> None:
    found = await migrate.status(connection)
    if found.state is SchemaState.BEHIND:
        raise InstallationError(
            "schema_behind", f"The database lacks {', '.join(found.pending)}: run consentry migrate first."
        )
    if found.state is SchemaState.AHEAD:
        raise InstallationError(
            "schema_ahead",
            f"The database has {', '.join(found.unknown)}, which this version of consentry does not know: run the "
            "version that it was made with, or a later one.",
        )


def _keys_for(settings: Settings, used: KeysInUse, *, create: bool) -> Keyring:
    """Load the keys, or make the key file of an installation that stored nothing under any key yet."""
    is_new = not used.peppers and not used.encryption_keys
    file_is_missing = settings.keys is None and settings.key_command is None and not settings.key_file.exists()
    if file_is_missing and not is_new:
        names = ", ".join(sorted({*used.peppers, *used.encryption_keys}))
        raise InstallationError(
            "key_file_missing",
            f"There is no key file at {settings.key_file}, but the database holds what was stored under {names}: "
            "restore the key file from your vault or backup, or name it in CONSENTRY_KEY_FILE. A new one would open "
            "nothing; if it is lost for good, consentry keys replace-lost is the last resort.",
        )
    keyring = load_keyring(settings, create=create and is_new)
    missing = used.missing_from(peppers=keyring.peppers, encryption_keys=keyring.encryption_keys)
    if missing:
        raise InstallationError(
            "keys_missing",
            f"The keys lack {', '.join(missing)}, under which the database holds secrets or signing keys: they belong "
            "to another installation or are out of date. Restore them from your vault or backup.",
        )
    return keyring
