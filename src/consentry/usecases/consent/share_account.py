"""Share one account with an app, or stop sharing it."""

from consentry.domain import consent
from consentry.usecases.consent.changes import ChangeRequest, ConsentChanges, ShownConsent


async def share_account(
    changes: ConsentChanges, request: ChangeRequest, *, account_id: str, enabled: bool
) -> ShownConsent:
    """Switch an account on or off for the app of a consent; asked again, nothing changes and nothing is recorded.

    Raises:
        InvalidToken, UnknownConsent, UnknownAccount: who asks, or for what, is not known.
        StaleEtag, ConsentNotActive, ReadOnlyConsent: the consent can't be changed like this.
        TemporarilyUnavailable: the store failed.
    """
    return await changes.apply(request, consent.share_account(account_id, enabled=enabled))
