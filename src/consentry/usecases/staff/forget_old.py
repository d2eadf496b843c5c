"""Forget sign-ins that were answered and sessions that ended long ago; the audit tells of them for good."""

from datetime import timedelta
from typing import Final

from consentry.domain.staff import SIGN_IN_SECONDS
from consentry.store import houses, institutions, staff_sessions
from consentry.store.session import Session

_SESSIONS: Final = timedelta(days=30)
_SIGN_INS: Final = timedelta(seconds=2 * SIGN_IN_SECONDS)


async def forget_old_sessions(session: Session) -> int:
    """Delete the sessions of all houses that ended a month ago, and sign-ins that can't be repeated; give how many.

    Raises:
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with session.begin() as connection:
        await institutions.show(connection, *await houses.all_ids(connection))
        answered = await staff_sessions.delete_answered(connection, older_than=_SIGN_INS)
        return answered + await staff_sessions.delete_ended(connection, older_than=_SESSIONS)
