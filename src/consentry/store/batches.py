"""Gathered work: what many requests ask at about the same time is done by one statement or transaction.

A request is answered when its batch is done, and for writes that is when it has committed. There is no timer: a batch
takes whatever is waiting when a slot is free, so that a lone request waits for nothing and a crowd shares round trips.
What a batch does is decided by whoever makes the gatherer.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from consentry.domain.refusal import Refusal
from consentry.domain.refusal.request import TemporarilyUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class Gatherer(Generic[Item, Result]):
    """Work of one kind, gathered.

    `work` takes the items of a batch and gives for each, in order, a result or a refusal. At most `slots` batches run
    at once, of at most `largest` items each; with more than `queue` items waiting, further ones are refused.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Refusal]]],
        *,
        slots: int,
        largest: int = 64,
        queue: int = 4096,
    ) -> None:
        self._work = work
        self._free = slots
        self._largest = largest
        self._queue = queue
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._dispatch_is_due = False

    async def submit(self, item: Item) -> Result:
        """Do one item's work in the next batch and give its result.

        Raises:
            Refusal: the item's own, or TemporarilyUnavailable for all when the store fails or too many wait.
        """
        if len(self._waiting) >= self._queue:
            raise TemporarilyUnavailable
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future))
        if self._free and not self._dispatch_is_due:
            # At the next turn of the loop, so that requests read in this turn go along.
            self._dispatch_is_due = True
            loop.call_soon(self._dispatch)
        return await future

    def _dispatch(self) -> None:
        self._dispatch_is_due = False
        while self._free and self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._largest, len(self._waiting)))]
            self._free -= 1
            task = asyncio.get_running_loop().create_task(self._run(batch))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            await self._settle(batch)
        finally:
            self._free += 1
            self._dispatch()

    async def _settle(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._work([item for item, _ in batch])
        except TemporarilyUnavailable as refusal:
            for _, future in batch:
                own = TemporarilyUnavailable(refusal.description)
                own.__cause__ = refusal.__cause__
                _give(future, own)
        except Exception as error:  # noqa: BLE001 - it reaches the request that caused it, below
            if len(batch) == 1:
                _give(batch[0][1], error)
            else:
                # One item's fault must not become the others': each is tried by itself.
                for entry in batch:
                    await self._settle([entry])
        else:
            for (_, future), result in zip(batch, results, strict=True):
                _give(future, result)


def _give(future: "asyncio.Future[Result]", result: Result | Exception) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
