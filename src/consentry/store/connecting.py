"""Single connections: for operators' work, as the application's role or as the owner, without a pool.

Owns telling apart why a database can't be reached; what is done on the connection is left to whoever asked for it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.store.session import UNAVAILABLE, Connection


class DatabaseRefused(Exception):
    """The address is wrong or the database lets this role not in; the message says why, without the address."""


@asynccontextmanager
async def connected(url: str, *, application_name: str = "consentry") -> AsyncIterator[Connection]:
    """Open one connection for as long as the block lasts; statements have no time limit.

    Raises:
        DatabaseRefused: the address is malformed, or role, password or database are not there.
        TemporarilyUnavailable: the database can't be reached, or the connection was lost.
    """
    try:
        connection: Connection = await asyncpg.connect(url, server_settings={"application_name": application_name})
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise DatabaseRefused(f"The database lets this role not in: {error}.") from None
    except (asyncpg.ClientConfigurationError, ValueError):
        raise DatabaseRefused(
            "The address of the database is malformed; it looks like postgresql://role@host:5432/consentry."
        ) from None
    except UNAVAILABLE as error:
        raise TemporarilyUnavailable from error
    try:
        yield connection
    except UNAVAILABLE as error:
        raise TemporarilyUnavailable from error
    finally:
        await connection.close(timeout=5)
