"""What is decided about staff without asking anybody."""

from datetime import UTC, datetime, timedelta

import pytest

from consentry.domain.staff import is_recent

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "recent"),
    [
        (timedelta(0), True),
        (timedelta(minutes=15), True),
        (timedelta(minutes=15, microseconds=1), False),
        (timedelta(hours=12), False),
    ],
)
def test_a_sign_in_is_recent_for_a_quarter_of_an_hour(age: timedelta, *, recent: bool) -> None:
    """R87."""
    assert is_recent(NOW - age, NOW) is recent


def test_a_sign_in_that_nobody_knows_of_is_not_recent() -> None:
    """R87."""
    assert not is_recent(None, NOW)
