"""Dispute a consent: the customer does not recognise the app."""

from consentry.domain import consent
from consentry.usecases.consent.changes import ChangeRequest, ConsentChanges, ShownConsent


async def dispute(changes: ConsentChanges, request: ChangeRequest) -> ShownConsent:
    """End a consent that the customer does not recognise, and tell the bank: the event CONSENT_DISPUTED.

    A live one ends with the reason `not_recognised`, which tells the app side as every end does, CONSENT_REVOKED. The
    dispute itself is recorded once, whether or not there was anything to end: one that had ended, or that another
    system decides, stays as it is and is disputed all the same. What the caller knew of the consent does not matter.

    Raises:
        InvalidToken, UnknownConsent: who asks, or about what, is not known.
        TemporarilyUnavailable: the store failed.
    """
    return await changes.apply(request, consent.stop_unrecognised(), is_disputed=True)
