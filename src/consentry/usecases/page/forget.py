"""Forget pages that ended long ago; the audit remembers that they were."""

from consentry.store import pages
from consentry.store.session import Session


async def forget_pages(session: Session) -> int:
    """Delete what is stored of pages opened more than a day ago, in all institutions; give how many.

    Raises:
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with session.connection() as connection:
        return await pages.forget(connection)
