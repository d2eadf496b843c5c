"""Drop what need not be kept any longer, a month or a week of one table at a time."""

from datetime import timedelta

from consentry.config import Retention
from consentry.store import partitions
from consentry.store.session import Session
from consentry.store.tokens import KEPT

_MOST_AT_ONCE = 1000


async def drop_expired(session: Session, retention: Retention) -> list[str]:
    """Drop all partitions beyond their time and give their names; none while an institution is under legal hold.

    Raises:
        TemporarilyUnavailable: the store can't be reached, or a table is too busy; what was dropped stays dropped.
    """
    dropped: list[str] = []
    for _ in range(_MOST_AT_ONCE):
        async with session.begin() as connection:
            names = await partitions.drop_oldest(
                connection,
                keep_tokens=KEPT,
                keep_events=timedelta(days=retention.event_days),
                keep_audit=timedelta(days=retention.audit_days),
            )
        if not names:
            break
        dropped += names
    return dropped
