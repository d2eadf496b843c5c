"""What is decided about staff without asking anybody."""

from datetime import UTC, datetime, timedelta

import pytest

from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.staff import check_email, is_recent

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
