"""The one module that writes and reads JWTs and signed statements, and reads the ID tokens of others.

The token of the Consent Management API is HS256 (RFC 7515, RFC 7519) and is assembled by hand because every request
needs it; a differential test holds it to joserfc. Which key a `kid` names, and whether the token still lives, is asked
of the store. Statements that leave the machine are signed with Ed25519 (RFC 8037, RFC 9864), by joserfc.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, cast
from uuid import UUID

import msgspec

from consentry.domain.refusal.request import InsufficientScope, InvalidToken
from consentry.domain.scope import MODIFY_CONSENT, is_customer_id
from consentry.domain.token import TOKEN_TYPE, TokenClaims

if TYPE_CHECKING:
    from joserfc._keys import KeySetSerialization

LONGEST_TOKEN: Final = 2048
_LONGEST_HEADER: Final = 256
_MAC_CHARACTERS: Final = 43
_STATEMENT_ALGORITHM: Final = "Ed25519"
_LONGEST_STATEMENT: Final = 4096
_LONGEST_ID_TOKEN: Final = 16 * 1024
_ID_TOKEN_ALGORITHMS: Final = {
    "RS256": "RSA", "PS256": "RSA", "ES256": "EC", "ES384": "EC", "EdDSA": "OKP", "Ed25519": "OKP"
}  # fmt: skip
_LOGOUT_TYPES: Final = frozenset({"logout+jwt", "jwt"})
_LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_CLOCKS_DIFFER: Final = 60
_OLDEST_ID_TOKEN: Final = 600


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: Literal["HS256"]
    kid: str
    typ: Literal["JWT"] | msgspec.UnsetType = msgspec.UNSET


class _Claims(msgspec.Struct, frozen=True):
    name: str
    scopes: dict[str, str]
    iat: int
    exp: int
    jti: UUID
    type_: str = msgspec.field(name="_type")
    id_: str = msgspec.field(name="_id")


_read_header = msgspec.json.Decoder(_Header).decode
_read_claims = msgspec.json.Decoder(_Claims).decode
_read_object = msgspec.json.Decoder(dict[str, object]).decode
_write = msgspec.json.Encoder().encode


def sign(claims: TokenClaims, *, kid: str, key: bytes) -> str:
    """Write a token as a compact JWS with HS256 under an institution's own key of 32 bytes."""
    payload = _write(
        _Claims(
            name=TOKEN_TYPE,
            scopes={MODIFY_CONSENT: claims.customer_id},
            iat=claims.issued_at,
            exp=claims.expires_at,
            jti=claims.jti,
            type_="Institution",
            id_=claims.institution,
        )
    )
    signed = _header_of(kid) + b"." + _encode(payload)
    return (signed + b"." + _mac(key, signed)).decode()


class UnverifiedToken:
    """A token whose form is right but whose signature is still to be checked; only its `kid` may be used."""

    __slots__ = ("_mac", "_payload", "_signed", "kid")

    def __init__(self, *, kid: str, signed: bytes, payload: bytes, mac: bytes) -> None:
        self.kid = kid
        self._signed = signed
        self._payload = payload
        self._mac = mac

    def verify(self, key: bytes, *, institution: str) -> TokenClaims:
        """Check the signature under the key that `kid` names and read the claims.

        Raises:
            InvalidToken: the signature is not of this key, or the claims are not of this kind of token or institution.
            InsufficientScope: a genuine token that is for something else.
        """
        # The signature is compared as it is written: no other encoding of the same bytes will do.
        if not hmac.compare_digest(_mac(key, self._signed), self._mac):
            raise InvalidToken
        try:
            claims = _read_claims(_decode(self._payload))
        except (msgspec.DecodeError, ValueError):
            raise InvalidToken from None
        if claims.type_ != "Institution" or claims.id_ != institution:
            raise InvalidToken
        customer_id = claims.scopes.get(MODIFY_CONSENT)
        one_customer = len(claims.scopes) == 1 and customer_id is not None and is_customer_id(customer_id)
        if claims.name != TOKEN_TYPE or customer_id is None or not one_customer:
            raise InsufficientScope
        return TokenClaims(
            institution=institution,
            customer_id=customer_id,
            jti=claims.jti,
            issued_at=claims.iat,
            expires_at=claims.exp,
        )


def parse(token: str) -> UnverifiedToken:
    """Read the form of a token without trusting it.

    Sizes are checked before anything is decoded, and a header with any other algorithm or member (`jwk`, `jku`, `x5c`,
    `crit`, `b64`, ...) is refused (RFC 8725).

    Raises:
        InvalidToken: it can't be a token of ours.
    """
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise InvalidToken
    segments = token.encode().split(b".")
    if len(segments) != 3 or len(segments[0]) > _LONGEST_HEADER or len(segments[2]) != _MAC_CHARACTERS:
        raise InvalidToken
    header, payload, mac = segments
    return UnverifiedToken(kid=_kid_of(header), signed=header + b"." + payload, payload=payload, mac=mac)


@lru_cache(maxsize=1024)
def _header_of(kid: str) -> bytes:
    return _encode(b'{"alg":"HS256","kid":"%b"}' % kid.encode())


@lru_cache(maxsize=1024)
def _kid_of(header: bytes) -> str:
    try:
        return _read_header(_decode(header)).kid
    except (msgspec.DecodeError, ValueError):
        raise InvalidToken from None


def _mac(key: bytes, signed: bytes) -> bytes:
    return _encode(hmac.digest(key, signed, hashlib.sha256))


class InvalidStatement(Exception):
    """A text is no signed statement of the expected kind under a known key; the message says what is wrong."""


class UnknownStatementKey(InvalidStatement):
    """It names a key that is not among the known ones, so that nothing can be said of its signature."""


class BrokenSignature(InvalidStatement):
    """It names a known key, and that key did not sign it as it is."""


def new_statement_key() -> tuple[str, bytes, str]:
    """Make an Ed25519 key: its id (the JWK thumbprint, RFC 7638), the secret JWK, the public JWK."""
    from joserfc.jwk import OKPKey

    key = OKPKey.generate_key("Ed25519")
    kid = key.thumbprint()
    public = {**key.as_dict(private=False), "kid": kid, "alg": _STATEMENT_ALGORITHM, "use": "sig"}
    return kid, msgspec.json.encode(key.as_dict(private=True)), msgspec.json.encode(public).decode()


def sign_statement(payload: bytes, *, kind: str, kid: str, key: bytes) -> str:
    """Sign a payload as a compact JWS whose `typ` is `kind`, under a secret JWK of `new_statement_key`."""
    from joserfc import jws
    from joserfc.jwk import OKPKey

    header = {"alg": _STATEMENT_ALGORITHM, "kid": kid, "typ": kind}
    return jws.serialize_compact(
        header, payload, OKPKey.import_key(msgspec.json.decode(key)), algorithms=[_STATEMENT_ALGORITHM]
    )


def read_statement(text: str, *, kind: str, public_keys: Mapping[str, str], longest: int = _LONGEST_STATEMENT) -> bytes:
    """Give the payload of a statement that one of these keys (public JWKs by id) signed.

    `longest` is how many characters it may have. Its three parts must be written as RFC 7515 writes them, no bit else.

    Raises:
        UnknownStatementKey, BrokenSignature: it is not signed by one of them.
        InvalidStatement: it is malformed or of another kind.
    """
    from joserfc import jws
    from joserfc.errors import BadSignatureError, JoseError
    from joserfc.jwk import OKPKey

    if len(text) > longest:
        raise InvalidStatement("it is too long")
    try:
        if any(_encode(_decode(part)) != part for part in text.encode().split(b".")):
            raise InvalidStatement("it is not written as signed statements are")
        header = jws.extract_compact(text.encode()).protected
        if header.get("typ") != kind or header.get("alg") != _STATEMENT_ALGORITHM:
            raise InvalidStatement("it is of another kind")
        public_key = public_keys.get(str(header.get("kid")))
        if public_key is None:
            raise UnknownStatementKey("its key is not known")
        key = OKPKey.import_key(msgspec.json.decode(public_key))
        return jws.deserialize_compact(text, key, algorithms=[_STATEMENT_ALGORITHM]).payload
    except BadSignatureError as error:
        raise BrokenSignature("its signature does not hold") from error
    except (JoseError, ValueError, TypeError) as error:
        raise InvalidStatement("its signature does not hold") from error


def read_public_keys(text: str) -> dict[str, str]:
    """Read a public JWK, or a set of them (RFC 7517, section 5), into JWKs by their `kid`.

    Raises:
        InvalidStatement: it is neither.
    """
    try:
        found = msgspec.json.decode(text)
        return {str(key["kid"]): msgspec.json.encode(key).decode() for key in found.get("keys", [found])}
    except (msgspec.DecodeError, AttributeError, KeyError, TypeError):
        raise InvalidStatement("it is no public key in JSON, as the commands named public-key write it") from None


def _encode(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))


class InvalidIdToken(Exception):
    """A text is no ID token for this client and sign-in, or no logout token; the message says what is wrong."""


def read_id_token(
    text: str,
    *,
    keys: bytes,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str,
    signed_in_since: int,
    now: int,
) -> dict[str, object]:
    """Verify an ID token of the code flow (OpenID Connect Core 1.0, section 3.1.3.7) and give its claims.

    `keys` is the provider's JWK set. The algorithm is one of an asymmetric few and must go with the key that is chosen
    by `kid`; nothing in the token's header selects a key or switches anything on (RFC 8725). Clocks may differ by a
    minute; a token older than ten is refused, and so is one that does not tell a sign-in (`auth_time`) since
    `signed_in_since`.

    Raises:
        InvalidIdToken: it can't be believed.
    """
    from authlib.oidc.core import CodeIDToken
    from joserfc.errors import JoseError

    verify_signature(text, keys=keys)
    header, payload = _parsed(text)
    try:
        claims = CodeIDToken(
            payload,
            header,
            {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}},
            {"nonce": nonce, "client_id": client_id, "access_token": access_token},
        )
        claims.validate(now=now, leeway=_CLOCKS_DIFFER)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise InvalidIdToken(_words_of(error)) from error
    _check_times(claims, now=now)
    signed_in_at = claims.get("auth_time")
    if type(signed_in_at) is not int:
        raise InvalidIdToken(
            "it does not tell when the person signed in; have the provider put auth_time into it, as max_age asks"
        )
    if not signed_in_since - _CLOCKS_DIFFER <= signed_in_at <= now + _CLOCKS_DIFFER:
        raise InvalidIdToken("the person signed in too long ago (auth_time) for what was asked (max_age)")
    return dict(claims)


def parse_logout_token(text: str, *, issuer: str, client_id: str, now: int) -> dict[str, object]:
    """Check all of a logout token but its signature (OpenID Connect Back-Channel Logout 1.0, section 2.6).

    Times are those of ID tokens. An ID token is none: it lacks the event, and has a `nonce`. The claims that are given
    are to be believed after `verify_signature` alone.

    Raises:
        InvalidIdToken: it can't be one for this client.
    """
    header, claims = _parsed(text)
    if str(header.get("typ", "JWT")).lower() not in _LOGOUT_TYPES:
        raise InvalidIdToken("it is of another type")
    if claims.get("iss") != issuer or claims.get("aud") not in (client_id, [client_id]):
        raise InvalidIdToken("it is of another provider or for another client")
    _check_times(claims, now=now)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_LOGOUT_EVENT), dict) or "nonce" in claims:
        raise InvalidIdToken("it is no logout token")
    named = [claims[claim] for claim in ("jti", "sub", "sid") if claim in claims]
    names = all(isinstance(name, str) and name and name.isprintable() for name in named)
    if "jti" not in claims or len(named) < 2 or not names:
        raise InvalidIdToken("it names nobody and no session, or has no id (jti)")
    return claims


def verify_signature(text: str, *, keys: bytes) -> None:
    """Check that a key of a provider's JWK set has signed a token, as `read_id_token` does.

    Raises:
        InvalidIdToken: none of them has.
    """
    from joserfc import jws
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    header, _ = _parsed(text)
    algorithm = str(header["alg"])
    try:
        jws.deserialize_compact(text, KeySet.import_key_set(_usable(keys, algorithm)), [algorithm])
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise InvalidIdToken(_words_of(error)) from error


def _parsed(text: str) -> tuple[dict[str, object], dict[str, object]]:
    """Give header and claims of a provider's token without trusting it; its algorithm is one of the list."""
    from joserfc import jws
    from joserfc.errors import JoseError

    if len(text) > _LONGEST_ID_TOKEN or text.count(".") != 2 or not text.isascii():
        raise InvalidIdToken("it is too long or malformed")
    try:
        found = jws.extract_compact(text.encode())
        header = found.protected
        if header.get("alg") not in _ID_TOKEN_ALGORITHMS or header.get("crit") is not None or "b64" in header:
            raise InvalidIdToken("its algorithm or its header is not allowed")
        return dict(header), _read_object(found.payload)
    except (JoseError, ValueError, TypeError, KeyError, msgspec.DecodeError, RecursionError) as error:
        raise InvalidIdToken(_words_of(error)) from error


def _words_of(error: Exception) -> str:
    """Say what a library found wrong; it may quote the token, and half a character of it can't be written."""
    return f"{type(error).__name__}: {error}"[:200].encode(errors="replace").decode()


def _check_times(claims: Mapping[str, object], *, now: int) -> None:
    """Check that a token was issued within the last ten minutes and has not expired."""
    issued_at, expires_at = claims.get("iat"), claims.get("exp")
    if (
        type(issued_at) is not int
        or type(expires_at) is not int
        or not -_CLOCKS_DIFFER <= now - issued_at <= _OLDEST_ID_TOKEN
        or now - expires_at >= _CLOCKS_DIFFER
    ):
        raise InvalidIdToken("its times are not right")


def _usable(keys: bytes, algorithm: str) -> "KeySetSerialization":
    """Keep the keys of a set that may have signed with this algorithm: of its family, for signatures."""
    kind = _ID_TOKEN_ALGORITHMS[algorithm]
    found = _read_object(keys).get("keys")
    usable = [
        key
        for key in (found if isinstance(found, list) else [])
        if isinstance(key, dict)
        and key.get("kty") == kind
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
    ]
    if not usable:
        raise InvalidIdToken("the provider has no key for it")
    return cast("KeySetSerialization", {"keys": usable})
