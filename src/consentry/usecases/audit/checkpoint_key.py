"""The installation's key for checkpoints: made when it is first needed, opened once a process."""

from dataclasses import dataclass, field
from typing import Final

from consentry import jose
from consentry.domain.audit import ChainStatement
from consentry.keyring import Keyring
from consentry.store import installation_keys
from consentry.store.installation_keys import CHECKPOINT, SealedInstallationKey
from consentry.store.session import Session

STATEMENT_KIND: Final = "consentry-checkpoint"


@dataclass(frozen=True, slots=True)
class CheckpointKey:
    """The opened key."""

    kid: str
    secret: bytes = field(repr=False)

    def sign(self, statement: ChainStatement) -> str:
        """Give the signed statement, a compact JWS."""
        return jose.sign_statement(statement.to_json(), kind=STATEMENT_KIND, kid=self.kid, key=self.secret)


async def open_checkpoint_key(session: Session, keyring: Keyring) -> CheckpointKey:
    """Give the key that signs checkpoints; the first who asks makes it.

    Raises:
        KeyringError: it is stored under a key-encryption key that is not here.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with session.begin() as connection:
        found = await installation_keys.current(connection, CHECKPOINT)
        if found is None:
            kid, secret, public_key = jose.new_statement_key()
            sealed_key, sealed_under = keyring.seal(secret, purpose=purpose_of(kid))
            made = SealedInstallationKey(kid, public_key, sealed_key, sealed_under)
            if await installation_keys.add(connection, CHECKPOINT, made):
                return CheckpointKey(kid=kid, secret=secret)
            # Another process made it at the same moment: its key is the one.
            found = await installation_keys.current(connection, CHECKPOINT)
    if found is None:
        raise AssertionError
    secret = keyring.open(found.sealed_key, key_id=found.sealed_under, purpose=purpose_of(found.kid))
    return CheckpointKey(kid=found.kid, secret=secret)


def purpose_of(kid: str) -> str:
    """Name what a sealed key of the installation is for, so that it opens as nothing else."""
    return f"installation-key:{kid}"
