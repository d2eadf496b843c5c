"""What the staff of the made-up bank did before one came: decisions about apps, help for customers, and a refusal.

Every step is a use case, as a page of the portal would have called it, so that the logs say what they say of anybody.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from consentry.domain.actor import Actor, ActorKind
from consentry.domain.application import AppDecision
from consentry.sandbox.people import people_of
from consentry.sandbox.words import INSTITUTION
from consentry.store import staff
from consentry.store.sandbox import MadeUpBank, MadeUpConsent
from consentry.usecases.application.decide import decide_about_app
from consentry.usecases.customer.block import block_customer
from consentry.usecases.customer.look import begin_look
from consentry.usecases.customer.stop import stop_for_customer
from consentry.usecases.services import Services
from consentry.usecases.staff.remember_refusal import remember_refusal

_SOURCE: Final = "127.0.0.1"
_FAMILIAR: Final = 20  # the first customers are met in the bank's app, and stay as they are

_DECISIONS: Final = (
    ("hollenby", AppDecision.DISABLE, "Asks for more data than its registration says; asked for an explanation."),
    ("hollenby", AppDecision.ENABLE, "Has corrected its registration; checked with its operator by phone."),
    ("cindermark", AppDecision.DISABLE, "Reported that tokens of its customers leaked. Stopped until it has new keys."),
)


async def tell_story(services: Services, institution_id: int, bank: MadeUpBank) -> None:
    """Let the staff of the bank do what stands in its logs from then on.

    Raises:
        TemporarilyUnavailable: the store failed; what was done stays done.
    """
    members = await _members(services, institution_id)
    admin, support, _, user = (members[person.email] for person in people_of(INSTITUTION))
    for application_id, decision, reason in _DECISIONS:
        await decide_about_app(services, institution_id, application_id, decision, reason=reason, actor=_actor(admin))
    await _help(services, institution_id, support, bank)
    await remember_refusal(
        services,
        institution_id,
        action="portal.customers",
        why="not_allowed",
        page="/admin/customers",
        about={},
        actor=_actor(user),
    )


async def _help(services: Services, institution_id: int, member_id: UUID, bank: MadeUpBank) -> None:
    """Look customers up who called: one does not recognise an app, one has lost a telephone."""
    actor = _actor(member_id)
    familiar = {customer.customer_id for customer in bank.customers[:_FAMILIAR]}
    live = {consent.customer_id: consent for consent in bank.consents if _is_live(consent)}
    stopped, lost, *_ = (consent for customer_id, consent in live.items() if customer_id not in familiar)
    await begin_look(
        services,
        institution_id,
        member_id,
        customer_id=stopped.customer_id,
        reason="Ticket 48213: does not recognise an app",
        actor=actor,
    )
    await stop_for_customer(
        services,
        institution_id,
        stopped.customer_id,
        consent_id=stopped.consent_id,
        reason="Ticket 48213: customer does not recognise it and asked on the phone to stop it",
        actor=actor,
    )
    reason = "Ticket 48260: telephone stolen; no new apps until the customer has been to a branch"
    await begin_look(services, institution_id, member_id, customer_id=lost.customer_id, reason=reason, actor=actor)
    await block_customer(services, institution_id, lost.customer_id, reason=reason, actor=actor)


async def _members(services: Services, institution_id: int) -> Mapping[str, UUID]:
    async with services.session.begin(institution_id) as connection:
        return {member.email: member.member_id for member in await staff.members(connection, institution_id)}


def _actor(member_id: UUID) -> Actor:
    return Actor(ActorKind.STAFF, str(member_id), _SOURCE)


def _is_live(consent: MadeUpConsent) -> bool:
    is_open = consent.expires is None or consent.expires.days < 0
    return is_open and consent.revoked is None and consent.paused is None and bool(consent.shared_accounts)
