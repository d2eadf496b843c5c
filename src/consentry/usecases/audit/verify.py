"""Verify the audit: recompute the chain and name every place where it does not hold."""

import hmac
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from consentry.domain.audit import GENESIS, next_hash
from consentry.store import sealing
from consentry.store.sealing import ChainHead, SealedEntry
from consentry.store.session import Connection, Session

_MOST_NAMED: Final = 20
_PROGRESS_EVERY: Final = 1000


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """What verification found: entries read, the number of the last sealed one, and a sentence for each fault.

    No fault means that all is well. Entries up to `pruned` were dropped by retention; the rest is verified from there.
    """

    entries: int
    sealed: int
    last_hash: bytes
    faults: tuple[str, ...]
    pruned: int = 0


@dataclass(slots=True)
class ChainCheck:
    """Follows a chain entry by entry, in the order of the numbers; `hash` is that of the last, `number` its number.

    After a fault it goes on from what is stored, so that one change is one fault.
    """

    number: int = 0
    hash: bytes = GENESIS
    faults: list[str] = field(default_factory=list)

    def take(self, found: SealedEntry, *, witnessed: bytes | None) -> None:
        """Check the next sealed entry; `witnessed` is the hash that a checkpoint states for its number."""
        if found.sequence is None or found.hash is None:
            return
        if found.sequence <= self.number:
            self.faults.append(f"Entry {found.sequence} stands in the chain twice ({found.entry.entry_id}).")
            return
        if found.sequence > self.number + 1:
            self.faults.append(_missing(self.number + 1, found.sequence - 1))
        elif not hmac.compare_digest(next_hash(self.hash, found.entry), found.hash):
            self.faults.append(f"Entry {found.sequence} ({found.entry.entry_id}) is not what was sealed.")
        if witnessed is not None and not hmac.compare_digest(witnessed, found.hash):
            self.faults.append(f"Entry {found.sequence} does not have the hash that its checkpoint witnesses.")
        self.number, self.hash = found.sequence, found.hash

    def end(self, witnessed: Mapping[int, bytes]) -> None:
        """Say which witnessed entries lie beyond the end that was reached: the tail was cut off."""
        beyond = sorted(number for number in witnessed if number > self.number)
        if beyond:
            self.faults.append(
                f"The chain ends at entry {self.number}, but a checkpoint witnesses entry {beyond[-1]}:"
                " the end was cut off."
            )


async def verify_audit(
    session: Session,
    institution_id: int,
    *,
    statements: Mapping[int, bytes],
    on_progress: Callable[[int], None] = lambda _: None,
) -> AuditVerdict:
    """Recompute an institution's chain from its entries.

    `statements` are hashes by sequence number from checkpoints kept elsewhere: they alone can show that the end was cut
    off or that the whole chain was made anew. `on_progress` is told the number of entries read, every thousand.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with session.begin(institution_id, snapshot=True) as connection:
        head = await sealing.head(connection, institution_id)
        check = ChainCheck(number=head.pruned_sequence, hash=head.pruned_hash)
        entries = 0
        async for found in _behind(sealing.sealed_entries(connection, institution_id), head.pruned_sequence):
            entries += 1
            check.take(found, witnessed=None if found.sequence is None else statements.get(found.sequence))
            if entries % _PROGRESS_EVERY == 0:
                on_progress(entries)
        if check.number != head.sequence or not hmac.compare_digest(check.hash, head.hash):
            check.faults.append(f"The chain ends at entry {check.number}, but {head.sequence} were sealed.")
        check.end(statements)
        check.faults += [sentence async for sentence in _strays(connection, institution_id, head)]
    on_progress(entries)
    return AuditVerdict(
        entries=entries,
        sealed=check.number,
        last_hash=check.hash,
        faults=tuple(_shortened(check.faults)),
        pruned=head.pruned_sequence,
    )


async def _behind(entries: AsyncIterator[SealedEntry], pruned: int) -> AsyncIterator[SealedEntry]:
    """Pass over sealed entries that retention left behind because they are of a younger month."""
    async for found in entries:
        if found.sequence is None or found.sequence > pruned:
            yield found


async def _strays(connection: Connection, institution_id: int, head: ChainHead) -> AsyncIterator[str]:
    for number in await sealing.orphaned_seals(connection, institution_id, most=_MOST_NAMED):
        if number > head.pruned_sequence:
            yield f"Entry {number} was deleted; its seal is left."
    for entry_id in await sealing.overtaken_entries(connection, institution_id, most=_MOST_NAMED):
        yield f"The entry {entry_id} has no place in the chain: it was put in later, or its seal was deleted."


def _missing(first: int, last: int) -> str:
    return f"Entry {first} is missing." if first == last else f"Entries {first} to {last} are missing."


def _shortened(faults: list[str]) -> Iterator[str]:
    yield from faults[:_MOST_NAMED]
    if len(faults) > _MOST_NAMED:
        yield f"And {len(faults) - _MOST_NAMED} more."
