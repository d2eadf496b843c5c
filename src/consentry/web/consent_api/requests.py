"""What a request of the Consent Management API says: headers, credentials, bodies and paths, parsed once.

Everything here refuses what is malformed and trusts nothing; who may do what is decided further in.
"""

import base64
import binascii
from typing import Final
from urllib.parse import unquote, unquote_plus

import msgspec

from consentry.domain.credential import CREDENTIAL_NAME
from consentry.domain.refusal.request import (
    BodyTooLarge,
    InvalidClient,
    InvalidRequest,
    MissingToken,
    UnknownAccount,
    UnknownName,
    UnsupportedMediaType,
    UnsupportedType,
)
from consentry.domain.scope import customer_of
from consentry.domain.token import TOKEN_TYPE
from consentry.web.asgi import Receive, Scope
from consentry.web.hosts import host_name

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
LARGEST_BODY: Final = 64 * 1024
_LONGEST_INTERACTION_ID: Final = 64
_QUERY_SECRETS: Final = (b"access_token", b"client_secret", b"client_id", b"token")


class RequestHeaders:
    """The headers that matter here, found in one pass; those that may come once only are checked for it."""

    __slots__ = (
        "authorization", "content_encoding", "content_length", "content_type", "forwarded_for", "host", "hosts",
        "if_match", "interaction_id",
    )  # fmt: skip

    def __init__(self, scope: Scope) -> None:
        self.authorization: list[bytes] = []
        self.forwarded_for: list[bytes] = []
        self.if_match: list[bytes] = []
        self.content_type = b""
        self.content_encoding = b""
        self.content_length = 0
        self.host: str | None = None
        self.hosts = 0
        self.interaction_id: bytes | None = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                self.authorization.append(value)
            elif name == b"host":
                self.host = host_name(value.decode("latin-1"))
                self.hosts += 1
            elif name == b"content-type":
                self.content_type = value
            elif name == b"content-length":
                self.content_length = int(value) if value.isdigit() else 0
            elif name == b"x-fapi-interaction-id":
                if len(value) <= _LONGEST_INTERACTION_ID and value.decode("latin-1").isprintable() and value.isascii():
                    self.interaction_id = value
            elif name == b"if-match":
                self.if_match.append(value)
            elif name == b"x-forwarded-for":
                self.forwarded_for.append(value)
            elif name == b"content-encoding":
                self.content_encoding = value

    def entity_tags(self) -> tuple[str, ...]:
        """Give the entity tags of If-Match (RFC 9110, section 13.1.1); an empty one fits none."""
        tags = b",".join(self.if_match).decode("latin-1").split(",")
        return tuple(tag.strip() for tag in tags)


class _TokenBody(msgspec.Struct, frozen=True):
    type: str
    scopes: str


class _RotationBody(msgspec.Struct, frozen=True):
    name: str


class _EnabledBody(msgspec.Struct, frozen=True):
    enabled: bool


class _AutomaticBody(msgspec.Struct, frozen=True):
    automatic_access: bool


_read_token_body: Final = msgspec.json.Decoder(_TokenBody).decode
_read_rotation_body: Final = msgspec.json.Decoder(_RotationBody).decode
_read_enabled_body: Final = msgspec.json.Decoder(_EnabledBody).decode
_read_automatic_body: Final = msgspec.json.Decoder(_AutomaticBody).decode


def basic_credentials(authorization: list[bytes]) -> tuple[str, str]:
    """Read HTTP Basic credentials (RFC 7617), form-decoded (RFC 6749, section 2.3.1): the client's id and secret.

    Raises:
        InvalidClient: there are none, or they can't be read.
        InvalidRequest: there are several.
    """
    scheme, credentials = _only(authorization)
    if scheme != b"basic":
        raise InvalidClient
    try:
        client_id, colon, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidClient from None
    if not colon or "\x00" in client_id or "\x00" in secret:
        raise InvalidClient
    return unquote_plus(client_id), unquote_plus(secret)


def bearer_token(authorization: list[bytes]) -> str:
    """Read a bearer token (RFC 6750, section 2.1).

    Raises:
        MissingToken: there is none.
        InvalidRequest: there are several.
    """
    scheme, token = _only(authorization)
    if scheme != b"bearer" or not token:
        raise MissingToken
    return token.decode("latin-1")


def _only(authorization: list[bytes]) -> tuple[bytes, bytes]:
    if not authorization:
        return b"", b""
    if len(authorization) > 1:
        raise InvalidRequest("Send one Authorization header only.")
    scheme, _, rest = authorization[0].partition(b" ")
    return scheme.lower(), rest.strip()


def refuse_secrets_in_query(query: bytes) -> None:
    """Refuse tokens and credentials in the query string, which ends up in logs (RFC 9700, section 4.3.2).

    Raises:
        InvalidRequest: there is one, even a valid one.
    """
    for pair in query.split(b"&"):
        if unquote_plus(pair.partition(b"=")[0].decode("latin-1")).encode() in _QUERY_SECRETS:
            raise InvalidRequest("Send tokens and credentials in the Authorization header, never in the address.")


async def read_body(receive: Receive, headers: RequestHeaders) -> bytes:
    """Read a JSON body of at most 64 KiB.

    Raises:
        UnsupportedMediaType: it is declared as something else, or as compressed.
        BodyTooLarge: it is larger, declared or not.
    """
    if headers.content_length > LARGEST_BODY:
        raise BodyTooLarge
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise InvalidRequest("The connection was closed before the body was complete.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            raise BodyTooLarge
    if headers.content_type != b"application/json" or headers.content_encoding:
        _check_media_type(headers)
    return body


def _check_media_type(headers: RequestHeaders) -> None:
    media_type, _, parameters = headers.content_type.partition(b";")
    charset = parameters.strip().lower().replace(b'"', b"")
    if media_type.strip().lower() != b"application/json" or charset not in (b"", b"charset=utf-8"):
        raise UnsupportedMediaType
    if headers.content_encoding.strip().lower() not in (b"", b"identity"):
        raise UnsupportedMediaType


def customer_of_token_request(body: bytes) -> str:
    """Read the body of a request for a token; give the customer's id.

    Raises:
        InvalidRequest, UnsupportedType, InvalidScope: it asks for nothing that exists.
    """
    try:
        asked = _read_token_body(body)
    except _UNREADABLE:
        raise InvalidRequest(
            "Send a JSON object with the texts type (consent_management) and scopes"
            " (customer.modify_consent: and the customer's id)."
        ) from None
    if asked.type != TOKEN_TYPE:
        raise UnsupportedType
    return customer_of(asked.scopes)


def check_rotation_request(body: bytes) -> None:
    """Read the body of a rotation.

    Raises:
        InvalidRequest, UnknownName: it names no credentials that exist.
    """
    try:
        asked = _read_rotation_body(body)
    except _UNREADABLE:
        raise InvalidRequest("Send a JSON object with the text name (consent_management).") from None
    if asked.name != CREDENTIAL_NAME:
        raise UnknownName


def enabled_of(body: bytes) -> bool:
    """Read whether an account is to be shared.

    Raises:
        InvalidRequest: it is neither true nor false.
    """
    try:
        return _read_enabled_body(body).enabled
    except _UNREADABLE:
        raise InvalidRequest("Send a JSON object with enabled set to true or false.") from None


def automatic_access_of(body: bytes) -> bool:
    """Read whether later accounts are to be shared.

    Raises:
        InvalidRequest: it is neither true nor false.
    """
    try:
        return _read_automatic_body(body).automatic_access
    except _UNREADABLE:
        raise InvalidRequest("Send a JSON object with automatic_access set to true or false.") from None


def account_id_of(raw: bytes) -> str:
    """Decode an account's id from the raw path, once.

    Raises:
        UnknownAccount: no account's id can be written like this.
    """
    try:
        account_id = unquote(raw.decode("ascii"), errors="strict")
    except UnicodeDecodeError:
        raise UnknownAccount from None
    if not account_id or "\x00" in account_id:
        raise UnknownAccount
    return account_id
