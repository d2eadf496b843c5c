"""The OpenID provider at which the staff of a house sign in, as it is configured.

What may be configured is checked here; whether the provider answers, and whether somebody can sign in there, is tried
by the use cases before it counts.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from consentry.domain.refusal.institution import InvalidSettings

CALLBACK: Final = "/sign-in/callback"
"""Below a portal's prefix: the redirect URI to be registered at the provider."""
BACK_CHANNEL_LOGOUT: Final = "/back-channel-logout"
"""Below a portal's prefix, with the house's public id after it: where the provider tells that somebody signed out."""
_CLIENT_ID: Final = re.compile(r"[!-~]{1,255}")
_SECRET: Final = re.compile(r"[ -~]{1,500}")
_LONGEST_URL: Final = 500


@dataclass(frozen=True, slots=True)
class StaffProvider:
    """A provider as it is stored, without its secret, which is missing only after the key was lost it was stored under.

    `version` counts the configurations of a house: no two of them share one. `signs_out` is whether it says that it
    tells of sign-outs (OpenID Connect Back-Channel Logout 1.0), None where that was not read.
    """

    discovery_url: str
    issuer: str
    client_id: str
    has_secret: bool
    version: int
    changed_at: datetime
    signs_out: bool | None


def check_staff_provider(*, discovery_url: str, client_id: str, client_secret: str) -> None:
    """Check what is to be configured, as far as it can be told without asking anybody.

    Raises:
        InvalidSettings: something is missing or malformed; it has a sentence for each field.
    """
    checks = (
        ("discovery_url", _is_url(discovery_url), "Give the https address of the provider's discovery document."),
        (
            "client_id",
            bool(_CLIENT_ID.fullmatch(client_id)),
            "Give the client id that the provider has assigned: 1 to 255 visible characters.",
        ),
        (
            "client_secret",
            bool(_SECRET.fullmatch(client_secret)),
            "Give the client secret that the provider has assigned: 1 to 500 ASCII characters.",
        ),
    )
    problems = {field: sentence for field, fits, sentence in checks if not fits}
    if problems:
        raise InvalidSettings(problems)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    written = text.isascii() and text.isprintable() and " " not in text and "\\" not in text
    bare = "@" not in parts.netloc and not parts.fragment and not parts.query
    return parts.scheme in ("https", "http") and bool(host) and written and bare and len(text) <= _LONGEST_URL
