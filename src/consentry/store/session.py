"""Transactions: the only way into the store.

A session owns the pool of connections, shows each transaction its institution, and tells apart the errors of the
driver. What is read and written in a transaction is the business of the modules of the aggregates.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Literal, TypeAlias, TypeVar

import asyncpg

from consentry.domain.refusal import TemporarilyUnavailable

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Result = TypeVar("Result")

_ACQUIRE_SECONDS: Final = 5.0
_ATTEMPTS: Final = 4
_CONFLICTS: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
UNAVAILABLE: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    asyncpg.PostgresIOError,
    *_CONFLICTS,
)


class Session:
    """A pool of connections as the application's role, and the transactions on it."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    @staticmethod
    async def connect(url: str, *, connections: int, application_name: str = "consentry") -> "Session":
        """Open a pool of at most `connections`; the first is opened now.

        Raises:
            TemporarilyUnavailable: the database can't be reached.
        """
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=connections,
                max_inactive_connection_lifetime=0,
                reset=_leave_as_it_is,
                server_settings={
                    "application_name": application_name,
                    "plan_cache_mode": "force_generic_plan",
                    "statement_timeout": "15s",
                    "lock_timeout": "5s",
                    "idle_in_transaction_session_timeout": "15s",
                },
            )
        except UNAVAILABLE as error:
            raise TemporarilyUnavailable from error
        return Session(pool)

    async def close(self) -> None:
        """Close the connections; after five seconds, whatever they still do."""
        try:
            await asyncio.wait_for(self._pool.close(), 5)
        except UNAVAILABLE:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection for statements that are transactions of their own.

        Raises:
            TemporarilyUnavailable: the store can't be reached, is busy, or can't write.
        """
        try:
            async with self._pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
                yield connection
        except UNAVAILABLE as error:
            raise TemporarilyUnavailable from error

    @asynccontextmanager
    async def begin(self, *institution_ids: int, snapshot: bool = False) -> AsyncIterator[Connection]:
        """Open a transaction that sees these institutions and no other; it commits at the end.

        It is read committed, so that a statement after a lock sees what the lock waited for. With `snapshot` it is
        read-only and sees the store as of its beginning (repeatable read), for reports.

        Raises:
            TemporarilyUnavailable: as `connection` does; whether a commit that was cut off happened is then unknown.
        """
        isolation: Literal["repeatable_read", "read_committed"] = "repeatable_read" if snapshot else "read_committed"
        async with self.connection() as connection, connection.transaction(isolation=isolation, readonly=snapshot):
            if institution_ids:
                await connection.execute("select consentry.enter($1)", list(institution_ids))
            yield connection

    async def retried(self, action: Callable[[], Awaitable[Result]]) -> Result:
        """Run an action that is a whole transaction; repeat it, up to four times, when it lost against another."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await action()
            except TemporarilyUnavailable as error:
                if attempt == _ATTEMPTS or not isinstance(error.__cause__, _CONFLICTS):
                    raise
        raise AssertionError


async def _leave_as_it_is(_: Connection) -> None:
    """Keep a returned connection as it is: transactions set nothing that outlives them."""
