"""What a backup's manifest says of a database, read in the very snapshot that is dumped.

Also the only connection that backups and restores use: the owner's, which sees every institution. What is done with
it is left to others.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.store.backups.errors import BackupError
from consentry.store.backups.manifest import AppliedMigration, BackedUpInstitution
from consentry.store.connecting import DatabaseRefused
from consentry.store.keys_in_use import keys_in_use
from consentry.store.session import UNAVAILABLE, Connection

# Neither dump nor restore is bounded in time, whatever the server's defaults are.
_PATIENT = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0", "row_security": "off"}


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds at one moment, as far as a manifest says it."""

    made_at: datetime
    server_version: int
    lsn: str
    xmin: str
    migrations: tuple[AppliedMigration, ...]
    institutions: tuple[BackedUpInstitution, ...]
    app_roles: tuple[str, ...]
    peppers: tuple[str, ...]
    encryption_keys: tuple[str, ...]


@asynccontextmanager
async def owner_connection(url: str) -> AsyncIterator[Connection]:
    """Connect as the role that owns the tables; the driver's errors of the whole block are told apart here.

    Raises:
        TemporarilyUnavailable: the database can't be reached.
        DatabaseRefused: the address is malformed.
        BackupError: `not_the_owner`, `database_refused`, in the server's words.
    """
    try:
        connection = await _connect(url)
        try:
            yield connection
        finally:
            await connection.close(timeout=10)
    except asyncpg.InsufficientPrivilegeError as error:
        raise BackupError(
            "not_the_owner", f"Connect as the owner of the tables; see CONSENTRY_MIGRATION_URL ({error})."
        ) from None
    except UNAVAILABLE as error:
        raise TemporarilyUnavailable from error
    except asyncpg.PostgresError as error:
        raise BackupError("database_refused", f"The database refuses: {error}.") from error


async def _connect(url: str) -> Connection:
    try:
        # No kept statements: a restore replaces the tables that they were planned on.
        return await asyncpg.connect(
            url, statement_cache_size=0, server_settings={"application_name": "consentry backup", **_PATIENT}
        )
    except (asyncpg.ClientConfigurationError, ValueError):
        raise DatabaseRefused("The address of the database is malformed; see CONSENTRY_MIGRATION_URL.") from None


@asynccontextmanager
async def snapshot(connection: Connection) -> AsyncIterator[tuple[str, Contents]]:
    """Hold one moment of the database: the name under which pg_dump joins it, and what there is at that moment.

    Raises:
        BackupError: `nothing_to_back_up` when there is no schema.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        if await connection.fetchval("select to_regclass('consentry.schema_migrations') is null"):
            raise BackupError(
                "nothing_to_back_up",
                "The database has no installation: see CONSENTRY_DATA_DIR and CONSENTRY_MIGRATION_URL.",
            )
        yield await connection.fetchval("select pg_export_snapshot()"), await _contents(connection)


async def _contents(connection: Connection) -> Contents:
    row = await connection.fetchrow(
        """select clock_timestamp(), current_setting('server_version_num')::integer / 10000,
                  (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end)::text,
                  pg_snapshot_xmin(pg_current_snapshot())::text"""
    )
    if row is None:
        raise AssertionError
    made_at, server_version, lsn, xmin = row
    used = await keys_in_use(connection)
    return Contents(
        made_at=made_at,
        server_version=server_version,
        lsn=lsn,
        xmin=xmin,
        migrations=tuple(
            AppliedMigration(*found)
            for found in await connection.fetch(
                "select version, name, sha256 from consentry.schema_migrations order by version"
            )
        ),
        institutions=tuple(
            BackedUpInstitution(*found)
            for found in await connection.fetch(
                """select i.public_id,
                          (select count(*) from consentry.consents c where c.institution_id = i.institution_id),
                          h.sequence, encode(h.hash, 'hex')
                   from consentry.institutions i join consentry.audit_chains h using (institution_id)
                   order by institution_id"""
            )
        ),
        app_roles=await _app_roles(connection),
        peppers=tuple(sorted(used.peppers)),
        encryption_keys=tuple(sorted(used.encryption_keys)),
    )


async def _app_roles(connection: Connection) -> tuple[str, ...]:
    """Give the roles, apart from the owner, that the schema grants rights to."""
    rows = await connection.fetch(
        """select r.rolname::text from (
               select (aclexplode(nspacl)).grantee from pg_namespace where nspname = 'consentry'
               union select (aclexplode(relacl)).grantee from pg_class where relnamespace = 'consentry'::regnamespace
               union select (aclexplode(proacl)).grantee from pg_proc where pronamespace = 'consentry'::regnamespace
           ) as granted join pg_roles r on r.oid = granted.grantee
           where r.rolname <> current_user
             and r.oid <> (select nspowner from pg_namespace where nspname = 'consentry')
           order by 1"""
    )
    return tuple(row[0] for row in rows)
