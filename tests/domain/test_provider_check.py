"""What is found of an OpenID provider: what keeps customers from signing in fails, the rest is a warning."""

from typing import Any

import pytest

from consentry.domain.customer_provider import CustomerProvider
from consentry.domain.provider_check import Outcome, look_at_discovery, look_at_keys, look_at_refused_code, passed

ISSUER = "https://login.bank.example"
PROVIDER = CustomerProvider(
    discovery_url=f"{ISSUER}/.well-known/openid-configuration", endpoints=None, client_id="consentry"
)
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
    "response_types_supported": ["code"],
    "code_challenge_methods_supported": ["S256"],
    "id_token_signing_alg_values_supported": ["RS256", "HS256"],
}


def outcomes(document: dict[str, Any], provider: CustomerProvider = PROVIDER) -> dict[str, Outcome]:
    findings, _ = look_at_discovery(document, provider)
    return {finding.subject: finding.outcome for finding in findings if finding.outcome is not Outcome.FINE}


def test_a_good_provider_has_nothing_but_fine_findings_and_gives_its_endpoints() -> None:
    findings, endpoints = look_at_discovery(DOCUMENT, PROVIDER)
    assert passed(findings)
    assert outcomes(DOCUMENT) == {}
    assert endpoints is not None
    assert endpoints.token_endpoint == f"{ISSUER}/token"


@pytest.mark.parametrize(
    ("change", "subject", "outcome"),
    [
        ({"issuer": "https://evil.example"}, "Issuer", Outcome.FAILED),
        ({"issuer": ISSUER + "/"}, "Issuer", Outcome.FAILED),
        ({"token_endpoint": "http://login.bank.example/token"}, "Endpoints", Outcome.FAILED),
        ({"jwks_uri": None}, "Endpoints", Outcome.FAILED),
        ({"jwks_uri": ["https://login.bank.example/keys"]}, "Endpoints", Outcome.FAILED),
        ({"response_types_supported": ["id_token"]}, "Flow", Outcome.FAILED),
        ({"response_types_supported": "code"}, "Flow", Outcome.FAILED),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE", Outcome.WARNING),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "Client authentication", Outcome.FAILED),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "Signatures", Outcome.FAILED),
    ],
)
def test_what_is_not_as_it_should_be_is_found(change: dict[str, Any], subject: str, outcome: Outcome) -> None:
    assert outcomes(DOCUMENT | change) == {subject: outcome}


def test_a_claim_that_the_provider_does_not_list_is_worth_a_look() -> None:
    provider = CustomerProvider(PROVIDER.discovery_url, None, "consentry", user_id_claim="customer_number")
    assert outcomes(DOCUMENT, provider) == {"Customer's id": Outcome.WARNING}
    assert outcomes(DOCUMENT | {"claims_supported": ["customer_number"]}, provider) == {}


@pytest.mark.parametrize(
    ("keys", "outcome"),
    [
        ({"keys": [{"kty": "RSA", "use": "sig", "n": "…", "e": "AQAB"}]}, Outcome.FINE),
        ({"keys": [{"kty": "EC", "crv": "P-256"}, "junk"]}, Outcome.FINE),
        ({"keys": [{"kty": "RSA", "use": "enc"}]}, Outcome.FAILED),
        ({"keys": [{"kty": "RSA", "d": "private"}]}, Outcome.FAILED),
        ({"keys": [{"kty": "oct", "k": "secret"}]}, Outcome.FAILED),
        ({"keys": []}, Outcome.FAILED),
        ({"keys": {"kty": "RSA"}}, Outcome.FAILED),
        ({}, Outcome.FAILED),
    ],
)
def test_keys_are_public_and_for_signatures(keys: dict[str, Any], outcome: Outcome) -> None:
    assert look_at_keys(keys).outcome is outcome


@pytest.mark.parametrize(
    ("status", "error", "outcome"),
    [
        (400, "invalid_grant", Outcome.FINE),
        (401, "invalid_client", Outcome.FAILED),
        (400, "invalid_client", Outcome.FAILED),
        (401, None, Outcome.FAILED),
        (400, "unauthorized_client", Outcome.FAILED),
        (400, "invalid_request", Outcome.WARNING),
        (500, None, Outcome.WARNING),
        (200, None, Outcome.WARNING),
    ],
)
def test_the_refusal_of_a_wrong_code_tells_whether_the_client_is_known(
    status: int, error: str | None, outcome: Outcome
) -> None:
    assert look_at_refused_code(status, error).outcome is outcome
