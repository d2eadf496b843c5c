"""Customers whose new connections are blocked."""

from consentry.domain.customer import Block
from consentry.store.session import Connection


async def of(connection: Connection, institution_id: int, customer_id: str) -> Block | None:
    """Give the block of a customer; None if there is none."""
    row = await connection.fetchrow(
        """select reason, blocked_at, blocked_by from consentry.customer_blocks
           where institution_id = $1 and customer_id = $2""",
        institution_id,
        customer_id,
    )
    return None if row is None else Block(*row)


async def add(
    connection: Connection, institution_id: int, customer_id: str, *, reason: str, blocked_by: str | None
) -> bool:
    """Block a customer's new connections; False if they are blocked already."""
    added = await connection.fetchval(
        """insert into consentry.customer_blocks (institution_id, customer_id, reason, blocked_at, blocked_by)
           values ($1, $2, $3, consentry.now(), $4) on conflict do nothing returning true""",
        institution_id,
        customer_id,
        reason,
        blocked_by,
    )
    return bool(added)


async def lift(connection: Connection, institution_id: int, customer_id: str) -> Block | None:
    """Let a customer connect apps again; give the block that was, None if there was none."""
    row = await connection.fetchrow(
        """delete from consentry.customer_blocks where institution_id = $1 and customer_id = $2
           returning reason, blocked_at, blocked_by""",
        institution_id,
        customer_id,
    )
    return None if row is None else Block(*row)
