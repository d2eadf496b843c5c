"""What an operator's look at the database asks beside its tables: version, clock, limits."""

from dataclasses import dataclass
from datetime import datetime

from consentry.store.session import Connection


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server's version as it says it, its wall clock (not the product's), and how many connections it allows."""

    version: str
    wall_clock: datetime
    most_connections: int


async def server_facts(connection: Connection) -> ServerFacts:
    """Ask the server about itself."""
    row = await connection.fetchrow(
        """select current_setting('server_version'), clock_timestamp(),
                  current_setting('max_connections')::integer
                      - current_setting('superuser_reserved_connections')::integer"""
    )
    if row is None:
        raise AssertionError
    return ServerFacts(*row)
