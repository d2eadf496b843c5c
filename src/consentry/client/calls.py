"""The operations of the Consent Management API as requests, and its answers as values.

Owns paths, headers and bodies; leaves to `conversations` which token or secret is used, and to `repeating` what happens
when something goes wrong.
"""

import re
from base64 import b64encode
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from consentry.client.errors import ConsentryError, UnexpectedAnswerError, error_class
from consentry.client.models import Consent
from consentry.client.wire import HttpAnswer, HttpRequest

NAME = "consent_management"
SCOPE = "customer.modify_consent"
CUSTOMER_ID = re.compile(r"[!-~]{1,255}")
TAG = re.compile(r"[!-~]+")
VERSION = re.compile(r"v[0-9]+")

Model = TypeVar("Model")


@dataclass(frozen=True, slots=True)
class Secret:
    """The institution's credentials in use."""

    client_id: str
    client_secret: str = field(repr=False)

    def header(self) -> str:
        """Write the `Authorization` header; both parts are form-encoded first (RFC 6749, 2.3.1)."""
        pair = f"{quote(self.client_id, safe='')}:{quote(self.client_secret, safe='')}"
        return f"Basic {b64encode(pair.encode()).decode()}"


class Refusal(msgspec.Struct, frozen=True):
    """The body of a refusal."""

    error: str
    error_description: str


def root_of(base_url: str, version: str) -> str:
    """Join the server's address and the version.

    Raises:
        ValueError: the address is not one of http or https, or holds credentials, a query or a fragment.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("base_url must be an address like https://consent.bank.example")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("base_url must hold no credentials, no query and no fragment")
    if not VERSION.fullmatch(version):
        raise ValueError("version must be v4, v5 or v6")
    return f"{base_url.rstrip('/')}/api/{version}"


def token_request(root: str, secret: Secret, customer_id: str) -> HttpRequest:
    """Ask for a token for one customer; asking twice does no harm."""
    body = {"type": NAME, "scopes": f"{SCOPE}:{checked_customer(customer_id)}"}
    return _request("POST", f"{root}/token", secret.header(), body=body)


def token_revocation(root: str, secret: Secret, token: str) -> HttpRequest:
    """Revoke a token; the URL that logs may show lacks it."""
    request = _request("DELETE", f"{root}/token/{segment(token)}", secret.header())
    return replace(request, shown_url=f"{root}/token/REDACTED")


def credentials_rotation(root: str, secret: Secret) -> HttpRequest:
    """Ask for a new secret; never to be repeated by machine."""
    request = _request("POST", f"{root}/api_access_credentials", secret.header(), body={"name": NAME})
    return replace(request, repeatable=False)


def consent_list(root: str, token: str) -> HttpRequest:
    """Ask for all consents of the token's customer."""
    return _request("GET", f"{root}/consent_management", f"Bearer {token}")


def one_consent(root: str, token: str, path: str) -> HttpRequest:
    """Ask for one consent; `path` is its id, encoded."""
    return _request("GET", f"{root}/consent_management/{path}", f"Bearer {token}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a consent: what to put where, and the tag that must still be current."""

    path: str
    body: dict[str, bool] | None
    if_match: str | None

    def request(self, root: str, token: str) -> HttpRequest:
        """Make the request; setting what is already set does no harm, so it may be repeated."""
        request = _request("PUT", f"{root}/consent_management/{self.path}", f"Bearer {token}", body=self.body)
        if self.if_match is None:
            return request
        return replace(request, headers={**request.headers, "If-Match": self.if_match})


def account_sharing(consent_id: str, account_id: str, *, enabled: bool, if_match: str | None) -> Change:
    """Share one account or stop sharing it."""
    path = f"{segment(consent_id)}/accounts/{segment(account_id)}"
    return Change(path=path, body={"enabled": enabled}, if_match=checked_tag(if_match))


def automatic_sharing(consent_id: str, *, on: bool, if_match: str | None) -> Change:
    """Share accounts that appear later, or stop doing so."""
    path = f"{segment(consent_id)}/accounts"
    return Change(path=path, body={"automatic_access": on}, if_match=checked_tag(if_match))


def end_of_sharing(consent_id: str, *, if_match: str | None) -> Change:
    """Stop all sharing with the app."""
    return Change(path=f"{segment(consent_id)}/disable_app_sharing", body=None, if_match=checked_tag(if_match))


def segment(value: str) -> str:
    """Encode a value as one segment of a path, slashes and all; dots alone would be taken for a step upwards.

    Raises:
        ValueError: the value is empty.
    """
    if not value:
        raise ValueError("an id or a token must not be empty")
    return quote(value, safe="") if value.strip(".") else value.replace(".", "%2E")


def checked_customer(customer_id: str) -> str:
    """Give the customer's id back.

    Raises:
        ValueError: it is not 1 to 255 visible ASCII characters.
    """
    if not CUSTOMER_ID.fullmatch(customer_id):
        raise ValueError("customer_id must be 1 to 255 visible ASCII characters without spaces")
    return customer_id


def checked_tag(tag: str | None) -> str | None:
    """Give a tag back.

    Raises:
        ValueError: it is empty or holds what no tag holds.
    """
    if tag is not None and not TAG.fullmatch(tag):
        raise ValueError("if_match must be the etag of a consent")
    return tag


def read(answer: HttpAnswer, model: type[Model]) -> Model:
    """Read the body of an answer.

    Raises:
        UnexpectedAnswerError: it is not what the operation answers.
    """
    try:
        return msgspec.json.decode(answer.body, type=model)
    except msgspec.DecodeError as error:
        raise UnexpectedAnswerError(
            f"The answer cannot be read: {error}", status=answer.status, request_id=answer.headers.get("x-request-id")
        ) from error


def read_consent(answer: HttpAnswer) -> Consent:
    """Read one consent, with the tag that its answer bears."""
    return replace(read(answer, Consent), etag=answer.headers.get("etag"))


def error_of(answer: HttpAnswer, attempts: int) -> ConsentryError:
    """Make the error for an answer that is no success."""
    try:
        refusal = msgspec.json.decode(answer.body, type=Refusal)
        code, description = refusal.error, refusal.error_description
    except msgspec.DecodeError:
        code, description = None, "The server did not say why"
    return error_class(status=answer.status, code=code)(
        description,
        status=answer.status,
        code=code,
        request_id=answer.headers.get("x-request-id"),
        retry_after=retry_after(answer),
        attempts=attempts,
    )


def retry_after(answer: HttpAnswer) -> float | None:
    """Say how many seconds the server wants to be left alone; a date counts from the answer's (RFC 9110, 10.2.3)."""
    value = answer.headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        until, now = parsedate_to_datetime(value), parsedate_to_datetime(answer.headers.get("date", ""))
        return max(0.0, (until - now).total_seconds())
    except (TypeError, ValueError):
        return None


def _request(
    method: str, url: str, authorization: str, *, body: dict[str, str] | dict[str, bool] | None = None
) -> HttpRequest:
    headers = {"Accept": "application/json", "Authorization": authorization, "User-Agent": "consentry-client"}
    if body is None:
        return HttpRequest(method=method, url=url, headers=headers)
    headers["Content-Type"] = "application/json"
    return HttpRequest(method=method, url=url, headers=headers, body=msgspec.json.encode(body))
