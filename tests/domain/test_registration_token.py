"""Registration tokens: their form, what is stored of them, and which of them live on when one is replaced."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.domain.credential import is_secret, mac_of
from consentry.domain.refusal.institution import ChangedMeanwhile, InvalidSettings
from consentry.domain.registration_token import (
    RegistrationToken,
    check_token_overlap,
    is_registration_token,
    new_registration_token,
    registration_display,
    registration_mac_of,
    rotate_token,
)
from consentry.domain.staff_secret import StaffSecret, is_staff_secret

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY, AT_ONCE = timedelta(hours=24), timedelta(0)


def stored(number: int, *, expires_at: datetime | None = None) -> RegistrationToken:
    return RegistrationToken(
        number=number, mac=b"", pepper_id="p", display="d", created_at=NOW - DAY, expires_at=expires_at
    )


@given(st.integers(0, 50), st.sampled_from("0aZ_"))
def test_a_token_is_told_from_every_other_text_offline(place: int, instead: str) -> None:
    """R42: 166 random bits, a prefix of its own, and a checksum."""
    token = new_registration_token(secrets.choice)
    assert token.startswith("cns_registration_")
    assert len(token) == len("cns_registration_") + 34
    assert is_registration_token(token)
    damaged = token[:place] + instead + token[place + 1 :]
    assert is_registration_token(damaged) is (damaged == token)
    assert not is_secret(token)
    assert not is_staff_secret(token, StaffSecret.SESSION)


def test_what_is_stored_opens_nothing_else_and_what_is_shown_opens_nothing() -> None:
    """R43, R54: the purpose is in the hash."""
    token = new_registration_token(secrets.choice)
    assert registration_mac_of(token, b"pepper") != mac_of(token, b"pepper")
    assert registration_mac_of(token, b"pepper") != registration_mac_of(token, b"another")
    assert registration_display(token) == f"cns_registration_…{token[-4:]}"
    assert not is_registration_token(registration_display(token))


def test_the_first_token_has_none_before_it() -> None:
    rotation = rotate_token([], newest_seen=0, overlap=DAY, now=NOW)
    assert (rotation.number, rotation.ends, rotation.previous_ends_at) == (1, (), None)


def test_the_newest_lives_on_for_the_overlap_and_older_ones_end_at_once() -> None:
    """R45: at most two are live."""
    tokens = [stored(3), stored(2, expires_at=NOW + timedelta(hours=3)), stored(1, expires_at=NOW - DAY)]
    rotation = rotate_token(tokens, newest_seen=3, overlap=DAY, now=NOW)
    assert rotation.number == 4
    assert dict(rotation.ends) == {3: NOW + DAY, 2: NOW}
    assert rotation.previous_ends_at == NOW + DAY


def test_at_once_leaves_the_new_one_alone() -> None:
    tokens = [stored(2), stored(1, expires_at=NOW + DAY)]
    rotation = rotate_token(tokens, newest_seen=2, overlap=AT_ONCE, now=NOW)
    assert dict(rotation.ends) == {2: NOW, 1: NOW}
    assert rotation.previous_ends_at is None


def test_a_decision_about_another_token_is_refused() -> None:
    for seen in (0, 1, 3):
        with pytest.raises(ChangedMeanwhile):
            rotate_token([stored(2)], newest_seen=seen, overlap=DAY, now=NOW)


def test_a_token_that_had_ended_is_not_revived() -> None:
    rotation = rotate_token([stored(1, expires_at=NOW)], newest_seen=1, overlap=DAY, now=NOW)
    assert (rotation.ends, rotation.previous_ends_at) == ((), None)


@pytest.mark.parametrize("overlap", [timedelta(hours=1), timedelta(days=30), timedelta(seconds=-1)])
def test_no_other_overlap_can_be_chosen(overlap: timedelta) -> None:
    with pytest.raises(InvalidSettings):
        check_token_overlap(overlap)
