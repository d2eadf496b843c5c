"""Registration tokens: with one, an intermediary may register apps (RFC 7591, section 3, initial access token).

They have the form of client secrets (credential.py) with a prefix of their own, and are hashed for their purpose: what
was stored as one opens nothing else. An intermediary has two live ones at most: the newest, and for a while the one
before.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from consentry.domain.credential import is_secret, new_secret
from consentry.domain.refusal.institution import ChangedMeanwhile, InvalidSettings

REGISTRATION_PREFIX: Final = "cns_registration_"
OVERLAPS: Final = (timedelta(hours=24), timedelta(0))
"""How long the previous token may live on after a rotation: a day, or not at all."""
_PURPOSE: Final = b"consentry registration token\x00"


@dataclass(frozen=True, slots=True)
class RegistrationToken:
    """What is stored of one token; the highest number is the newest. `expires_at` None: until it is replaced."""

    number: int
    mac: bytes = field(repr=False)
    pepper_id: str
    display: str
    created_at: datetime
    expires_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Tell whether the token still opens anything at this moment."""
        return self.expires_at is None or self.expires_at > now


@dataclass(frozen=True, slots=True)
class TokenRotation:
    """What a rotation writes: the number of the new token, and when each of the live ones before it ends."""

    number: int
    ends: tuple[tuple[int, datetime], ...]
    previous_ends_at: datetime | None


def new_registration_token(choose: Callable[[str], str]) -> str:
    """Make a token; `choose` picks one character of a string and must be unpredictable."""
    return new_secret(choose, prefix=REGISTRATION_PREFIX)


def is_registration_token(text: str) -> bool:
    """Tell offline whether a text has the form and the checksum of a token."""
    return is_secret(text, prefix=REGISTRATION_PREFIX)


def registration_mac_of(token: str, pepper: bytes) -> bytes:
    """Compute what is stored of a token: HMAC-SHA-256 under a pepper, with the purpose in it, 32 bytes."""
    return hmac.digest(pepper, _PURPOSE + token.encode(), hashlib.sha256)


def registration_display(token: str) -> str:
    """Give what may be shown of a token: its prefix and its last four characters."""
    return f"{REGISTRATION_PREFIX}…{token[-4:]}"


def check_token_overlap(overlap: timedelta) -> timedelta:
    """Give how long the previous token lives on, if that can be chosen.

    Raises:
        InvalidSettings: `overlap`; it can't.
    """
    if overlap not in OVERLAPS:
        raise InvalidSettings({"overlap": "Let the previous token end in 24 hours, or at once."})
    return overlap


def rotate_token(
    tokens: Sequence[RegistrationToken], *, newest_seen: int, overlap: timedelta, now: datetime
) -> TokenRotation:
    """Replace the newest of an intermediary's tokens (newest first; none yet: issue the first).

    `newest_seen` is the number of the newest when somebody decided, 0 where there was none. The newest lives on for
    `overlap`; older ones end at once.

    Raises:
        ChangedMeanwhile: another one is the newest.
    """
    newest = tokens[0].number if tokens else 0
    if newest != newest_seen:
        raise ChangedMeanwhile
    ends: list[tuple[int, datetime]] = []
    previous_ends_at = None
    for token in (token for token in tokens if token.is_live(now)):
        wanted = now + overlap if token.number == newest else now
        if token.expires_at is None or wanted < token.expires_at:
            ends.append((token.number, wanted))
        if token.number == newest and wanted > now:
            previous_ends_at = wanted
    return TokenRotation(number=newest + 1, ends=tuple(ends), previous_ends_at=previous_ends_at)
