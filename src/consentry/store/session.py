"""Transactions: the only way into the store.

A session owns the pool of connections, shows each transaction its institution, and tells apart the errors of the
driver. What is read and written in a transaction is the business of the modules of the aggregates.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Literal, TypeAlias, TypeVar

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from consentry.domain.refusal.request import TemporarilyUnavailable

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Result = TypeVar("Result")

_ACQUIRE_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 8.0
"""How long a request may take of the store, before it is answered that the service is unavailable."""
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
    asyncpg.InsufficientPrivilegeError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    asyncpg.PostgresIOError,
    *_CONFLICTS,
)


class Session:
    """A pool of connections as the application's role, and the transactions on it."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", *, answer_within: float | None = None) -> None:
        self._pool = pool
        self._answer_within = answer_within
        self._expiring: set[asyncio.Task[None]] = set()

    @staticmethod
    async def connect(
        url: str, *, connections: int, application_name: str = "consentry", answer_within: float | None = None
    ) -> "Session":
        """Open a pool of at most `connections`; the first is opened now.

        With `answer_within` it serves requests: what takes longer than so many seconds is given up, the connection with
        it, in case the other end is gone without a word; and a database that takes no writes, whose rows may be old,
        counts as away.

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
                timeout=_ACQUIRE_SECONDS,
                target_session_attrs=None if answer_within is None else SessionAttribute.read_write,
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
        return Session(pool, answer_within=answer_within)

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
                if self._answer_within is None:
                    yield connection
                    return
                guard = asyncio.get_running_loop().call_later(self._answer_within, self._give_up, connection)
                try:
                    yield connection
                finally:
                    guard.cancel()
        except UNAVAILABLE as error:
            raise TemporarilyUnavailable from error

    def _give_up(self, connection: Connection) -> None:
        """End a connection that does not answer, and use none that was opened before: they may hang, too."""
        connection.terminate()
        task = asyncio.get_running_loop().create_task(self._pool.expire_connections())
        self._expiring.add(task)
        task.add_done_callback(self._expiring.discard)

    @asynccontextmanager
    async def begin(
        self, *institution_ids: int, snapshot: bool = False, steady: bool = False
    ) -> AsyncIterator[Connection]:
        """Open a transaction that sees these institutions and no other; it commits at the end.

        It is read committed, so that a statement after a lock sees what the lock waited for. With `snapshot` it is
        read-only and sees the store as of its beginning (repeatable read), for reports; `steady` is the same for one
        that writes, and loses against whoever changes the same rows meanwhile.

        Raises:
            TemporarilyUnavailable: as `connection` does; whether a commit that was cut off happened is then unknown.
        """
        isolation: Literal["repeatable_read", "read_committed"] = (
            "repeatable_read" if snapshot or steady else "read_committed"
        )
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
