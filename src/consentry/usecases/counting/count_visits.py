"""Count visits: tokens issued, sign-ins that failed, and the customers whom they were for.

These are written by the hottest path, so that nothing is noted for them: they are counted by their time-ordered ids, up
to a moment before which nobody writes any more.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from consentry.domain.counting import day_of
from consentry.store import counting, institutions
from consentry.store.session import Connection, Session

_SETTLED_AFTER: Final = timedelta(seconds=30)  # twice as long as a statement may take
_SPAN: Final = timedelta(minutes=15)  # no multiple of it crosses midnight
_SPANS_AT_ONCE: Final = 16


async def count_visits(session: Session, *, settled_after: timedelta = _SETTLED_AFTER) -> None:
    """Count what has settled in all institutions, and plan the next round.

    Raises:
        TemporarilyUnavailable: the store can't be reached or can't write; what was counted stays counted.
    """
    async with session.begin() as connection:
        ids = await institutions.all_ids(connection)
        await institutions.show(connection, *ids)
        await counting.open_accounts(connection)
    for institution_id in ids:
        while not await _count_some(session, institution_id, settled_after=settled_after):
            pass


async def _count_some(session: Session, institution_id: int, *, settled_after: timedelta) -> bool:
    """Count some spans in a transaction, and tell whether all that has settled is counted."""
    async with session.begin(institution_id) as connection:
        seen = await counting.seen(connection, institution_id)
        if not seen.is_settled:
            return True
        at = seen.until
        for _ in range(_SPANS_AT_ONCE):
            at = await _count_span(connection, institution_id, since=at, until=seen.next)
            if at >= seen.next:
                break
        await counting.seen_until(connection, institution_id, at)
        if at < seen.next:
            return False
        await counting.see_next(connection, institution_id, settled_after_seconds=settled_after.total_seconds())
    return True


async def _count_span(connection: Connection, institution_id: int, *, since: datetime, until: datetime) -> datetime:
    """Count one span and give its end; time in which nothing happened is passed over."""
    first = await counting.first_visit(connection, institution_id, since=since)
    if first is None or first >= until:
        return until
    since = max(since, _span_of(first))
    end = min(until, _span_of(since) + _SPAN)
    day = day_of(since)
    visits = await counting.visits(connection, institution_id, since=since, until=end, day=day)
    await counting.add_days(connection, institution_id, counting.visit_counts(visits, day))
    return end


def _span_of(moment: datetime) -> datetime:
    utc = moment.astimezone(UTC)
    return utc.replace(minute=utc.minute - utc.minute % 15, second=0, microsecond=0)
