"""The product's clock, which is the database's."""

from datetime import datetime

from consentry.store.session import Connection


async def now(connection: Connection) -> datetime:
    """Give the time of this statement by the product's clock."""
    moment: datetime = await connection.fetchval("select consentry.now()")
    return moment
