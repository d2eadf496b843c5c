"""Share accounts that the customer opens later by themselves, or ask for each."""

from consentry.domain import consent
from consentry.usecases.consent.changes import ChangeRequest, ConsentChanges, ShownConsent


async def share_new_accounts(changes: ConsentChanges, request: ChangeRequest, *, automatic: bool) -> ShownConsent:
    """Set whether later accounts are shared with the app of a consent; existing ones stay as they are.

    Raises:
        InvalidToken, UnknownConsent: who asks, or for what, is not known.
        StaleEtag, ConsentNotActive, ReadOnlyConsent: the consent can't be changed like this.
        TemporarilyUnavailable: the store failed.
    """
    return await changes.apply(request, consent.share_new_accounts(automatic=automatic))
