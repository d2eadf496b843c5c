"""Stop all sharing with an app, for good."""

from consentry.domain import consent
from consentry.domain.consent import RevocationReason
from consentry.usecases.consent.changes import ChangeRequest, ConsentChanges, ShownConsent


async def stop_sharing(
    changes: ConsentChanges, request: ChangeRequest, *, reason: str = RevocationReason.USER_ACTION
) -> ShownConsent:
    """End a consent; one that has ended already is given as it is.

    Raises:
        InvalidToken, UnknownConsent: who asks, or for what, is not known.
        StaleEtag, ReadOnlyConsent: the consent can't be changed like this.
        TemporarilyUnavailable: the store failed.
    """
    return await changes.apply(request, consent.stop_sharing(reason=str(reason)))
