"""The OpenID provider at which an institution's customers sign in, as the institution configures it.

What may be configured is checked here; the client's secret is sealed by the use cases, and whether the provider answers
is tried by them.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from consentry.domain.api_settings import LOOPBACK
from consentry.domain.refusal.institution import InvalidSettings

DISCOVERY_PATH: Final = "/.well-known/openid-configuration"
USUAL_CLAIM: Final = "sub"
_LONGEST_URL: Final = 500
_CLAIM: Final = re.compile(r"[A-Za-z0-9_:/.-]{1,200}")
_CLIENT_ID: Final = re.compile(r"[!-~]{1,255}")
_SECRET: Final = re.compile(r"[ -~]{1,500}")
_HTTPS: Final = "Give an https address without a user's name or a # in it."


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses of a provider that has no discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


@dataclass(frozen=True, slots=True)
class CustomerProvider:
    """A provider: found by its discovery URL, or else by single endpoints.

    `user_id_claim` names the claim that holds a customer's `openid_connect_user_id`.
    """

    discovery_url: str | None
    endpoints: Endpoints | None
    client_id: str
    user_id_claim: str = USUAL_CLAIM

    @property
    def addresses(self) -> dict[str, str]:
        """Give its addresses by the names of their fields."""
        if self.endpoints is None:
            return {"discovery_url": self.discovery_url or ""}
        return {
            "issuer": self.endpoints.issuer,
            "authorization_endpoint": self.endpoints.authorization_endpoint,
            "token_endpoint": self.endpoints.token_endpoint,
            "jwks_uri": self.endpoints.jwks_uri,
        }


@dataclass(frozen=True, slots=True)
class ConnectionTest:
    """When a provider was last tried, and whether everything that must hold did."""

    tested_at: datetime
    passed: bool


@dataclass(frozen=True, slots=True)
class ConfiguredProvider:
    """A provider as it is stored: `test` is the last one of this very configuration, None if it was changed since.

    `has_secret` is False only after the key was lost that the secret was stored under.
    """

    provider: CustomerProvider
    has_secret: bool
    version: int
    test: ConnectionTest | None


def check_customer_provider(provider: CustomerProvider, *, secret: str | None, has_secret: bool) -> None:
    """Check what is to be configured; `secret` is a new client secret, which may be missing if there is one already.

    Raises:
        InvalidSettings: something is missing or malformed; it has a sentence for each field.
    """
    problems = {name: _HTTPS for name, address in provider.addresses.items() if not is_provider_url(address)}
    if provider.discovery_url is not None and "discovery_url" not in problems:
        path = urlsplit(provider.discovery_url).path
        if not path.endswith(DISCOVERY_PATH):
            problems["discovery_url"] = f"Give the whole address of the document; it ends in {DISCOVERY_PATH}."
    checks = (
        (
            "client_id",
            _CLIENT_ID.fullmatch(provider.client_id),
            "Give the client id that the provider has assigned: 1 to 255 visible characters.",
        ),
        (
            "client_secret",
            has_secret if secret is None else _SECRET.fullmatch(secret),
            (
                "Give the client secret that the provider has assigned, at most 500 ASCII characters;"
                " it is needed anew when an address or the client id changes."
            ),
        ),
        ("user_id_claim", _CLAIM.fullmatch(provider.user_id_claim), "Give the name of one claim, such as sub."),
    )
    problems |= {field: sentence for field, fits, sentence in checks if not fits}
    if problems:
        raise InvalidSettings(problems)


def is_provider_url(text: str) -> bool:
    """Tell whether a text is an address that a provider may have: https, or http on this very machine."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
    written = text.isascii() and text.isprintable() and " " not in text and "\\" not in text
    return bool(secure and host and written and "@" not in parts.netloc and not parts.fragment) and (
        len(text) <= _LONGEST_URL
    )
