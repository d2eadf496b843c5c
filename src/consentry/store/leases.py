"""Leases: of many processes that could do a job, one does it at a time.

A lease is an advisory lock of the database session that holds it, so that a process that dies gives it back.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from consentry.store.session import Session


@asynccontextmanager
async def lease(session: Session, job: str) -> AsyncIterator[bool]:
    """Hold the lease of a job for as long as the block lasts; tell whether it was free.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    name = f"consentry.lease.{job}"
    async with session.connection() as connection:
        is_ours = await connection.fetchval("select pg_try_advisory_lock(hashtextextended($1, 0))", name)
        try:
            yield is_ours
        finally:
            if is_ours:
                await connection.execute("select pg_advisory_unlock(hashtextextended($1, 0))", name)
