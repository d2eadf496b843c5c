"""The secrets of staff: what a session's cookie holds, and what opens the set-up for a first admin.

They have the form of client secrets (credential.py) with prefixes of their own, so that scanners find them, and each
kind is hashed for its purpose: what was stored as one opens nothing as another.
"""

import hashlib
import hmac
from collections.abc import Callable
from enum import StrEnum

from consentry.domain.credential import is_secret, new_secret


class StaffSecret(StrEnum):
    """Kinds of secrets, by the word in their prefix."""

    SESSION = "session"
    SETUP = "setup"


def new_staff_secret(kind: StaffSecret, choose: Callable[[str], str]) -> str:
    """Make a secret of a kind; `choose` picks one character of a string and must be unpredictable."""
    return new_secret(choose, prefix=f"cns_{kind}_")


def is_staff_secret(text: str, kind: StaffSecret) -> bool:
    """Tell offline whether a text has the form and the checksum of a secret of this kind."""
    return is_secret(text, prefix=f"cns_{kind}_")


def staff_mac_of(secret: str, kind: StaffSecret, pepper: bytes) -> bytes:
    """Compute what is stored of a secret: HMAC-SHA-256 under a pepper, with the purpose in it, 32 bytes."""
    return hmac.digest(pepper, f"consentry staff {kind}\x00{secret}".encode(), hashlib.sha256)
