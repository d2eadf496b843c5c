"""Stop all sharing on a customer's behalf, in one decision of staff."""

from consentry.domain.actor import Actor
from consentry.domain.consent import Circumstances, Consent, RevocationReason, newest_first, stop_sharing
from consentry.domain.refusal.request import ConsentNotActive, NotFound, ReadOnlyConsent
from consentry.domain.staff import check_reason
from consentry.store import consents, customers
from consentry.store.consents import DecidedChange
from consentry.usecases.consent.stop_all import StoppedAll
from consentry.usecases.services import Services


async def stop_all_for_customer(
    services: Services, institution_id: int, customer_id: str, *, reason: str, actor: Actor
) -> StoppedAll:
    """End every live consent of a customer in one transaction, each with its own history, audit entry and event.

    A consent that the customer gives meanwhile either is ended as well or comes afterwards. Those that another system
    decides about stay live, and are told.

    Raises:
        InvalidSettings: `reason`; there is none that could be kept.
        NotFound: the institution keeps nothing of such a customer.
        ConsentNotActive: nothing that could be stopped was live; nothing was changed.
        TemporarilyUnavailable: the store failed; either all were stopped or none.
    """
    why = check_reason(reason)
    decide = stop_sharing(reason=RevocationReason.STAFF_ACTION.value, reason_text=why)

    async def once() -> StoppedAll:
        decided: list[DecidedChange] = []
        still_live: list[Consent] = []
        async with services.session.begin(institution_id) as connection:
            if not await customers.lock(connection, institution_id, customer_id):
                raise NotFound
            for locked in await customers.lock_unrevoked(connection, institution_id, customer_id):
                if locked.consent is None:
                    continue
                try:
                    change = decide(locked.consent, Circumstances(locked.found.accounts, actor, locked.found.moment))
                except ReadOnlyConsent:
                    still_live.append(locked.consent)
                    continue
                if change is not None:
                    decided.append(DecidedChange(institution_id, customer_id, change, actor))
            if not decided:
                raise ConsentNotActive
            await consents.write(connection, decided)
        stopped = newest_first(each.change.after for each in decided)
        return StoppedAll(stopped=tuple(stopped), still_live=tuple(newest_first(still_live)))

    return await services.session.retried(once)
