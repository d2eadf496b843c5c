"""What is decided about staff without asking anybody."""

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.staff import check_email, check_reason, is_recent

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


@pytest.mark.parametrize("local", ["o'brien", "'t-hart", "ada+audit", "a.b_c-d", "ada!#$%&*/=?^`{|}~"])
def test_an_address_has_all_signs_that_need_no_quotes(local: str) -> None:
    """RFC 5322, section 3.2.3: an atom."""
    assert check_email(f" {local.upper()}@Bank.example ") == f"{local}@bank.example"


@pytest.mark.parametrize(
    "address",
    [
        "o brien@bank.example",
        '"o\'brien"@bank.example',
        "o\\'brien@bank.example",
        "<o'brien>@bank.example",
        "o'brien,eve@bank.example",
        "o'brien@bank.example;eve",
        "o'brien(eve)@bank.example",
        "o'brien\r\nBcc:eve@bank.example",
        "o'brien@eve@bank.example",
        "brien@o'bank.example",
        "o..brien@bank.example",
        ".brien@bank.example",
        "brien.@bank.example",
    ],
)
def test_what_would_act_in_a_header_is_no_address(address: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        check_email(address)
    assert refused.value.fields["email"] == "Give an e-mail address such as ada@bank.example."


@pytest.mark.parametrize("address", ["o\u2019brien@bank.example", "m\xfcller@bank.example", "ada@b\xe4nk.example"])
def test_of_letters_and_signs_that_no_address_has_it_is_said(address: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        check_email(address)
    assert "plain signs" in refused.value.fields["email"]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Lost\u200b card", "Lost card"),
        (" \u200b Lost \u200e card\ufeff", "Lost card"),
        ("Tele\xadphone", "Telephone"),
        ("Asked by \u202egnp.exe\u202c", "Asked by gnp.exe"),
        ("Couple \U0001f469\u200d\U0001f467", "Couple \U0001f469\U0001f467"),
        ("Lost\r\n\tcard", "Lost card"),
        ("a" * 500 + "\u200b", "a" * 500),
    ],
)
def test_what_nobody_sees_is_left_out_of_a_reason(typed: str, kept: str) -> None:
    assert check_reason(typed) == kept


@pytest.mark.parametrize("reason", ["", "  ", "no", "n\u200bo", "\u200b\xad\u2060\ufeff", "x" * 501])
def test_a_reason_is_neither_missing_nor_long(reason: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        check_reason(reason, field="why")
    assert refused.value.fields["why"].startswith("Give a reason of 3 to 500 characters")


@pytest.mark.parametrize(
    ("reason", "named"), [("Lost\x00card", "U+0000"), ("\x1b[31mLost", "U+001B"), ("Lost \ue000", "U+E000")]
)
def test_of_a_character_that_can_t_be_shown_it_is_said_which(reason: str, named: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        check_reason(reason)
    assert f"can't be shown ({named})" in refused.value.fields["reason"]
    assert "3 to 500" not in refused.value.fields["reason"]


@given(st.text(max_size=600))
def test_a_reason_is_one_line_of_what_can_be_seen(typed: str) -> None:
    try:
        kept = check_reason(typed)
    except InvalidSettings:
        return
    assert 3 <= len(kept) <= 500
    assert not any(unicodedata.category(character).startswith("C") for character in kept)
    assert check_reason(kept) == kept
