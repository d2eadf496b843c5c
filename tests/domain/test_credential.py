"""Secrets and their rotation (R42 to R45)."""

import re
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.domain.credential import (
    SECRET_PATTERN,
    Credentials,
    NewSecret,
    Rotation,
    Secret,
    display_form,
    is_secret,
    mac_of,
    masked,
    new_client_id,
    new_secret,
    rotate,
)
from consentry.domain.refusal.request import InvalidClient, SupersededSecret

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
FRESH = NewSecret(mac=b"new", pepper_id="p", display="cns_secret_…wxyz")


def secret(number: int, **members: object) -> Secret:
    return replace(
        Secret(number=number, mac=b"m", pepper_id="p", display="d", created_at=NOW - DAY),
        **members,  # type: ignore[arg-type]
    )


def credentials(*kept: Secret) -> Credentials:
    return Credentials(
        institution_id=1, name="consent_management", client_id="c", created_at=NOW - DAY, secrets=tuple(kept)
    )


def rotated(before: Credentials, by: Secret | None, *, overlap: timedelta = DAY) -> tuple[Rotation, Credentials]:
    rotation = rotate(before, presented=by, new=FRESH, overlap=overlap, now=NOW)
    ended = {one.number: one for one in rotation.ended}
    kept = (rotation.new, *(ended.get(one.number, one) for one in before.secrets))
    return rotation, replace(before, secrets=kept)


def test_a_secret_is_known_by_its_form_and_checksum() -> None:
    """R42."""
    for _ in range(200):
        made = new_secret(secrets.choice)
        assert is_secret(made)
        assert re.fullmatch(SECRET_PATTERN, made)
        assert len(made) == len("cns_secret_") + 34


@given(st.integers(min_value=0, max_value=44), st.characters())
def test_any_changed_character_breaks_a_secret(place: int, character: str) -> None:
    """R42."""
    made = new_secret(secrets.choice)
    changed = made[:place] + character + made[place + 1 :]
    assert is_secret(changed) == (changed == made)


@given(st.text(alphabet="0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/=_-", max_size=80))
def test_look_alikes_are_no_secrets(text: str) -> None:
    """R42."""
    assert not is_secret(text)
    assert not is_secret("cns_secret_" + "A" * 34)


def test_what_is_shown_of_a_secret_gives_four_characters_away() -> None:
    made = new_secret(secrets.choice)
    assert display_form(made) == f"cns_secret_…{made[-4:]}"


def test_the_keyed_hash_depends_on_the_pepper() -> None:
    """R43."""
    assert mac_of("s", b"1" * 32) != mac_of("s", b"2" * 32)
    assert len(mac_of("s", b"1" * 32)) == 32


def test_client_ids_are_assigned_and_never_repeat() -> None:
    assert len({new_client_id(secrets.choice) for _ in range(1000)}) == 1000


def test_rotation_keeps_the_previous_secret_for_the_overlap() -> None:
    """R45."""
    only = secret(1, first_used_at=NOW)
    rotation, after = rotated(credentials(only), only)
    assert rotation.new.number == 2
    assert rotation.previous_ends_at == NOW + DAY
    assert [one.number for one in after.live_secrets(NOW)] == [2, 1]
    assert [one.number for one in after.live_secrets(NOW + DAY)] == [2]


def test_rotation_at_once_leaves_one_live_secret() -> None:
    rotation, after = rotated(credentials(secret(1)), None, overlap=timedelta(0))
    assert [one.number for one in after.live_secrets(NOW)] == [2]
    assert rotation.previous_ends_at == NOW


def test_a_second_rotation_within_the_overlap_leaves_two_live_secrets() -> None:
    newest = secret(2, first_used_at=NOW)
    rotation, after = rotated(credentials(newest, secret(1, expires_at=NOW + DAY)), newest)
    assert [one.number for one in after.live_secrets(NOW)] == [3, 2]
    assert rotation.previous_ends_at == NOW + DAY


def test_the_previous_secret_does_not_rotate_once_the_newest_was_used() -> None:
    previous = secret(1, expires_at=NOW + DAY)
    with pytest.raises(SupersededSecret):
        rotated(credentials(secret(2, first_used_at=NOW), previous), previous)


def test_the_previous_secret_replaces_a_newest_one_whose_answer_was_lost_but_only_once() -> None:
    previous = secret(1, expires_at=NOW + DAY / 2)
    rotation, after = rotated(credentials(secret(2), previous), previous)
    assert [one.number for one in after.live_secrets(NOW)] == [3, 1]
    assert rotation.previous_ends_at == NOW + DAY / 2, "its own end stays as it was"
    with pytest.raises(SupersededSecret):
        rotated(after, after.secrets[2])


def test_a_dead_secret_rotates_nothing() -> None:
    dead = secret(1, expires_at=NOW)
    with pytest.raises(InvalidClient):
        rotated(credentials(secret(2), dead), dead)


def test_after_a_leak_an_operator_makes_a_new_secret_and_nothing_else_lives() -> None:
    rotation, after = rotated(credentials(secret(2, expires_at=NOW), secret(1, expires_at=NOW - DAY)), None)
    assert [one.number for one in after.live_secrets(NOW)] == [3]
    assert rotation.previous_ends_at is None


@given(st.lists(st.tuples(st.sampled_from(["newest", "previous", "operator"]), st.booleans()), max_size=12))
def test_at_most_two_secrets_ever_live(steps: list[tuple[str, bool]]) -> None:
    state = credentials(secret(1))
    for who, used in steps:
        live = state.live_secrets(NOW)
        if used:
            state = replace(state, secrets=(replace(state.secrets[0], first_used_at=NOW), *state.secrets[1:]))
            live = state.live_secrets(NOW)
        by = {"newest": live[0], "previous": live[-1], "operator": None}[who]
        try:
            _, state = rotated(state, by)
        except SupersededSecret:
            assert who == "previous"
        assert len(state.live_secrets(NOW)) <= 2
        assert state.live_secrets(NOW)[0].number == state.secrets[0].number


def test_a_secret_in_a_text_is_masked_even_a_damaged_one() -> None:
    """R137: whoever confuses client id and secret must not find the secret in clear among the failed sign-ins."""
    made = new_secret(secrets.choice)
    for text in (made, made[:-1], f"id {made}, again {made}", made + "x"):
        shown = masked(text)
        assert made[:-5] not in shown
        assert shown.count("cns_secret_…") == text.count("cns_secret_")
    assert masked("X4PrXvANacvlqd2prFGeSh") == "X4PrXvANacvlqd2prFGeSh"
