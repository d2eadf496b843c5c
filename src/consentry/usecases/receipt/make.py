"""Make a receipt of a consent: as it is now, signed with the institution's own key, its making recorded."""

import hashlib
from dataclasses import dataclass

import msgspec

from consentry.domain.actor import Actor
from consentry.domain.receipt import Receipt, ReceiptFacts, Wording, receipt_of
from consentry.domain.refusal.request import UnknownConsent
from consentry.store import audit, consents, receipts
from consentry.store.consents import CustomersConsent, Subject
from consentry.store.session import Connection
from consentry.usecases.consent.get import get_consent
from consentry.usecases.receipt.keys import ReceiptKey, open_receipt_key
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class ReceiptOrder:
    """Of which consent a receipt is wanted, who asks, and in which words it will be.

    `subject` is the customer by token or page; None where staff or an operator asks, who may do so for any customer.
    """

    institution_id: int
    consent_id: str
    actor: Actor
    wording: Wording
    subject: Subject | None = None


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """A receipt and its signature, a compact JWS (RFC 7515)."""

    receipt: Receipt
    jws: str

    @property
    def digest(self) -> str:
        """Give the SHA-256 of what was signed, in hexadecimal, as it stands in the audit."""
        return hashlib.sha256(self.receipt.to_json()).hexdigest()

    @property
    def file(self) -> bytes:
        """Give the file to hand out: the receipt for people and programs, and the signature over the same bytes."""
        return write_receipt_file(self.receipt.to_json(), self.jws)


async def make_receipt(services: Services, order: ReceiptOrder) -> SignedReceipt:
    """Make and sign a receipt; that it was made, for whom and with which digest, is in the audit.

    Raises:
        InvalidToken: the subject's token or page is not live at this moment.
        UnknownConsent: the customer or, without a subject, the institution has no consent with this id.
        KeyringError: the institution's key can't be opened.
        TemporarilyUnavailable: the store can't be reached or can't write; then there is no receipt.
    """
    if order.subject is not None:
        await get_consent(services.reader, order.subject, consent_id=order.consent_id)
    async with services.session.begin(order.institution_id) as connection:
        found = await consents.by_id(connection, order.institution_id, order.consent_id)
        if found is None or (order.subject is not None and found.customer_id != order.subject.customer_id):
            raise UnknownConsent
        key = await open_receipt_key(connection, services.keyring, order.institution_id)
        signed = await sign_receipt(connection, order.institution_id, found, key=key, wording=order.wording)
        await audit.record(
            connection,
            order.institution_id,
            action="receipt.made",
            actor=order.actor,
            subject=("consent", order.consent_id),
            after={
                "receipt_id": signed.receipt.receipt_id,
                "version": signed.receipt.version,
                "language": order.wording.language,
                "kid": key.kid,
                "sha256": signed.digest,
            },
        )
    return signed


async def sign_receipt(
    connection: Connection, institution_id: int, found: CustomersConsent, *, key: ReceiptKey, wording: Wording
) -> SignedReceipt:
    """Make and sign the receipt of a consent that the transaction has read; the caller records it."""
    consent = found.consent
    facts = await receipts.facts(
        connection, institution_id, consent_id=consent.consent_id, application_id=consent.application_id
    )
    receipt = receipt_of(
        consent,
        found.accounts,
        ReceiptFacts(
            receipt_id=facts.receipt_id,
            made_at=facts.made_at,
            institution=facts.institution,
            institution_name=facts.institution_name,
            customer_id=found.customer_id,
            purpose=facts.purpose,
            disputed_at=facts.disputed_at,
            wording=wording,
        ),
    )
    return SignedReceipt(receipt=receipt, jws=key.sign(receipt))


class ReceiptFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of a receipt: its text, which people and programs read, and what was signed."""

    receipt: msgspec.Raw
    jws: str


def write_receipt_file(payload: bytes, jws: str) -> bytes:
    """Write the file of a receipt, indented for people."""
    return msgspec.json.format(msgspec.json.encode(ReceiptFile(msgspec.Raw(payload), jws)), indent=2) + b"\n"
