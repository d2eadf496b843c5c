"""The secrets of staff: what a session's cookie holds, and what opens the set-up for a first admin.

They have the form of client secrets (credential.py) with prefixes of their own, so that scanners find them, and each
kind is hashed for its purpose: what was stored as one opens nothing as another.
"""

import hashlib
import hmac
import re
import zlib
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from consentry.domain.credential import base62, random_base62

_RANDOM_LENGTH: Final = 28
_CHECKSUM_LENGTH: Final = 6


class StaffSecret(StrEnum):
    """Kinds of secrets, by the word in their prefix."""

    SESSION = "session"
    SETUP = "setup"


def new_staff_secret(kind: StaffSecret, choose: Callable[[str], str]) -> str:
    """Make a secret of a kind; `choose` picks one character of a string and must be unpredictable."""
    body = f"cns_{kind}_{random_base62(choose, length=_RANDOM_LENGTH)}"
    return body + _checksum(body)


def is_staff_secret(text: str, kind: StaffSecret) -> bool:
    """Tell offline whether a text has the form and the checksum of a secret of this kind."""
    return (
        re.fullmatch(rf"cns_{kind}_[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECKSUM_LENGTH}}}", text) is not None
        and _checksum(text[:-_CHECKSUM_LENGTH]) == text[-_CHECKSUM_LENGTH:]
    )


def staff_mac_of(secret: str, kind: StaffSecret, pepper: bytes) -> bytes:
    """Compute what is stored of a secret: HMAC-SHA-256 under a pepper, with the purpose in it, 32 bytes."""
    return hmac.digest(pepper, f"consentry staff {kind}\x00{secret}".encode(), hashlib.sha256)


def _checksum(body: str) -> str:
    return base62(zlib.crc32(body.encode()), length=_CHECKSUM_LENGTH)
