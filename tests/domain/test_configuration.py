"""What an institution may configure: addresses, lifetimes, providers; and what is refused, beside which field."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.domain.api_settings import ApiSettings, check_api_settings, public_origin
from consentry.domain.customer_provider import CustomerProvider, Endpoints, check_customer_provider, is_provider_url
from consentry.domain.refusal.institution import InvalidSettings

DAY = timedelta(days=1)
DISCOVERY = "https://login.bank.example/.well-known/openid-configuration"
PROVIDER = CustomerProvider(discovery_url=DISCOVERY, endpoints=None, client_id="consentry")


@pytest.mark.parametrize(
    ("written", "usual"),
    [
        ("https://consents.bank.example", "https://consents.bank.example"),
        (" https://Consents.Bank.Example/ ", "https://consents.bank.example"),
        ("https://consents.bank.example:443", "https://consents.bank.example"),
        ("https://consents.bank.example:8443/", "https://consents.bank.example:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_a_public_url_is_kept_in_its_usual_form(written: str, usual: str) -> None:
    assert public_origin(written) == usual
    assert public_origin(usual) == usual


@pytest.mark.parametrize(
    "written",
    [
        "",
        "consents.bank.example",
        "http://consents.bank.example",
        "ftp://consents.bank.example",
        "https://",
        "https://consents.bank.example/portal",
        "https://consents.bank.example?a=b",
        "https://consents.bank.example#a",
        "https://admin:secret@consents.bank.example",
        "https://consents.bank.example:0",
        "https://consents.bank.example:99999",
        "https://consents.bank.example:443:443",
        "https://consents_bank.example",
        "https://[::1]",
        "javascript:alert(1)",
        "https://consents.bank.example\\@evil.example",
    ],
)
def test_what_is_no_origin_is_no_public_url(written: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        public_origin(written)


@given(st.text(max_size=60))
def test_whatever_is_taken_as_a_public_url_is_an_origin(text: str) -> None:
    for candidate in (text, f"https://{text}"):
        try:
            origin = public_origin(candidate)
        except ValueError:
            continue
        assert public_origin(origin) == origin
        assert origin.isascii()
        assert origin.count("/") == 2
        assert not set(origin) & set("?#@\\ ")


def test_each_setting_out_of_bounds_has_its_own_sentence() -> None:
    wrong = ApiSettings(
        public_url="http://bank.example",
        access_token_lifetime=timedelta(minutes=10, seconds=1),
        refresh_token_lifetime=31 * DAY,
    )
    with pytest.raises(InvalidSettings) as refused:
        check_api_settings(wrong, secret_overlap=-DAY)
    assert set(refused.value.fields) == {
        "public_url",
        "access_token_lifetime",
        "refresh_token_lifetime",
        "secret_overlap",
    }
    assert all(sentence.endswith(".") for sentence in refused.value.fields.values())


def test_the_longest_lifetimes_are_the_defaults_and_may_be_set() -> None:
    assert check_api_settings(ApiSettings(), secret_overlap=30 * DAY) == ApiSettings()


@pytest.mark.parametrize(
    "address",
    [
        "http://login.bank.example/.well-known/openid-configuration",
        "https://user@login.bank.example/.well-known/openid-configuration",
        "https://login.bank.example/.well-known/openid-configuration#x",
        "https:///.well-known/openid-configuration",
        "https://login.bank.example:port/.well-known/openid-configuration",
        "https://login.bank.example/ .well-known/openid-configuration",
        "https://login.bank.example\\.evil.example/.well-known/openid-configuration",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_provider_is_reached_by_https_at_a_plain_address(address: str) -> None:
    assert not is_provider_url(address)
    with pytest.raises(InvalidSettings) as refused:
        check_customer_provider(replace(PROVIDER, discovery_url=address), secret="s", has_secret=False)
    assert set(refused.value.fields) == {"discovery_url"}


def test_a_discovery_url_names_the_document_itself() -> None:
    with pytest.raises(InvalidSettings) as refused:
        check_customer_provider(
            replace(PROVIDER, discovery_url="https://login.bank.example/"), secret="s", has_secret=False
        )
    assert "/.well-known/openid-configuration" in refused.value.fields["discovery_url"]


def test_single_endpoints_are_checked_one_by_one() -> None:
    endpoints = Endpoints("https://login.bank.example", "https://login.bank.example/authorize", "nonsense", "")
    provider = CustomerProvider(discovery_url=None, endpoints=endpoints, client_id="a b", user_id_claim="a b")
    with pytest.raises(InvalidSettings) as refused:
        check_customer_provider(provider, secret=None, has_secret=False)
    assert set(refused.value.fields) == {"token_endpoint", "jwks_uri", "client_id", "client_secret", "user_id_claim"}


def test_a_secret_that_is_there_need_not_be_given_again() -> None:
    check_customer_provider(PROVIDER, secret=None, has_secret=True)
