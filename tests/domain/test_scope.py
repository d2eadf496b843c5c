"""Scopes: exactly one customer, whose id may hold anything visible."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.domain.refusal.request import InvalidScope
from consentry.domain.scope import customer_of

visible = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=255)


@given(visible)
def test_any_visible_ascii_id_is_a_customer(customer_id: str) -> None:
    assert customer_of(f"customer.modify_consent:{customer_id}") == customer_id


def test_the_first_colon_divides() -> None:
    assert customer_of("customer.modify_consent:urn:bank:7") == "urn:bank:7"


@pytest.mark.parametrize(
    "scopes",
    [
        "",
        "customer.modify_consent",
        "customer.modify_consent:",
        "customer.modify_consent:a b",
        "customer.modify_consent:a\n",
        "customer.modify_consent:é",
        "customer.modify_consent:" + "x" * 256,
        "customer.read_consent:a",
        " customer.modify_consent:a",
        "Customer.modify_consent:a",
        ":a",
    ],
)
def test_other_scopes_are_refused(scopes: str) -> None:
    with pytest.raises(InvalidScope):
        customer_of(scopes)
