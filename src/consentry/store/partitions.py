"""Partitions of the tables that grow with traffic: made ahead of their time, dropped after it."""

from datetime import timedelta

from consentry.store.session import Connection


async def ensure(connection: Connection) -> int:
    """Make the partitions of the coming weeks and months that are missing; give how many."""
    made: int = await connection.fetchval("select consentry.ensure_partitions()")
    return made


async def drop_oldest(
    connection: Connection, *, keep_tokens: timedelta, keep_events: timedelta, keep_audit: timedelta
) -> list[str]:
    """Drop the oldest partition that need not be kept; give its name, with its companion's, or nothing."""
    rows = await connection.fetch(
        "select consentry.drop_expired_partitions($1, $2, $3)", keep_tokens, keep_events, keep_audit
    )
    return [row[0] for row in rows]


async def weeks_ahead(connection: Connection) -> float:
    """Tell for how many weeks from now on tokens have partitions; less than none when there is none for today."""
    ahead: float = await connection.fetchval(
        """select coalesce(extract(epoch from max(to_timestamp(right(c.relname, 8) || ' +00', 'YYYYMMDD TZH'))
                                   + interval '1 week' - consentry.now()) / 604800, -1)::float8
           from pg_inherits join pg_class c on c.oid = inhrelid
           where inhparent = 'consentry.tokens'::regclass"""
    )
    return ahead
