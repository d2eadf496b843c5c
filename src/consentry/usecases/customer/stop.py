"""Stop sharing with an app on a customer's behalf: staff decides, says why, and the customer reads it."""

from consentry.domain.actor import Actor
from consentry.domain.consent import Circumstances, Consent, RevocationReason, stop_sharing
from consentry.domain.refusal.request import ConsentNotActive, UnknownConsent
from consentry.domain.staff import check_reason
from consentry.store import consents, customers
from consentry.store.consents import DecidedChange
from consentry.usecases.services import Services


async def stop_for_customer(
    services: Services, institution_id: int, customer_id: str, *, consent_id: str, reason: str, actor: Actor
) -> Consent:
    """End a customer's consent in the institution's name; one transaction with its history, audit entry and event.

    Of several who decide at once, the customer among them, one ends it and the others are refused.

    Raises:
        InvalidSettings: `reason`; there is none that could be kept.
        UnknownConsent: the customer has no consent with this id.
        ConsentNotActive: it has ended already; nothing was changed.
        ReadOnlyConsent: another system decides about it.
        TemporarilyUnavailable: the store can't be reached or can't write; then nothing was changed, unless the answer
            to a commit was lost.
    """
    why = check_reason(reason)

    async def once() -> Consent:
        async with services.session.begin(institution_id) as connection:
            locked = await customers.lock_consent(connection, institution_id, customer_id, consent_id)
            if locked is None or locked.consent is None:
                raise UnknownConsent
            decide = stop_sharing(reason=RevocationReason.STAFF_ACTION.value, reason_text=why)
            change = decide(locked.consent, Circumstances(locked.found.accounts, actor, locked.found.moment))
            if change is None:
                raise ConsentNotActive
            await consents.write(connection, [DecidedChange(institution_id, customer_id, change, actor)])
        return change.after

    return await services.session.retried(once)
