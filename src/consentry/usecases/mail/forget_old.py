"""Forget e-mails that were sent or given up long ago."""

from consentry.store import houses, institutions, mails
from consentry.store.session import Session


async def forget_old_mails(session: Session) -> int:
    """Delete what all houses sent or gave up a month ago; give how many.

    Raises:
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with session.begin() as connection:
        await institutions.show(connection, *await houses.all_ids(connection))
        return await mails.delete_old(connection)
