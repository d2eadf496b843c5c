"""Block a customer's new connections, and lift the block; what is connected stays."""

from consentry.domain.actor import Actor
from consentry.domain.customer import check_may_connect
from consentry.domain.refusal.request import NotFound
from consentry.domain.staff import check_reason
from consentry.store import audit, blocks, customers
from consentry.usecases.services import Services


async def block_customer(
    services: Services, institution_id: int, customer_id: str, *, reason: str, actor: Actor
) -> bool:
    """Block new connections of a customer; False if they were blocked already, then nothing is changed.

    A connection that is being made at this moment is waited for.

    Raises:
        InvalidSettings: `reason`; there is none that could be kept.
        NotFound: the institution keeps nothing of such a customer.
        TemporarilyUnavailable: the store can't be reached or can't write; then nothing was changed.
    """
    why = check_reason(reason)
    async with services.session.begin(institution_id) as connection:
        if not await customers.lock(connection, institution_id, customer_id):
            raise NotFound
        added = await blocks.add(connection, institution_id, customer_id, reason=why, blocked_by=actor.actor_id)
        if added:
            await audit.record(
                connection,
                institution_id,
                action="customer.blocked",
                actor=actor,
                subject=("customer", customer_id),
                before={"new_connections": "allowed"},
                after={"new_connections": "blocked", "reason_text": why},
            )
    return added


async def unblock_customer(
    services: Services, institution_id: int, customer_id: str, *, reason: str, actor: Actor
) -> bool:
    """Let a customer connect apps again; False if nothing was blocked, then nothing is changed.

    Raises:
        InvalidSettings: `reason`; there is none that could be kept.
        TemporarilyUnavailable: the store can't be reached or can't write; then nothing was changed.
    """
    why = check_reason(reason)
    async with services.session.begin(institution_id) as connection:
        lifted = await blocks.lift(connection, institution_id, customer_id)
        if lifted is not None:
            await audit.record(
                connection,
                institution_id,
                action="customer.unblocked",
                actor=actor,
                subject=("customer", customer_id),
                before={"new_connections": "blocked", "reason_text": lifted.reason},
                after={"new_connections": "allowed", "reason_text": why},
            )
    return lifted is not None


async def require_may_connect(services: Services, institution_id: int, customer_id: str) -> None:
    """Require that a customer may connect an app: what an authorization asks before it shows anything.

    Whoever writes the consent asks `blocks.of` again in that transaction, with the customer locked.

    Raises:
        ConnectionsBlocked: staff has blocked new connections.
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(institution_id) as connection:
        check_may_connect(await blocks.of(connection, institution_id, customer_id))
