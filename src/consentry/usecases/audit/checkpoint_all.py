"""Make checkpoints of all chains that have moved."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from consentry.domain.audit import ChainStatement
from consentry.store import houses, institutions, sealing
from consentry.store.session import Session
from consentry.usecases.audit.checkpoint import ChainBroken, checkpoint_audit
from consentry.usecases.audit.checkpoint_key import CheckpointKey

PACE: Final = timedelta(seconds=50)


async def checkpoint_all(
    session: Session,
    *,
    key: CheckpointKey,
    publish: Callable[[str], None],
    on_broken: Callable[[int, str], None],
    pace: timedelta = PACE,
) -> list[ChainStatement]:
    """Make a checkpoint for every institution and partner whose chain has moved, and give them.

    An institution whose last one is younger than `pace` waits: a busy chain gets about one a minute. `on_broken` is
    told of each institution (its internal id) whose chain is not the witnessed one, and how.

    Raises:
        OSError: a witness could not be reached.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with session.begin() as connection:
        await institutions.show(connection, *await houses.all_ids(connection))
        due = await sealing.to_witness(connection, pace=pace)
    made = []
    for institution_id in due:
        try:
            statement = await checkpoint_audit(session, institution_id, key=key, publish=publish)
        except ChainBroken as error:
            on_broken(institution_id, str(error))
            continue
        if statement is not None:
            made.append(statement)
    return made
