"""The one module that writes and reads JWTs.

The token of the Consent Management API is HS256 (RFC 7515, RFC 7519) and is assembled by hand because every request
needs it; a differential test holds it to joserfc. Which key a `kid` names, and whether the token still lives, is asked
of the store.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, Literal
from uuid import UUID

import msgspec

from consentry.domain.refusal import InsufficientScope, InvalidToken
from consentry.domain.scope import MODIFY_CONSENT, is_customer_id
from consentry.domain.token import TOKEN_TYPE, TokenClaims

LONGEST_TOKEN: Final = 2048
_LONGEST_HEADER: Final = 256
_MAC_CHARACTERS: Final = 43


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
_write = msgspec.json.Encoder().encode


def sign(claims: TokenClaims, *, kid: str, key: bytes) -> str:
    """Write a token as a compact JWS with HS256 under an institution's own key of 32 bytes."""
    header = b'{"alg":"HS256","kid":"%b"}' % kid.encode()
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
    signed = _encode(header) + b"." + _encode(payload)
    return (signed + b"." + _encode(hmac.digest(key, signed, hashlib.sha256))).decode()


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
        if not hmac.compare_digest(hmac.digest(key, self._signed, hashlib.sha256), self._mac):
            raise InvalidToken
        try:
            claims = _read_claims(_decode(self._payload))
        except (msgspec.DecodeError, ValueError):
            raise InvalidToken from None
        if claims.type_ != "Institution" or claims.id_ != institution:
            raise InvalidToken
        customer_id = claims.scopes.get(MODIFY_CONSENT)
        if (
            claims.name != TOKEN_TYPE
            or len(claims.scopes) != 1
            or customer_id is None
            or not is_customer_id(customer_id)
        ):
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

    Sizes are checked before anything is decoded, encodings must be canonical, and a header with any other algorithm or
    member (`jwk`, `jku`, `x5c`, `crit`, `b64`, ...) is refused (RFC 8725).

    Raises:
        InvalidToken: it can't be a token of ours.
    """
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise InvalidToken
    segments = token.encode().split(b".")
    if len(segments) != 3 or len(segments[0]) > _LONGEST_HEADER or len(segments[2]) != _MAC_CHARACTERS:
        raise InvalidToken
    try:
        header = _read_header(_decode(segments[0]))
        mac = _decode(segments[2])
    except (msgspec.DecodeError, ValueError):
        raise InvalidToken from None
    return UnverifiedToken(kid=header.kid, signed=segments[0] + b"." + segments[1], payload=segments[1], mac=mac)


def _encode(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    data = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    if _encode(data) != text:
        raise ValueError
    return data
