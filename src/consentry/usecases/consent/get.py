"""Get one consent of the customer."""

from consentry.domain.refusal.request import UnknownConsent
from consentry.store.consents import ConsentReader, Subject
from consentry.usecases.consent.changes import ShownConsent


async def get_consent(reader: ConsentReader, subject: Subject, *, consent_id: str) -> ShownConsent:
    """Give one consent of the token's customer, live or ended.

    Raises:
        InvalidToken: the token is not live at this moment.
        UnknownConsent: this customer has no consent with this id.
        TemporarilyUnavailable: the store can't be reached.
    """
    customer = await reader.read(subject)
    for consent in customer.consents:
        if consent.consent_id == consent_id:
            return ShownConsent(consent=consent, customer=customer)
    raise UnknownConsent
