"""What an institution sets of its API: its public address, and how long what it hands out lives.

The lifetimes are those of recipients' tokens, for the authorization server; the token of the Consent Management API
lives five minutes, always. Which host names belong to whom is the store's business.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from consentry.domain.institution import LONGEST_OVERLAP, check_host
from consentry.domain.refusal.institution import InvalidInstitution, InvalidSettings

SHORTEST_ACCESS: Final = timedelta(minutes=1)
LONGEST_ACCESS: Final = timedelta(minutes=10)
SHORTEST_REFRESH: Final = timedelta(days=1)
LONGEST_REFRESH: Final = timedelta(days=30)
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1"})
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """An institution's settings; `version` counts their changes, 0 where nothing was ever set.

    `public_url` is an origin without a path, None where none is set.
    """

    public_url: str | None = None
    access_token_lifetime: timedelta = LONGEST_ACCESS
    refresh_token_lifetime: timedelta = LONGEST_REFRESH
    version: int = 0


def check_api_settings(settings: ApiSettings, *, secret_overlap: timedelta) -> ApiSettings:
    """Give the settings with their address in its usual form, if all may be set.

    Raises:
        InvalidSettings: something is out of bounds; it has a sentence for each field.
    """
    public_url = None if settings.public_url is None else _public_origin_or_none(settings.public_url)
    checks = (
        (
            "public_url",
            public_url is not None or settings.public_url is None,
            "Give an address such as https://consents.bank.example: https, a host name, and nothing behind it.",
        ),
        (
            "access_token_lifetime",
            SHORTEST_ACCESS <= settings.access_token_lifetime <= LONGEST_ACCESS,
            "Give a lifetime from 1 to 10 minutes.",
        ),
        (
            "refresh_token_lifetime",
            SHORTEST_REFRESH <= settings.refresh_token_lifetime <= LONGEST_REFRESH,
            "Give a lifetime from 1 to 30 days.",
        ),
        (
            "secret_overlap",
            timedelta(0) <= secret_overlap <= LONGEST_OVERLAP,
            "Give an overlap from 0 to 720 hours (30 days).",
        ),
    )
    problems = {field: sentence for field, fits, sentence in checks if not fits}
    if problems:
        raise InvalidSettings(problems)
    return ApiSettings(
        public_url=public_url,
        access_token_lifetime=settings.access_token_lifetime,
        refresh_token_lifetime=settings.refresh_token_lifetime,
        version=settings.version,
    )


def public_origin(text: str) -> str:
    """Give an address as an origin (RFC 6454, section 6.2): https, or http on this very machine.

    Raises:
        ValueError: it is none, or has a path, a query or a user's name.
    """
    parts = urlsplit(text.strip())
    host, colon, port = parts.netloc.partition(":")
    secure = parts.scheme == "https" or (parts.scheme == "http" and host.lower() in LOOPBACK)
    rest = parts.path.strip("/") + parts.query + parts.fragment
    if not secure or rest or (colon and (not _PORT.fullmatch(port) or int(port) > 65535)):
        raise ValueError(text)
    try:
        host = check_host(host)
    except InvalidInstitution:
        raise ValueError(text) from None
    usual = {"https": "443", "http": "80"}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != usual else "")


def _public_origin_or_none(text: str) -> str | None:
    try:
        return public_origin(text)
    except ValueError:
        return None


def host_of(origin: str) -> str:
    """Give the host name of an origin, without its port."""
    return urlsplit(origin).hostname or ""
