"""A sign-in under way, as the browser carries it: sealed, so that nothing is stored of it before somebody is known.

Only the browser that holds the seal can complete the sign-in; whether it was completed before is asked of the store.
"""

import base64
import binascii
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import msgspec

from consentry.connectors.openid import SignInAttempt
from consentry.domain.credential import random_base62
from consentry.domain.staff import LONGEST, House
from consentry.keyring import Keyring, KeyringError
from consentry.usecases.services import Services

_LENGTH: Final = 43
_LONGEST: Final = 4000


class Purpose(StrEnum):
    """What signing in is for: to come in, to complete a first set-up, or to try a changed provider."""

    COME_IN = "come_in"
    SET_UP = "set_up"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is asked of the answer: whose it is, what it must repeat, and what it was begun for.

    `public_id` is the house's, `version` that of the provider, `then` the path that was wanted, `session_id` the
    session in which a set-up or a change was begun, `begun_at` seconds since 1970, and `max_age` how many seconds
    before that somebody may have signed in at the provider.
    """

    purpose: Purpose
    institution_id: int
    public_id: str
    version: int
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    redirect_uri: str
    then: str
    session_id: str | None
    begun_at: int
    max_age: int

    @property
    def asked(self) -> SignInAttempt:
        """Give what the provider was asked with."""
        return SignInAttempt(
            state=self.state,
            nonce=self.nonce,
            code_verifier=self.code_verifier,
            begun_at=self.begun_at,
            max_age=self.max_age,
        )


@dataclass(frozen=True, slots=True)
class Wish:
    """What a sign-in is to be begun for; the members are those of an attempt.

    With `again` an earlier sign-in at the provider is not enough: it asks anew who it is.
    """

    institution_id: int
    public_id: str
    redirect_uri: str
    purpose: Purpose = Purpose.COME_IN
    then: str = ""
    session_id: str | None = None
    login_hint: str | None = None
    again: bool = False


_read: Final = msgspec.json.Decoder(Attempt).decode


def new_attempt(services: Services, wish: Wish, *, version: int, begun_at: int) -> Attempt:
    """Begin an attempt with fresh random texts."""
    state, nonce, code_verifier = (random_base62(services.choose, length=_LENGTH) for _ in range(3))
    return Attempt(
        purpose=wish.purpose,
        institution_id=wish.institution_id,
        public_id=wish.public_id,
        version=version,
        state=state,
        nonce=nonce,
        code_verifier=code_verifier,
        redirect_uri=wish.redirect_uri,
        then=wish.then,
        session_id=wish.session_id,
        begun_at=begun_at,
        max_age=0 if wish.again else int(LONGEST.total_seconds()),
    )


def seal_attempt(keyring: Keyring, attempt: Attempt, *, house: House) -> str:
    """Seal an attempt for the cookie of a portal."""
    sealed, key_id = keyring.seal(msgspec.json.encode(attempt), purpose=_purpose_of(house))
    return f"{key_id}.{base64.urlsafe_b64encode(sealed).rstrip(b'=').decode()}"


def read_attempt(keyring: Keyring, text: str, *, house: House) -> Attempt | None:
    """Read what `seal_attempt` wrote for this portal; None if it is anything else."""
    key_id, dot, sealed = text.partition(".")
    if not dot or len(text) > _LONGEST or not text.isascii():
        return None
    try:
        opened = keyring.open(
            base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)), key_id=key_id, purpose=_purpose_of(house)
        )
        return _read(opened)
    except (KeyringError, msgspec.DecodeError, binascii.Error, ValueError):
        return None


def _purpose_of(house: House) -> str:
    return f"staff-sign-in:{house.value}"
