"""Imports: which there were, which is unfinished, and the lock that lets an institution have one at a time.

Staged rows are left to store/staging.py, publishing to store/publishing.py.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from consentry.domain.refusal.institution import InstitutionExists
from consentry.domain.refusal.operating import ImportRunning
from consentry.store.session import Connection, Session

_LOCK_CLASS: Final = 3  # 1 and 2 are the gates of institutions and tokens
_COLUMNS: Final = "import_id, name, kind, state, started_at, finished_at, lines, digest, counts::text as counts"
_counts: Final = msgspec.json.Decoder(dict[str, int]).decode


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """An import or a cut-over; `kind` is plain, mirror or cut_over, `state` staging, published or discarded."""

    import_id: UUID
    name: str
    kind: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    lines: int
    digest: bytes | None
    counts: dict[str, int]


class ImportSession:
    """The one import of an institution that may run now: its transactions, on the connection that holds the lock."""

    def __init__(self, connection: Connection, institution_id: int) -> None:
        self._connection = connection
        self.institution_id = institution_id

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Connection]:
        """Open a transaction that sees the institution, and may take as long as it needs."""
        async with self._connection.transaction(isolation="read_committed"):
            await self._connection.execute(
                """select consentry.enter($1), set_config('statement_timeout', '0', true),
                          set_config('idle_in_transaction_session_timeout', '5min', true),
                          set_config('lock_timeout', '1min', true), set_config('work_mem', '64MB', true),
                          set_config('plan_cache_mode', 'force_custom_plan', true),
                          set_config('client_connection_check_interval', '1s', true),
                          set_config('timezone', 'UTC', true)""",
                [self.institution_id],
            )
            yield self._connection


@asynccontextmanager
async def hold(session: Session, institution_id: int) -> AsyncIterator[ImportSession]:
    """Take the lock of an institution's imports; it ends with the connection, and so with the process.

    Raises:
        ImportRunning: another process has it, and has kept it for three seconds.
        TemporarilyUnavailable: the store can't be reached.
    """
    async with session.connection() as connection:
        try:
            async with connection.transaction():
                # Long enough for the server to notice that an importer before this one was killed.
                await connection.execute("select set_config('lock_timeout', '3s', true)")
                await connection.execute("select pg_advisory_lock($1, $2)", _LOCK_CLASS, institution_id)
        except asyncpg.LockNotAvailableError:
            raise ImportRunning from None
        try:
            yield ImportSession(connection, institution_id)
        finally:
            if not connection.is_closed():
                await connection.execute("select pg_advisory_unlock($1, $2)", _LOCK_CLASS, institution_id)


async def reserve_institution(connection: Connection, public_id: str) -> int:
    """Give the internal id that an institution will have once the import that adds it is published."""
    reserved: int = await connection.fetchval("select consentry.reserve_institution($1)", public_id)
    return reserved


async def reserved_id(connection: Connection, public_id: str) -> int | None:
    """Give the id that is reserved for an institution, if one is."""
    reserved: int | None = await connection.fetchval("select consentry.reserved_id($1)", public_id)
    return reserved


async def add_reserved_institution(connection: Connection, institution_id: int) -> bool:
    """Add the institution of a reserved id as its staged line describes it; False if there is no such line.

    Raises:
        InstitutionExists: its public id or its host was taken meanwhile.
    """
    told = await connection.fetchrow(
        "select name, host from consentry.staged_institutions where institution_id = $1", institution_id
    )
    if told is None:
        return False
    try:
        await connection.execute("select consentry.open_reserved_institution($1, $2, $3)", institution_id, *told)
    except asyncpg.UniqueViolationError:
        raise InstitutionExists from None
    return True


async def open_import(connection: Connection, institution_id: int, *, name: str, kind: str) -> UUID:
    """Begin an import, or go on with the unfinished one of the institution; give its id."""
    import_id: UUID = await connection.fetchval(
        """insert into consentry.imports (institution_id, import_id, name, kind, state)
           values ($1, consentry.time_ordered_id(consentry.now()), $2, $3, 'staging')
           on conflict (institution_id) where state = 'staging' do update set name = excluded.name, kind = excluded.kind
           returning import_id""",
        institution_id,
        name,
        kind,
    )
    return import_id


async def finish(
    connection: Connection,
    institution_id: int,
    import_id: UUID,
    *,
    state: str,
    lines: int = 0,
    digest: bytes | None = None,
    counts: Mapping[str, int] | None = None,
) -> None:
    """Write how an import ended."""
    await connection.execute(
        """update consentry.imports set state = $3, finished_at = consentry.now(), lines = $4, digest = $5, counts = $6
           where institution_id = $1 and import_id = $2""",
        institution_id,
        import_id,
        state,
        lines,
        digest,
        msgspec.json.encode(dict(counts or {})).decode(),
    )


async def add_cut_over(connection: Connection, institution_id: int, *, name: str, counts: Mapping[str, int]) -> None:
    """Record that an institution has cut over; `name` is that of the last mirrored import."""
    await connection.execute(
        """insert into consentry.imports (institution_id, import_id, name, kind, state, finished_at, counts)
           values ($1, consentry.time_ordered_id(consentry.now()), $2, 'cut_over', 'published', consentry.now(), $3)""",
        institution_id,
        name,
        msgspec.json.encode(dict(counts)).decode(),
    )


async def last_published(connection: Connection, institution_id: int) -> ImportRecord | None:
    """Give the last import or cut-over that was published."""
    row = await connection.fetchrow(
        f"""select {_COLUMNS} from consentry.imports where institution_id = $1 and state = 'published'
            order by finished_at desc, import_id desc limit 1""",
        institution_id,
    )
    return None if row is None else _record(row)


async def last_of_mirror(connection: Connection, institution_id: int) -> ImportRecord | None:
    """Give the last mirrored import or cut-over that was published: it says whether the institution mirrors."""
    row = await connection.fetchrow(
        f"""select {_COLUMNS} from consentry.imports
            where institution_id = $1 and state = 'published' and kind in ('mirror', 'cut_over')
            order by finished_at desc, import_id desc limit 1""",
        institution_id,
    )
    return None if row is None else _record(row)


async def unfinished(connection: Connection, institution_id: int) -> ImportRecord | None:
    """Give the import that has begun and is not published."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from consentry.imports where institution_id = $1 and state = 'staging'", institution_id
    )
    return None if row is None else _record(row)


def _record(row: asyncpg.Record) -> ImportRecord:
    return ImportRecord(
        import_id=row["import_id"],
        name=row["name"],
        kind=row["kind"],
        state=row["state"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        lines=row["lines"],
        digest=row["digest"],
        counts=_counts(row["counts"]),
    )
