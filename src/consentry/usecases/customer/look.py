"""Look at a customer: a member of staff says why, that is recorded, and it holds for half an hour."""

from uuid import UUID

from consentry.domain.actor import Actor
from consentry.domain.customer import Look
from consentry.domain.refusal.request import NotFound
from consentry.domain.scope import is_customer_id
from consentry.domain.staff import check_reason
from consentry.store import audit, customers, looks
from consentry.usecases.services import Services


async def begin_look(
    services: Services, institution_id: int, member_id: UUID, *, customer_id: str, reason: str, actor: Actor
) -> Look:
    """Let a member look at a customer from now on, for the reason given; it is recorded while a look lasts, too.

    Raises:
        InvalidSettings: `reason`; there is none that could be kept.
        NotFound: the institution keeps nothing of such a customer.
        TemporarilyUnavailable: the store can't be reached or can't write; then nothing is shown.
    """
    why = check_reason(reason)
    if not is_customer_id(customer_id):
        raise NotFound
    async with services.session.begin(institution_id) as connection:
        if not await customers.exists(connection, institution_id, customer_id):
            raise NotFound
        begun = await looks.begin(connection, institution_id, member_id, customer_id=customer_id, reason=why)
        await audit.record(
            connection,
            institution_id,
            action="customer.opened",
            actor=actor,
            subject=("customer", customer_id),
            after={"reason_text": why},
        )
    return begun


async def live_look(services: Services, institution_id: int, member_id: UUID, *, customer_id: str) -> Look | None:
    """Give the look that a member has at a customer at this moment, None if there is none.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(institution_id) as connection:
        return await looks.live(connection, institution_id, member_id, customer_id)
