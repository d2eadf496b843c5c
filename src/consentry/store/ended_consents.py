"""Consents that ended so long ago that they need not be kept: deleted with their history, some at a time."""

from dataclasses import dataclass
from datetime import timedelta

from consentry.store.session import Connection


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many consents were deleted, and how many recorded changes of theirs."""

    consents: int
    changes: int


async def forget(connection: Connection, institution_id: int, *, keep: timedelta, most: int) -> Forgotten:
    """Delete some of an institution's consents that ended longer ago than `keep`; none under legal hold.

    Mirrored ones are left alone, and so are those that somebody else has locked at this moment.
    """
    row = await connection.fetchrow(
        "select consents, changes from consentry.forget_ended_consents($1, $2, $3)", institution_id, keep, most
    )
    if row is None:
        raise AssertionError
    return Forgotten(*row)
