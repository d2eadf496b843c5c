"""Institutions' signing keys, opened once a process and kept: what a key id names never changes."""

from dataclasses import dataclass, field
from typing import Final

from consentry.domain.refusal.request import InvalidToken
from consentry.keyring import Keyring
from consentry.store import institutions
from consentry.store.session import Connection, Session

_MOST_KEPT: Final = 10_000
LONGEST_KID: Final = 64


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An opened signing key of 32 bytes, and whose it is."""

    institution_id: int
    institution: str
    key: bytes = field(repr=False)


class SigningKeys:
    """Finds signing keys by their id."""

    def __init__(self, session: Session, keyring: Keyring) -> None:
        self._session = session
        self._keyring = keyring
        self._kept: dict[str, SigningKey] = {}

    async def get(self, kid: str) -> SigningKey:
        """Give the key that a token's `kid` names.

        Raises:
            InvalidToken: there is no such key.
            TemporarilyUnavailable: the store can't be reached.
        """
        kept = self._kept.get(kid)
        if kept is not None:
            return kept
        if len(kid) > LONGEST_KID or not kid.isalnum():
            raise InvalidToken
        async with self._session.connection() as connection:
            found = await institutions.signing_key(connection, kid)
        if found is None:
            raise InvalidToken
        key = self._keyring.open(found.sealed_key, key_id=found.sealed_under, purpose=purpose_of(kid))
        opened = SigningKey(institution_id=found.institution_id, institution=found.institution, key=key)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[kid] = opened
        return opened


async def add_signing_key(
    connection: Connection, keyring: Keyring, institution_id: int, *, kid: str, key: bytes
) -> None:
    """Encrypt and store a new signing key; from the end of the transaction on, tokens are signed with it."""
    await institutions.add_signing_key(
        connection, institution_id, kid=kid, sealed=keyring.seal(key, purpose=purpose_of(kid))
    )


def purpose_of(kid: str) -> str:
    """Name what a sealed signing key is for, so that it opens as nothing else."""
    return f"signing-key:{kid}"
