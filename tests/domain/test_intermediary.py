"""What can be set for an intermediary, and what a form is told that can't be."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.domain.intermediary import (
    MOST_NETWORKS,
    Approval,
    Contact,
    Period,
    RequestLimit,
    TypedSettings,
    check_intermediary_id,
    check_settings,
)
from consentry.domain.refusal.institution import InvalidSettings

FINE = TypedSettings(name="Aggregator", approval="by_hand")


def problems(**typed: object) -> dict[str, str]:
    with pytest.raises(InvalidSettings) as refusal:
        check_settings(replace(FINE, **typed))  # type: ignore[arg-type]  # by the names of its fields
    return refusal.value.fields


def test_what_fits_is_taken_in_its_usual_form() -> None:
    settings = check_settings(
        TypedSettings(
            name="  Aggregator   One ",
            logo_url=" https://agg.example/logo.png ",
            contacts=(Contact("Ada", "Security", "Ada@Agg.example", "+1 555 010 0199"), Contact("", " ", "", "")),
            request_limit="600",
            request_period="minute",
            networks="\n203.0.113.7\n 2001:DB8:0::/32 \r\n203.0.113.7/32\n",
            approval="automatic",
        )
    )
    assert settings.name == "Aggregator One"
    assert settings.logo_url == "https://agg.example/logo.png"
    assert [contact.name for contact in settings.contacts] == ["Ada"]
    assert settings.limit == RequestLimit(600, Period.MINUTE)
    assert settings.allowed_networks == ("203.0.113.7/32", "2001:db8::/32")
    assert settings.approval is Approval.AUTOMATIC
    plain = check_settings(FINE)
    assert (plain.logo_url, plain.limit, plain.allowed_networks, plain.contacts) == (None, None, (), ())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("203.0.113.0/24/1", "is no network"),
        ("203.0.113.1/24", "write 203.0.113.0/24"),
        ("2001:db8::1/32", "write 2001:db8::/32"),
        ("0177.0.0.1", "is no network"),
        ("2130706433", "is no network"),
        ("agg.example", "is no network"),
        ("203.0.113.0-203.0.113.9", "is no network"),
        ("fe80::1%eth0/64", "is no network"),
        ("203.0.113.0/33", "is no network"),
    ],
)
def test_the_line_in_fault_is_named(line: str, said: str) -> None:
    told = problems(networks=f"198.51.100.0/24\n\n{line}\n")["networks"]
    assert told.startswith(f'Line 3: "{line}" ')
    assert said in told


def test_there_is_an_end_to_networks_and_contacts() -> None:
    many = "\n".join(f"198.51.{n // 256}.{n % 256}" for n in range(MOST_NETWORKS + 1))
    assert set(problems(networks=many)) == {"networks"}
    assert set(problems(contacts=tuple(Contact(f"Name {n}") for n in range(11)))) == {"contacts"}


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"logo_url": "http://agg.example/"}, "logo_url"),
        ({"logo_url": "javascript:alert(1)"}, "logo_url"),
        ({"request_limit": "0", "request_period": "day"}, "request_limit"),
        ({"request_limit": "-5", "request_period": "day"}, "request_limit"),
        ({"request_limit": "1.5", "request_period": "day"}, "request_limit"),
        ({"request_limit": "\u0661", "request_period": "day"}, "request_limit"),
        ({"request_limit": "1" * 11, "request_period": "day"}, "request_limit"),
        ({"request_limit": "5"}, "request_period"),
        ({"request_limit": "5", "request_period": "week"}, "request_period"),
        ({"request_period": "day"}, "request_limit"),
        ({"approval": ""}, "approval"),
        ({"approval": "never"}, "approval"),
        ({"contacts": (Contact("", email="ada@agg.example"),)}, "contact_1_name"),
        ({"contacts": (Contact("A"), Contact("B", email="no address"))}, "contact_2_email"),
        ({"contacts": (Contact("A", phone="call me"),)}, "contact_1_phone"),
        ({"contacts": (Contact("A", role="x" * 101),)}, "contact_1_role"),
    ],
)
def test_what_does_not_fit_is_told_beside_its_field(typed: dict[str, object], field: str) -> None:
    assert set(problems(**typed)) == {field}


@pytest.mark.parametrize("text", ["", "a b", "ä", "x" * 256, "a\x00"])
def test_an_id_is_visible(text: str) -> None:
    with pytest.raises(InvalidSettings):
        check_intermediary_id(text)


@given(st.text(max_size=60), st.text(max_size=20))
def test_nothing_typed_breaks_the_check(networks: str, limit: str) -> None:
    with contextlib.suppress(InvalidSettings):
        check_settings(replace(FINE, networks=networks, request_limit=limit, request_period="hour"))
