"""Count consents: fold what has moved since into the sums, each move exactly once.

A transaction takes all moves of some customers and sees the consents as they are at the same moment, so that it knows
how they were counted before: a move back. The moment up to which consents expired moves on when no move is left, in
the transaction that saw so.
"""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Final

from consentry.domain.counting import CountedConsent, nothing, tally
from consentry.store import counting, institutions
from consentry.store.counting import Moves
from consentry.store.session import Session

_CUSTOMERS_AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True)
class _Counted:
    """How many customers a round concerned, after whom the next one goes on, and whether nothing is left."""

    customers: int
    last: str
    is_done: bool


async def count_consents(session: Session, *, customers_at_once: int = _CUSTOMERS_AT_ONCE) -> int:
    """Bring the sums of all institutions up to now, and give of how many customers something had moved.

    Raises:
        TemporarilyUnavailable: the store can't be reached or can't write; what was counted stays counted.
    """
    async with session.begin() as connection:
        await institutions.show(connection, *await institutions.all_ids(connection))
        await counting.open_accounts(connection)
        waiting = await counting.waiting(connection)
    moved = 0
    for institution_id in waiting:
        moved += await _count_institution(session, institution_id, customers_at_once)
    return moved


async def _count_institution(session: Session, institution_id: int, most: int) -> int:
    """Go through the customers in order, so that no round meets what earlier ones removed, then begin anew."""
    total, after = 0, ""
    while True:
        counted = await session.retried(partial(_count_some, session, institution_id, after=after, most=most))
        total += counted.customers
        if counted.is_done:
            return total
        after = counted.last


async def _count_some(session: Session, institution_id: int, *, after: str, most: int) -> _Counted:
    async with session.begin(institution_id, steady=True) as connection:
        before = until = await counting.counted_until(connection, institution_id)
        moved = await counting.moved(connection, institution_id, after=after, most=most)
        moves = await counting.take_moves(connection, institution_id, moved)
        is_full = len(moved) >= most
        expired: list[str] = []
        is_done = False
        if not after and not is_full:
            until, expired, is_done = await counting.expired(connection, institution_id, since=before, most=most)
        concerned = sorted({*moved, *expired})
        consents = await counting.consents_of(connection, institution_id, concerned)
        changed = nothing()
        for customer_id in concerned:
            now = consents.get(customer_id, Counter())
            was = _before(now, moves, customer_id)
            changed.add(tally(now.elements(), until).minus(tally(was.elements(), before)))
        await counting.add(connection, institution_id, changed, until=until)
    return _Counted(customers=len(concerned), last=moved[-1] if is_full else "", is_done=is_done)


def _before(now: Counter[CountedConsent], moves: Moves, customer_id: str) -> Counter[CountedConsent]:
    """Move a customer's consents back to how they were counted."""
    was = Counter(now)
    was.subtract(moves.became.get(customer_id, Counter()))
    was.update(moves.no_longer.get(customer_id, Counter()))
    return was
