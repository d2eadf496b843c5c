"""List a customer's consents for an operator, who has no token; the look itself is recorded."""

from consentry.domain.actor import Actor
from consentry.domain.consent import CustomerConsents
from consentry.domain.refusal.request import InvalidScope
from consentry.domain.scope import is_customer_id
from consentry.store import audit, consents
from consentry.usecases.services import Services


async def list_for_operator(
    services: Services, institution_id: int, customer_id: str, *, actor: Actor
) -> CustomerConsents:
    """Give all consents that are kept of a customer, in no particular order.

    Raises:
        InvalidScope: no customer can have this id.
        TemporarilyUnavailable: the store can't be reached or can't write; then nothing is shown.
    """
    if not is_customer_id(customer_id):
        raise InvalidScope("A customer's id has 1 to 255 visible ASCII characters and no space.")
    async with services.session.begin(institution_id) as connection:
        found = await consents.of_customer(connection, institution_id, customer_id)
        await audit.record(
            connection,
            institution_id,
            action="consents.listed",
            actor=actor,
            subject=("customer", customer_id),
            after={"consents": len(found.consents)},
        )
    return found
