"""A small checker of linearizability: did one object behave as if every operation had happened at one moment?

It searches for an order of the operations that respects real time and a sequential model, as Wing and Gong described
it, and remembers what it has tried (Lowe's improvement). Histories are checked object by object, which is enough:
linearizability is a local property. What is asked and how it is modelled is left to the tests.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Asked = TypeVar("Asked", bound=Hashable)
Answered = TypeVar("Answered", bound=Hashable)
State = TypeVar("State", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Operation(Generic[Asked, Answered]):
    """One operation: what was asked and answered, between two moments of one clock.

    Without an answer (`ended` and `answered` None) it may have happened at any time after its call, or never.
    """

    called: float
    ended: float | None
    asked: Asked
    answered: Answered | None

    @property
    def is_unknown(self) -> bool:
        """Tell whether nobody knows what came of it."""
        return self.ended is None


Model = Callable[[State, Asked, Answered | None], Iterable[State]]
"""From a state, what was asked and what was answered to the states that may follow; none: it can't be. For an answer
that is not known (None), to all states that the operation could have led to."""


@dataclass(frozen=True, slots=True)
class Violation(Generic[Asked, Answered]):
    """No order explains the history; `placed` of its operations could be, and none of `next_ones` after them."""

    placed: int
    next_ones: tuple[Operation[Asked, Answered], ...]

    def __str__(self) -> str:
        lines = [f"no order explains more than {self.placed} operations; after them none of these can come:"]
        lines += [f"  {o.called:.6f} to {o.ended}: {o.asked} answered {o.answered}" for o in self.next_ones]
        return "\n".join(lines)


class TooHardError(Exception):
    """The history has too many operations at once to be checked."""


def check(
    history: Iterable[Operation[Asked, Answered]],
    *,
    initial: State,
    model: Model[State, Asked, Answered],
    most_steps: int = 2_000_000,
) -> Violation[Asked, Answered] | None:
    """Give None if some order explains the history of one object, else where the search got stuck.

    Raises:
        TooHardError: no answer within `most_steps` steps.
    """
    return _Search(history, model, most_steps).run(initial)


class _Search(Generic[State, Asked, Answered]):
    """Depth first, with the operations as bits of a number: those that are placed already."""

    def __init__(
        self, history: Iterable[Operation[Asked, Answered]], model: Model[State, Asked, Answered], most_steps: int
    ) -> None:
        self._operations = sorted(history, key=lambda operation: operation.called)
        self._model = model
        self._steps_left = most_steps
        self._must = sum(1 << n for n, operation in enumerate(self._operations) if not operation.is_unknown)
        self._deepest = -1
        self._stuck: tuple[Operation[Asked, Answered], ...] = ()

    def run(self, initial: State) -> Violation[Asked, Answered] | None:
        """Search from the initial state."""
        tried: set[tuple[int, State]] = set()
        waiting: list[tuple[int, State]] = [(0, initial)]
        while waiting:
            placed, state = waiting.pop()
            if placed & self._must == self._must:
                return None
            if (placed, state) in tried:
                continue
            tried.add((placed, state))
            self._steps_left -= 1
            if self._steps_left < 0:
                raise TooHardError
            candidates = self._candidates(placed)
            self._remember(placed, candidates)
            # Pushed in reverse: what was called first is tried first, which is right most of the time.
            waiting.extend(reversed(self._followers(placed, state, candidates)))
        return Violation(placed=max(self._deepest, 0), next_ones=self._stuck)

    def _candidates(self, placed: int) -> list[int]:
        """Give the operations that may come next: those called before every other open one had ended."""
        found = []
        first_end = float("inf")
        for number, operation in enumerate(self._operations):
            if placed >> number & 1:
                continue
            if operation.called > first_end:
                break
            found.append(number)
            if operation.ended is not None:
                first_end = min(first_end, operation.ended)
        return found

    def _followers(self, placed: int, state: State, candidates: Sequence[int]) -> list[tuple[int, State]]:
        certain, possible = [], []
        tried: set[Asked] = set()
        for number in candidates:
            operation = self._operations[number]
            if not operation.is_unknown:
                states = self._model(state, operation.asked, operation.answered)
                certain += [(placed | 1 << number, after) for after in states]
            elif operation.asked not in tried:
                # Of equal unknown ones the first stands for all, and one that changes nothing need not have happened.
                tried.add(operation.asked)
                states = self._model(state, operation.asked, None)
                possible += [(placed | 1 << number, after) for after in states if after != state]
        return certain + possible

    def _remember(self, placed: int, candidates: Sequence[int]) -> None:
        depth = (placed & self._must).bit_count()
        if depth > self._deepest:
            self._deepest = depth
            self._stuck = tuple(self._operations[number] for number in candidates)
