"""Making a loaded database the one that goes on: a new order for the audit's sealer, an end to what is short-lived.

What a transaction's number means ends with the server that gave it out. Whether a database may be replaced is asked
here as well; what is re-applied of later decisions is left to decisions.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from consentry.store.backups.errors import BackupError
from consentry.store.session import Connection

# Every column that holds a transaction's number; a test holds the schema to it.
NUMBERED: Final = frozenset(
    {
        ("audit_chains", "written_by"),
        ("audit_entries", "written_by"),
        ("events", "written_by"),
        ("institution_counts", "seen_next_by"),
    }
)


@dataclass(frozen=True, slots=True)
class Occupation:
    """What is in the way of a restore: what is no installation, institutions and consents, other connections."""

    has_schema: bool
    is_foreign: bool
    institutions: tuple[str, ...]
    consents: int
    connected: int


async def occupation(connection: Connection, *, roles: Sequence[str]) -> Occupation:
    """Look at what the database holds, and count the other connections of the owner and of `roles`."""
    row = await connection.fetchrow(
        """select to_regnamespace('consentry') is not null,
                  to_regclass('consentry.institutions') is not null,
                  exists (select from pg_class where relnamespace = to_regnamespace('consentry')
                          and relname !~ '^schema_migrations'),
                  (select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
                   and (usename = current_user or usename = any ($1::text[])))""",
        list(roles),
    )
    if row is None:
        raise AssertionError
    has_schema, is_ours, has_relations, connected = row
    institutions: tuple[str, ...] = ()
    consents = 0
    if is_ours:
        found = await connection.fetch("select public_id from consentry.institutions order by institution_id")
        institutions = tuple(name for (name,) in found)
        consents = await connection.fetchval("select count(*) from consentry.consents")
    return Occupation(
        has_schema=has_schema,
        is_foreign=has_relations and not is_ours,
        institutions=institutions,
        consents=consents,
        connected=connected,
    )


async def refuse_server(
    connection: Connection, *, server_version: int, made_at: datetime, roles: Sequence[str]
) -> None:
    """Refuse a server on which the backup would not be what it was.

    Raises:
        BackupError: `server_too_old`, `roles_missing`, or `clock_behind`: the clock stands before the backup, so that
            what had expired would live again.
    """
    own = await connection.fetchval("select current_setting('server_version_num')::integer / 10000")
    if own < server_version:
        raise BackupError(
            "server_too_old",
            f"The backup is of PostgreSQL {server_version} and this server is {own}: restore it to {server_version} "
            "or later.",
        )
    known = {
        row[0]
        for row in await connection.fetch("select rolname::text from pg_roles where rolname = any ($1)", list(roles))
    }
    missing = [role for role in roles if role not in known]
    if missing:
        raise BackupError(
            "roles_missing",
            f"The backup gives rights to {', '.join(missing)}, which this server does not have: make the role first.",
        )
    moment = await connection.fetchval("select clock_timestamp()")
    if moment < made_at:
        raise BackupError(
            "clock_behind",
            f"By this server's clock it is {moment:%Y-%m-%d %H:%M:%S} UTC, before the backup was made: set the "
            "clock right.",
        )


async def clear(connection: Connection) -> None:
    """Drop the schema that is there, with everything in it, when the transaction commits.

    Raises:
        BackupError: `in_use`: somebody still works with it.
    """
    try:
        await connection.execute("set local lock_timeout = '10s'")
        await connection.execute("drop schema consentry cascade")
        await connection.execute("set local lock_timeout = 0")
    except asyncpg.LockNotAvailableError:
        raise BackupError(
            "in_use",
            "The database is in use: stop consentry serve and worker everywhere, and try again.",
        ) from None


async def renumber(connection: Connection) -> None:
    """Give what was written on the old server numbers below all transactions here; to be done before indexes are made.

    Sealed entries have 1 and the heads stand behind all of them. Entries that wait for their seal come next, in the
    order of their transactions, from 2 to at most the number before the oldest open transaction's; then what this
    server writes.
    """
    await connection.execute(
        """
        with waiting as materialized (
            select institution_id, entry_id, dense_rank() over (order by written_by) as place
            from consentry.audit_entries e
            where not exists (select from consentry.audit_seals s
                              where s.institution_id = e.institution_id and s.entry_id = e.entry_id)
        ), sealed as (
            update consentry.audit_entries e set written_by = '1'
            where exists (select from consentry.audit_seals s
                          where s.institution_id = e.institution_id and s.entry_id = e.entry_id)
        )
        update consentry.audit_entries e
        set written_by = least(1 + place, pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1)::text::xid8
        from waiting w where w.institution_id = e.institution_id and w.entry_id = e.entry_id;
        update consentry.audit_chains set written_by = '1', entry_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
        update consentry.events set written_by = '1';
        """
    )
    if await connection.fetchval("select to_regclass('consentry.institution_counts') is not null"):  # not in older ones
        await connection.execute("update consentry.institution_counts set seen_next_by = '1'")


async def end_short_lived(connection: Connection) -> list[tuple[int, str]]:
    """Kill every token and session from before this moment and make partitions; give all institutions' ids.

    Staff sign in again, and a first admin gets a new link: which of theirs had ended is not known.
    """
    await connection.execute("select consentry.ensure_partitions()")
    if await connection.fetchval("select to_regclass('consentry.staff_sessions') is not null"):  # not in older ones
        await connection.execute(
            """
            update consentry.staff_sessions set ended_at = clock_timestamp() where ended_at is null;
            update consentry.staff_setup_links set used_at = clock_timestamp() where used_at is null;
            """
        )
    rows = await connection.fetch(
        "update consentry.institutions set tokens_valid_after = clock_timestamp() returning institution_id, public_id"
    )
    return sorted((institution_id, public_id) for institution_id, public_id in rows)


async def gather_statistics(connection: Connection) -> None:
    """Let the planner know the loaded tables; to be done after the commit."""
    rows = await connection.fetch(
        """select oid::regclass::text from pg_class
           where relnamespace = 'consentry'::regnamespace and relkind in ('r', 'p') and not relispartition"""
    )
    await connection.execute(f"analyze {', '.join(row[0] for row in rows)}")
