"""An institution's key for receipts: made when it is first needed, rotated, and its public halves."""

from dataclasses import dataclass, field
from typing import Final

from consentry import jose
from consentry.domain.actor import Actor
from consentry.domain.institution import is_public_id
from consentry.domain.receipt import Receipt
from consentry.domain.refusal.institution import UnknownInstitution
from consentry.keyring import Keyring
from consentry.store import audit, institutions, receipt_keys
from consentry.store.receipt_keys import SealedReceiptKey
from consentry.store.session import Connection, Session
from consentry.usecases.services import Services

RECEIPT_KIND: Final = "consentry-receipt"


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """An opened key."""

    kid: str
    secret: bytes = field(repr=False)

    def sign(self, receipt: Receipt) -> str:
        """Give the signed receipt, a compact JWS."""
        return jose.sign_statement(receipt.to_json(), kind=RECEIPT_KIND, kid=self.kid, key=self.secret)


async def open_receipt_key(connection: Connection, keyring: Keyring, institution_id: int) -> ReceiptKey:
    """Give the key that signs an institution's receipts now; the first who asks makes it, in the same transaction.

    Raises:
        KeyringError: it is stored under a key-encryption key that is not here.
    """
    found = await receipt_keys.current(connection, institution_id)
    if found is None:
        await _add(connection, keyring, institution_id)
        # Another process may have made it at the same moment: whichever is stored is the one.
        found = await receipt_keys.current(connection, institution_id)
    if found is None:
        raise AssertionError
    secret = keyring.open(found.sealed_key, key_id=found.sealed_under, purpose=purpose_of(found.kid))
    return ReceiptKey(kid=found.kid, secret=secret)


async def rotate_receipt_key(services: Services, institution_id: int, *, actor: Actor) -> str:
    """Sign receipts with a new key from now on, and give its id; older receipts stay verifiable.

    Raises:
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with services.session.begin(institution_id) as connection:
        await institutions.lock(connection, institution_id)
        before = await receipt_keys.retire(connection, institution_id)
        kid = await _add(connection, services.keyring, institution_id)
        await audit.record(
            connection,
            institution_id,
            action="receipt_key.rotated",
            actor=actor,
            subject=("receipt key", kid),
            before={"kid": before},
            after={"kid": kid},
        )
    return kid


async def receipt_public_keys(session: Session, *, institution: str) -> dict[str, str]:
    """Give the public keys, JWKs by id, that ever signed receipts of an institution (its public id); maybe none yet.

    Raises:
        UnknownInstitution: there is none with this id.
        TemporarilyUnavailable: the store can't be reached.
    """
    if not is_public_id(institution):
        raise UnknownInstitution
    async with session.connection() as connection:
        institution_id = await institutions.id_of(connection, institution)
    if institution_id is None:
        raise UnknownInstitution
    async with session.begin(institution_id) as connection:
        return await receipt_keys.public_keys(connection, institution_id)


def purpose_of(kid: str) -> str:
    """Name what a sealed key of receipts is for, so that it opens as nothing else."""
    return f"receipt-key:{kid}"


async def _add(connection: Connection, keyring: Keyring, institution_id: int) -> str:
    kid, secret, public_key = jose.new_statement_key()
    sealed_key, sealed_under = keyring.seal(secret, purpose=purpose_of(kid))
    await receipt_keys.add(connection, institution_id, SealedReceiptKey(kid, public_key, sealed_key, sealed_under))
    return kid
