"""The checker of linearizability itself, on histories that are known to be good or bad."""

from collections.abc import Iterable
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.linearizability import Operation, TooHardError, check

Asked = tuple[str, int]
Register = Operation[Asked, int]


def register(state: int, asked: Asked, answered: int | None) -> Iterable[int]:
    """Model one number: `read` answers it, `write` sets it, `add` adds and answers the sum."""
    kind, value = asked
    match kind:
        case "read":
            return [state] if answered in (state, None) else []
        case "write":
            return [value]
        case _:
            return [state + value] if answered in (state + value, None) else []


def write(value: int, called: float, ended: float | None) -> Register:
    return Operation(called, ended, ("write", value), None if ended is None else value)


def read(value: int, called: float, ended: float) -> Register:
    return Operation(called, ended, ("read", 0), value)


def add(value: int, total: int, called: float, ended: float | None) -> Register:
    return Operation(called, ended, ("add", value), None if ended is None else total)


def is_fine(*history: Register) -> bool:
    return check(history, initial=0, model=register) is None


def test_what_happened_one_after_the_other_is_fine() -> None:
    assert is_fine()
    assert is_fine(read(0, 0, 1), write(1, 2, 3), read(1, 4, 5), write(2, 6, 7), read(2, 8, 9))


def test_what_overlaps_may_come_in_either_order() -> None:
    assert is_fine(write(1, 0, 10), write(2, 0, 10), read(1, 11, 12))
    assert is_fine(write(1, 0, 10), write(2, 0, 10), read(2, 11, 12))
    assert is_fine(write(1, 0, 10), read(0, 1, 2), read(1, 3, 4))


def test_a_stale_read_is_found() -> None:
    assert not is_fine(write(1, 0, 1), read(0, 2, 3))


def test_a_value_that_goes_back_is_found() -> None:
    assert not is_fine(write(1, 0, 10), read(1, 1, 2), read(0, 3, 4))


def test_two_orders_at_once_are_found() -> None:
    assert not is_fine(write(1, 0, 10), write(2, 0, 10), read(1, 11, 12), read(2, 13, 14))
    assert not is_fine(write(1, 0, 10), write(2, 0, 10), read(1, 1, 2), read(2, 3, 4), read(1, 5, 6))


def test_a_lost_update_is_found() -> None:
    assert not is_fine(add(1, 1, 0, 10), add(1, 1, 0, 10))
    assert is_fine(add(1, 1, 0, 10), add(1, 2, 0, 10))


def test_a_value_out_of_nowhere_is_found() -> None:
    assert not is_fine(write(1, 0, 1), read(7, 2, 3))


def test_what_was_not_answered_may_have_happened_or_not_at_any_time() -> None:
    assert is_fine(write(1, 0, None), read(0, 1, 2))
    assert is_fine(write(1, 0, None), read(1, 1, 2))
    assert is_fine(write(1, 0, None), read(0, 1, 2), read(1, 3, 4))
    assert is_fine(write(1, 0, None), write(2, 1, 2), read(1, 3, 4))


def test_what_was_not_answered_happened_at_most_once_and_is_not_undone() -> None:
    assert not is_fine(write(1, 0, None), read(1, 1, 2), read(0, 3, 4))
    assert not is_fine(add(1, 1, 0, None), add(1, 3, 1, 2))
    assert is_fine(add(1, 1, 0, None), add(1, 1, 0, None), add(1, 3, 1, 2))


def test_what_was_not_answered_cannot_have_happened_before_it_was_asked() -> None:
    assert not is_fine(read(1, 0, 1), write(1, 2, None))


def test_the_place_where_it_gets_stuck_is_told() -> None:
    violation = check([write(1, 0, 1), read(1, 2, 3), read(0, 4, 5)], initial=0, model=register)
    assert violation is not None
    assert violation.placed == 2
    assert [operation.called for operation in violation.next_ones] == [4]
    assert "read" in str(violation)


def test_a_history_that_is_too_hard_is_no_verdict() -> None:
    crowd = [write(number, 0, 100) for number in range(24)]
    with pytest.raises(TooHardError):
        check([*crowd, read(99, 101, 102)], initial=0, model=register, most_steps=1000)


steps = st.tuples(st.sampled_from(["read", "write", "add"]), st.integers(1, 3), st.integers(0, 8), st.integers(1, 6))


@given(st.lists(steps, max_size=5), st.lists(st.integers(0, 6), min_size=5, max_size=5))
def test_it_agrees_with_trying_every_order(drawn: list[tuple[str, int, int, int]], answers: list[int]) -> None:
    history = [
        Operation(called, called + length, (kind, value), answer)
        for (kind, value, called, length), answer in zip(drawn, answers, strict=False)
    ]
    assert (check(history, initial=0, model=register) is None) is _some_order_explains(history)


def _some_order_explains(history: list[Register]) -> bool:
    return any(_explains(order) for order in permutations(history))


def _explains(order: tuple[Register, ...]) -> bool:
    state = 0
    for place, operation in enumerate(order):
        if any((later.ended or 0) < operation.called for later in order[place + 1 :]):
            return False
        states = list(register(state, operation.asked, operation.answered))
        if not states:
            return False
        (state,) = states
    return True
