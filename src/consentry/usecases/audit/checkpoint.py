"""Make a checkpoint: a signed statement of a chain's end, brought out of the database's reach."""

import hmac
from collections.abc import Callable

from consentry.domain.audit import ChainStatement
from consentry.store import clock, institutions, sealing
from consentry.store.sealing import ChainHead, Checkpoint
from consentry.store.session import Connection, Session
from consentry.usecases.audit.checkpoint_key import CheckpointKey


class ChainBroken(Exception):
    """The chain is not the one that the last checkpoint witnessed: somebody has changed it. The message names where."""


async def checkpoint_audit(
    session: Session, institution_id: int, *, key: CheckpointKey, publish: Callable[[str], None]
) -> ChainStatement | None:
    """State how far an institution's chain is sealed, if it has moved since the last checkpoint.

    `publish` brings the signed statement to its witnesses and returns when it is safe there; only then a copy is kept.

    Raises:
        ChainBroken: the entry of the last checkpoint is gone or another one.
        OSError: a witness could not be reached; the checkpoint is not made.
        TemporarilyUnavailable: the store can't be reached or can't write; the checkpoint may have been published.
    """
    async with session.begin(institution_id) as connection:
        head = await sealing.head(connection, institution_id)
        last = await sealing.last_checkpoint(connection, institution_id)
        if last is not None:
            await _compare(connection, institution_id, head=head, last=last)
        if head.sequence == (0 if last is None else last.sequence):
            return None
        (institution,) = await institutions.visible(connection)
        statement = ChainStatement(
            institution=institution.public_id,
            sequence=head.sequence,
            hash=head.hash,
            at=await clock.now(connection),
        )
    signed = key.sign(statement)
    publish(signed)
    async with session.begin(institution_id) as connection:
        await sealing.add_checkpoint(
            connection,
            institution_id,
            Checkpoint(sequence=statement.sequence, hash=statement.hash, at=statement.at, statement=signed),
        )
    return statement


async def _compare(connection: Connection, institution_id: int, *, head: ChainHead, last: Checkpoint) -> None:
    if last.sequence <= head.pruned_sequence:
        return
    found = await sealing.hash_of(connection, institution_id, last.sequence)
    if head.sequence < last.sequence or found is None or not hmac.compare_digest(found, last.hash):
        raise ChainBroken(f"Entry {last.sequence} is not what its checkpoint witnesses; run consentry audit verify.")
