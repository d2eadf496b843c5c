"""What must hold of an OpenID provider before customers can sign in there: findings, each with a sentence.

Owns what is concluded from the provider's documents (OpenID Connect Discovery 1.0, RFC 8414, RFC 7517); leaves how they
are fetched to the use cases.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from consentry.domain.customer_provider import DISCOVERY_PATH, CustomerProvider, Endpoints, is_provider_url

_ALGORITHMS: Final = frozenset(
    {"RS256", "PS256", "ES256", "ES384", "ES512", "PS384", "PS512", "RS384", "RS512", "EdDSA"}
)
_KEY_TYPES: Final = frozenset({"RSA", "EC", "OKP"})
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MOST_KEYS: Final = 100


class Outcome(StrEnum):
    """How a check went: a warning is worth a look and keeps nobody from signing in."""

    FINE = "fine"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, how it is, and what to do where it is not as it should be."""

    subject: str
    outcome: Outcome
    sentence: str


def fine(subject: str, sentence: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(subject, Outcome.FINE, sentence)


def warning(subject: str, sentence: str) -> Finding:
    """Say that something is worth a look."""
    return Finding(subject, Outcome.WARNING, sentence)


def failed(subject: str, sentence: str) -> Finding:
    """Say that something keeps customers from signing in."""
    return Finding(subject, Outcome.FAILED, sentence)


def passed(findings: Sequence[Finding]) -> bool:
    """Tell whether customers can sign in, as far as the findings go."""
    return all(finding.outcome is not Outcome.FAILED for finding in findings)


def look_at_discovery(
    document: Mapping[str, object], provider: CustomerProvider
) -> tuple[list[Finding], Endpoints | None]:
    """Look at a discovery document; give what was found, and the endpoints it names if all are there."""
    issuer = document.get("issuer")
    expected = (provider.discovery_url or "").removesuffix(DISCOVERY_PATH)
    findings = [
        fine("Issuer", f"The issuer is {expected}.")
        if issuer == expected
        else failed("Issuer", f"The document names another issuer than {expected}; check the discovery URL.")
    ]
    addresses = {
        name: value if isinstance(value := document.get(name), str) and is_provider_url(value) else None
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
    }
    missing = [name for name, address in addresses.items() if address is None]
    if missing:
        findings.append(failed("Endpoints", f"The document names no usable {', '.join(missing)}."))
        return findings, None
    findings.append(fine("Endpoints", "The document names all endpoints, at https addresses."))
    findings += [_flow(document), _pkce(document), _client_authentication(document), _algorithms(document)]
    findings.append(_claim(document, provider.user_id_claim))
    return findings, Endpoints(
        issuer=expected,
        authorization_endpoint=addresses["authorization_endpoint"] or "",
        token_endpoint=addresses["token_endpoint"] or "",
        jwks_uri=addresses["jwks_uri"] or "",
    )


def look_at_keys(document: Mapping[str, object]) -> Finding:
    """Look at a provider's set of keys (RFC 7517, section 5)."""
    keys = document.get("keys")
    if not isinstance(keys, list) or not 0 < len(keys) <= _MOST_KEYS:
        return failed("Keys", "The address of the keys gives no set of keys.")
    members = [key for key in keys if isinstance(key, dict)]
    if any(_PRIVATE_MEMBERS & key.keys() for key in members):
        return failed(
            "Keys", "The provider publishes private keys: anybody can sign as it. Tell its operators at once."
        )
    usable = [key for key in members if key.get("kty") in _KEY_TYPES and key.get("use", "sig") == "sig"]
    if not usable:
        return failed("Keys", "None of the provider's keys is for signatures.")
    return fine("Keys", f"The provider publishes {len(usable)} {'key' if len(usable) == 1 else 'keys'} for signatures.")


def look_at_refused_code(status: int, error: object) -> Finding:
    """Look at how the token endpoint refused a code that nobody issued (RFC 6749, section 5.2)."""
    if error == "invalid_client" or status == 401:
        return failed("Client", "The provider does not accept the client id and secret; check both.")
    if error == "invalid_grant":
        return fine("Client", "The provider accepts the client id and secret.")
    if error == "unauthorized_client":
        return failed(
            "Client", "The provider lets this client use no authorization codes; change that at the provider."
        )
    return warning(
        "Client",
        "The provider's answer does not tell whether it accepts the client id and secret; sign in once to see.",
    )


def _flow(document: Mapping[str, object]) -> Finding:
    if "code" in _strings(document, "response_types_supported"):
        return fine("Flow", "The provider supports the authorization code flow.")
    return failed("Flow", "The provider does not offer the response type code; enable the authorization code flow.")


def _pkce(document: Mapping[str, object]) -> Finding:
    if "S256" in _strings(document, "code_challenge_methods_supported"):
        return fine("PKCE", "The provider supports PKCE with S256.")
    return warning("PKCE", "The provider does not say that it supports PKCE with S256; it is sent all the same.")


def _client_authentication(document: Mapping[str, object]) -> Finding:
    methods = _strings(document, "token_endpoint_auth_methods_supported") or ("client_secret_basic",)
    if "client_secret_basic" in methods:
        return fine("Client authentication", "The provider takes the client secret by HTTP Basic.")
    return failed(
        "Client authentication", "The provider does not take the client secret by HTTP Basic; allow it there."
    )


def _algorithms(document: Mapping[str, object]) -> Finding:
    usable = sorted(_ALGORITHMS.intersection(_strings(document, "id_token_signing_alg_values_supported")))
    if usable:
        return fine("Signatures", f"The provider signs ID tokens with {', '.join(usable[:4])}.")
    return failed("Signatures", "The provider names no asymmetric algorithm for ID tokens, such as RS256 or ES256.")


def _claim(document: Mapping[str, object], claim: str) -> Finding:
    if claim == "sub" or claim in _strings(document, "claims_supported"):
        return fine("Customer's id", f"The claim {claim} holds a customer's openid_connect_user_id.")
    return warning(
        "Customer's id", f"The provider does not list the claim {claim}; make sure that its ID tokens have it."
    )


def _strings(document: Mapping[str, object], member: str) -> tuple[str, ...]:
    value = document.get(member)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
