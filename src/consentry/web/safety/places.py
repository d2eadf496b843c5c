"""Work that takes a processor for a while: so much of it at once in a process, and so much of it for one who asks."""

import contextlib
from collections import Counter
from collections.abc import Iterator

from consentry.domain.refusal.staff import EvidenceBusy


class EvidencePlaces:
    """Places for those who have evidence gathered; nobody waits for one, so that other requests find a thread."""

    def __init__(self, *, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._taken: Counter[str] = Counter()

    @contextlib.contextmanager
    def taken(self, who: str) -> Iterator[None]:
        """Hold a place for as long as the block lasts.

        Raises:
            EvidenceBusy: all places are taken, or as many by this one as one may have.
        """
        if self._taken.total() >= self._most or self._taken[who] >= self._most_each:
            raise EvidenceBusy
        self._taken[who] += 1
        try:
            yield
        finally:
            self._taken[who] -= 1
            self._taken += Counter()  # forgets who has none
