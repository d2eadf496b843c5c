"""Sign-in at somebody's OpenID provider: what is asked of it, and what is believed of its answers and its sign-outs.

The code flow of OpenID Connect Core 1.0 with PKCE (RFC 7636), `state`, `nonce`, and `iss` where the provider says that
it sends one (RFC 9207). Who a person is here, and whether they may come in, is decided by the use cases; where `state`
is kept between the two requests, too.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote_plus

import msgspec

from consentry import jose
from consentry.connectors.outbound import Outbound
from consentry.domain.customer_provider import DISCOVERY_PATH
from consentry.domain.refusal.provider import AddressSilent, ProviderUnusable, SignInFailed
from consentry.domain.refusal.request import InvalidRequest

SCOPE: Final = "openid email profile"
_LONGEST_SUBJECT: Final = 255
_LONGEST_EMAIL: Final = 254


class ProviderMetadata(msgspec.Struct, frozen=True):
    """What a provider says of itself (OpenID Connect Discovery 1.0, section 3), as far as it matters here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    authorization_response_iss_parameter_supported: bool = False
    backchannel_logout_supported: bool = False
    code_challenge_methods_supported: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class OpenIdClient:
    """A provider, and this installation's registration there."""

    metadata: ProviderMetadata
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """What binds an answer to the request and the browser it belongs to: three fresh random texts, and its time.

    `begun_at` is in seconds since 1970; the person may have signed in at the provider `max_age` seconds before.
    """

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    begun_at: int
    max_age: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in, and when: known for good by `issuer` and `subject`; the rest is what the provider says today.

    `sid` is the session at the provider, where it names it.
    """

    issuer: str
    subject: str
    authenticated_at: datetime
    sid: str | None
    email: str | None
    email_verified: bool
    name: str | None


@dataclass(frozen=True, slots=True)
class Logout:
    """That somebody was signed out at the provider: `subject`, or the session `sid` there, or both; known by `jti`."""

    issuer: str
    subject: str | None
    sid: str | None
    jti: str


class _TokenAnswer(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str
    token_type: str


_read_metadata: Final = msgspec.json.Decoder(ProviderMetadata).decode
_read_tokens: Final = msgspec.json.Decoder(_TokenAnswer).decode


def discovery_address(address: str) -> str:
    """Give a provider's discovery address, of that or of its issuer's address without `/.well-known/...`."""
    return address if address.endswith(DISCOVERY_PATH) else address.rstrip("/") + DISCOVERY_PATH


async def discover(outbound: Outbound, address: str) -> ProviderMetadata:
    """Read a provider's metadata from its discovery address, or from its issuer's address without `/.well-known/...`.

    Raises:
        AddressRefused, AddressSilent: the address, or one that it names.
        ProviderUnusable: it says nothing that can be used, or another issuer than its address.
    """
    place = discovery_address(address)
    answer = await outbound.get(place)
    if answer.status != 200:
        raise ProviderUnusable(f"The discovery address answered with status {answer.status}; check it.")
    try:
        metadata = _read_metadata(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProviderUnusable(
            "The discovery document lacks issuer, authorization_endpoint, token_endpoint or jwks_uri."
        ) from None
    if metadata.issuer.rstrip("/") != place.removesuffix(DISCOVERY_PATH):
        raise ProviderUnusable("The discovery document names another issuer than the address it was read from.")
    if (
        metadata.code_challenge_methods_supported is not None
        and "S256" not in metadata.code_challenge_methods_supported
    ):
        raise ProviderUnusable("The provider does not support PKCE with S256; switch it on there.")
    for endpoint in (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri):
        outbound.check(endpoint)
    return metadata


def sign_in_address(client: OpenIdClient, attempt: SignInAttempt, *, login_hint: str | None = None) -> str:
    """Give the address to send the browser to (OpenID Connect Core 1.0, section 3.1.2.1).

    `max_age` has the provider tell when the person signed in; where it is zero, it is to ask them anew.
    """
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    address: str = prepare_grant_uri(
        client.metadata.authorization_endpoint,
        client_id=client.client_id,
        response_type="code",
        redirect_uri=client.redirect_uri,
        scope=SCOPE,
        state=attempt.state,
        nonce=attempt.nonce,
        code_challenge=create_s256_code_challenge(attempt.code_verifier),
        code_challenge_method="S256",
        max_age=str(attempt.max_age),
        **({} if attempt.max_age else {"prompt": "login"}),
        **({} if login_hint is None else {"login_hint": login_hint}),
    )
    return address


def code_of(client: OpenIdClient, attempt: SignInAttempt, answer: Mapping[str, str]) -> str:
    """Give the code of the provider's answer, as the browser brought it.

    Raises:
        SignInFailed: it is an error, belongs to another attempt, or comes from another provider (RFC 9207).
    """
    if answer.get("state") != attempt.state:
        raise SignInFailed("This sign-in belongs to another window or has been used; begin again.")
    issuer = answer.get("iss")
    if issuer is None and client.metadata.authorization_response_iss_parameter_supported:
        raise SignInFailed("The identity provider's answer lacks its name; begin again.")
    if issuer is not None and issuer != client.metadata.issuer:
        raise SignInFailed("The answer came from another identity provider; begin again.")
    if "error" in answer or not answer.get("code"):
        raise SignInFailed("The identity provider did not sign you in; begin again, or ask those who look after it.")
    return answer["code"]


async def exchange(
    outbound: Outbound, client: OpenIdClient, attempt: SignInAttempt, *, code: str, now: int
) -> Identity:
    """Redeem a code for the identity of who signed in; `now` is in seconds since 1970.

    Raises:
        AddressRefused, AddressSilent: one of the provider's addresses.
        SignInFailed: the code is not taken.
        ProviderUnusable: what it answers can't be believed.
    """
    answer = await outbound.post_form(
        client.metadata.token_endpoint,
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": attempt.code_verifier,
        },
        authorization=basic_authorization(client.client_id, client.client_secret),
    )
    if answer.status in (401, 403):
        raise ProviderUnusable("The provider refuses this client id and secret; check them.")
    if answer.status != 200:
        raise SignInFailed
    try:
        tokens = _read_tokens(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProviderUnusable("The provider's answer holds no ID token; ask for the scope openid there.") from None
    keys = await _keys(outbound, client)
    return _identity(_verified(tokens, keys, client=client, attempt=attempt, now=now))


def parse_logout(token: str, *, issuer: str, client_id: str, now: int) -> Logout:
    """Give whom a logout token is about (OpenID Connect Back-Channel Logout 1.0), if `verify_logout` believes it.

    Nobody is asked for that: what a provider can't have said for this client does not reach it.

    Raises:
        InvalidRequest: it is no logout token of this issuer for this client.
    """
    try:
        claims = jose.parse_logout_token(token, issuer=issuer, client_id=client_id, now=now)
    except jose.InvalidIdToken as error:
        raise InvalidRequest(f"The logout token is refused: {error}.") from error
    subject, sid = (None if claim not in claims else str(claims[claim]) for claim in ("sub", "sid"))
    return Logout(issuer=issuer, subject=subject, sid=sid, jti=str(claims["jti"]))


async def verify_logout(outbound: Outbound, client: OpenIdClient, token: str) -> None:
    """Check that a logout token is signed with a key of the provider.

    Raises:
        AddressRefused, AddressSilent: one of the provider's addresses.
        InvalidRequest: it is not.
    """
    keys = await _keys(outbound, client)
    try:
        jose.verify_signature(token, keys=keys)
    except jose.InvalidIdToken as error:
        raise InvalidRequest(f"The logout token is refused: {error}.") from error


async def _keys(outbound: Outbound, client: OpenIdClient) -> bytes:
    answer = await outbound.get(client.metadata.jwks_uri)
    if answer.status != 200:
        raise AddressSilent
    return answer.body


def _verified(
    tokens: _TokenAnswer, keys: bytes, *, client: OpenIdClient, attempt: SignInAttempt, now: int
) -> dict[str, object]:
    try:
        return jose.read_id_token(
            tokens.id_token,
            keys=keys,
            issuer=client.metadata.issuer,
            client_id=client.client_id,
            nonce=attempt.nonce,
            access_token=tokens.access_token,
            signed_in_since=attempt.begun_at - attempt.max_age,
            now=now,
        )
    except jose.InvalidIdToken as error:
        raise ProviderUnusable(f"The provider's ID token is refused: {error}.") from error


def _identity(claims: Mapping[str, object]) -> Identity:
    subject, email, name, auth_time, sid = (claims.get(claim) for claim in ("sub", "email", "name", "auth_time", "sid"))
    if not isinstance(auth_time, int):
        raise AssertionError
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise ProviderUnusable("The provider's ID token names nobody (sub).")
    return Identity(
        issuer=str(claims["iss"]),
        subject=subject,
        authenticated_at=datetime.fromtimestamp(auth_time, UTC),
        sid=sid if isinstance(sid, str) and 0 < len(sid) <= _LONGEST_SUBJECT and sid.isprintable() else None,
        email=email if isinstance(email, str) and 0 < len(email) <= _LONGEST_EMAIL and email.isprintable() else None,
        email_verified=claims.get("email_verified") is True,
        name=name[:200] if isinstance(name, str) and name.isprintable() else None,
    )


def basic_authorization(client_id: str, client_secret: str) -> str:
    """Write client authentication (RFC 6749, section 2.3.1): both halves form-encoded before they are joined."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
