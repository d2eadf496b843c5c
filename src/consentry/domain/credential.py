"""Secrets and credentials: their form, what is stored of them, and which secret may do what.

A secret is `cns_secret_`, 28 random base62 characters (166 bits) and a base62 CRC-32 of six, so that a scanner finds a
leaked one offline. It is stored as HMAC-SHA-256 under a pepper that is not in the database. Where peppers come from is
keyring.py's business.
"""

import hashlib
import hmac
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from consentry.domain.refusal.request import InvalidClient, SupersededSecret

CREDENTIAL_NAME: Final = "consent_management"
SECRET_PREFIX: Final = "cns_secret_"  # noqa: S105 - the public prefix of secrets, not one of them
SECRET_PATTERN: Final = r"cns_secret_[0-9A-Za-z]{34}"  # noqa: S105 - the form of secrets, for scanners
PAGE_PREFIX: Final = "cns_page_"
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_LENGTH: Final = 28
_CHECKSUM_LENGTH: Final = 6
_CLIENT_ID_LENGTH: Final = 22
_BODY: Final = re.compile(r"[0-9A-Za-z]{34}")
_LIKE_A_SECRET: Final = re.compile(SECRET_PREFIX + r"[0-9A-Za-z]+")
_PAGE_PURPOSE: Final = b"consentry page session\x00"


def base62(number: int, *, length: int) -> str:
    """Write a number in base62 (digits, capitals, small letters), padded with zeros to `length`."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))


def random_base62(choose: Callable[[str], str], *, length: int) -> str:
    """Draw `length` base62 characters with `choose`, which picks one of a string (`secrets.choice`)."""
    return "".join(choose(_BASE62) for _ in range(length))


def new_secret(choose: Callable[[str], str], *, prefix: str = SECRET_PREFIX) -> str:
    """Make a client secret, or another kind of secret with a prefix of its own.

    `choose` picks one character of a string and must be unpredictable.
    """
    body = prefix + random_base62(choose, length=_RANDOM_LENGTH)
    return body + _checksum(body)


def page_mac_of(secret: str, pepper: bytes) -> bytes:
    """Compute what is stored of a page's secret; the purpose in it keeps it apart from other secrets' hashes."""
    return hmac.digest(pepper, _PAGE_PURPOSE + secret.encode(), hashlib.sha256)


def new_client_id(choose: Callable[[str], str]) -> str:
    """Make a client id of 22 base62 characters; ids are always assigned, never chosen by a client."""
    return random_base62(choose, length=_CLIENT_ID_LENGTH)


def is_secret(text: str, *, prefix: str = SECRET_PREFIX) -> bool:
    """Tell offline whether a text has the form and the checksum of a client secret, or of the kind with this prefix."""
    return (
        text.startswith(prefix)
        and _BODY.fullmatch(text, len(prefix)) is not None
        and _checksum(text[:-_CHECKSUM_LENGTH]) == text[-_CHECKSUM_LENGTH:]
    )


def display_form(secret: str) -> str:
    """Give what may be shown of a secret: its prefix and its last four characters."""
    return f"{SECRET_PREFIX}…{secret[-4:]}"


def masked(text: str) -> str:
    """Give a text with every client secret in it, whole or damaged, in its display form."""
    return _LIKE_A_SECRET.sub(lambda found: display_form(found.group()), text)


def mac_of(secret: str, pepper: bytes) -> bytes:
    """Compute what is stored of a secret: HMAC-SHA-256 under a pepper, 32 bytes."""
    return hmac.digest(pepper, secret.encode(), hashlib.sha256)


def _checksum(body: str) -> str:
    return base62(zlib.crc32(body.encode()), length=_CHECKSUM_LENGTH)


@dataclass(frozen=True, slots=True)
class Secret:
    """What is stored of one secret of a set of credentials; the highest number is the newest.

    `expires_at` None means until it is replaced. `replaces_unused`: made by the previous secret because the answer that
    carried the newest one was lost.
    """

    number: int
    mac: bytes = field(repr=False)
    pepper_id: str
    display: str
    created_at: datetime
    expires_at: datetime | None = None
    first_used_at: datetime | None = None
    last_used_at: datetime | None = None
    replaces_unused: bool = False

    def is_live(self, now: datetime) -> bool:
        """Tell whether the secret still opens anything at this moment."""
        return self.expires_at is None or self.expires_at > now


@dataclass(frozen=True, slots=True)
class Credentials:
    """A set of credentials of an institution, with its secrets, newest first; at most two of them are live."""

    institution_id: int
    name: str
    client_id: str
    created_at: datetime
    secrets: tuple[Secret, ...]

    def live_secrets(self, now: datetime) -> tuple[Secret, ...]:
        """Give the live secrets, newest first."""
        return tuple(secret for secret in self.secrets if secret.is_live(now))


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation writes: the secrets that end earlier than before, and the new one."""

    ended: tuple[Secret, ...]
    new: Secret
    previous_ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret just made, as far as it is stored."""

    mac: bytes = field(repr=False)
    pepper_id: str
    display: str


def rotate(
    credentials: Credentials, *, presented: Secret | None, new: NewSecret, overlap: timedelta, now: datetime
) -> Rotation:
    """Replace the newest secret; the one before lives on for `overlap` (consent-api.md, Rotate credentials).

    `presented` is the secret that asks, None for an operator or an admin. Only the newest rotates, but the previous one
    may, once, replace a newest one that was never used: the answer that carried it was lost. Its own end then stays as
    it was.

    Raises:
        InvalidClient: the presented secret is no longer live.
        SupersededSecret: the presented secret is not the newest and the exception does not apply.
    """
    newest = credentials.secrets[0]
    replaces_unused = False
    if presented is not None:
        if not presented.is_live(now):
            raise InvalidClient
        if presented.number != newest.number:
            if newest.first_used_at is not None or newest.replaces_unused:
                raise SupersededSecret
            replaces_unused = True
    survivor = presented if replaces_unused and presented is not None else newest
    survivor_ends = survivor.expires_at if replaces_unused else now + overlap
    ended = []
    for secret in credentials.live_secrets(now):
        ends = survivor_ends if secret.number == survivor.number else now
        if ends != secret.expires_at:
            ended.append(replace(secret, expires_at=ends))
    return Rotation(
        ended=tuple(ended),
        new=Secret(
            number=newest.number + 1,
            mac=new.mac,
            pepper_id=new.pepper_id,
            display=new.display,
            created_at=now,
            replaces_unused=replaces_unused,
        ),
        previous_ends_at=survivor_ends if survivor.is_live(now) else None,
    )
