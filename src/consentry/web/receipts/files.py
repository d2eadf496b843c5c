"""A receipt as the files that are handed out: the PDF to read, with the signed JSON attached, and the JSON itself."""

import asyncio
import threading
from dataclasses import dataclass
from typing import Final

from consentry.domain.actor import Actor
from consentry.store.consents import Subject
from consentry.usecases.receipt.make import ReceiptOrder, SignedReceipt
from consentry.usecases.receipt.make import make_receipt as make_signed_receipt
from consentry.usecases.services import Services
from consentry.web.receipts.composing import compose, wording_of
from consentry.web.receipts.language import Language, Names

_drawing: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class ReceiptFiles:
    """One receipt in both forms, and its id."""

    receipt_id: str
    pdf: bytes
    json: bytes


@dataclass(frozen=True, slots=True)
class OfInstitution:
    """Staff or an operator of an institution, who may have a receipt of any of its consents."""

    institution_id: int


async def make_receipt(
    services: Services, who: Subject | OfInstitution, consent_id: str, *, actor: Actor, language: Language, names: Names
) -> ReceiptFiles:
    """Make a receipt of a consent in a language; `who` is the customer by token or page, or the institution's staff.

    Raises:
        InvalidToken: the customer's token or page is not live at this moment.
        UnknownConsent: there is no such consent of this customer or institution.
        TemporarilyUnavailable: the store can't be reached or can't write; then there is no receipt.
    """
    order = ReceiptOrder(
        institution_id=who.institution_id,
        consent_id=consent_id,
        actor=actor,
        wording=wording_of(language, names),
        subject=who if isinstance(who, Subject) else None,
    )
    signed = await make_signed_receipt(services, order)
    pdf = await asyncio.to_thread(pdf_of, signed, language, names)
    return ReceiptFiles(receipt_id=signed.receipt.receipt_id, pdf=pdf, json=signed.file)


def pdf_of(signed: SignedReceipt, language: Language, names: Names) -> bytes:
    """Draw a signed receipt; call it in a thread. One is drawn at a time, so that many leave time for other requests.

    What draws is first imported here, so that a process that draws none stays small.
    """
    from consentry.web.receipts.drawing import draw

    with _drawing:
        return draw(compose(signed, language, names))
