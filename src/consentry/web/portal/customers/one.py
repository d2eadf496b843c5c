"""One customer: consents as the customer sees them, accounts, the block, and who looked; the same as CSV."""

from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from consentry.domain.actor import ActorKind
from consentry.domain.consent import Consent, CustomerConsents, newest_first
from consentry.domain.customer import Block
from consentry.domain.staff import Role
from consentry.usecases.customer.get import CustomerFile, get_customer
from consentry.usecases.services import Services
from consentry.web.embed.cards import visible
from consentry.web.portal.customers.as_seen import seen_listing
from consentry.web.portal.customers.looked import Visit
from consentry.web.portal.customers.timeline import lines_of, who
from consentry.web.portal.lists import csv_answer, told_of
from consentry.web.portal.segments import segment
from consentry.web.portal.words import second

MAY_CHANGE: Final = (Role.ADMIN, Role.SUPPORT)
MAY_READ: Final = (*MAY_CHANGE, Role.COMPLIANCE)
_TOLD: Final = {
    "stopped": "Sharing has stopped. The app can no longer read anything, and the customer sees that the bank did it.",
    "stopped_all": "All sharing has stopped. The customer sees with each app that the bank did it.",
    "some_stopped": "All sharing that is decided here has stopped. What another system decides about is live still.",
    "blocked": "New connections are blocked. What is connected stays.",
    "blocked_already": "New connections were blocked already; nothing was changed.",
    "unblocked": "The customer can connect apps again.",
    "unblocked_already": "Nothing was blocked; nothing was changed.",
    "ended": "Nothing is left that could be stopped.",
}
_HEADINGS: Final = (
    "Consent",
    "App",
    "App id",
    "Intermediary",
    "Status",
    "Since (UTC)",
    "Until (UTC)",
    "Ended (UTC)",
    "Ended by",
    "Reason code",
    "Accounts shared",
    "Data",
    "Last access (UTC)",
)


class OnePages:
    """The page of a customer, and its consents as a file."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def show(self, request: Request, visit: Visit) -> Response:
        """Show everything about a customer."""
        staff = visit.staff
        found = await get_customer(self._services, staff.institution_id, visit.customer_id)
        return visit.show(
            "customers/one.html",
            told=told_of(request, _TOLD),
            seen=seen_listing(found.customer, held=found.held),
            accounts=[a._replace(nickname=visible(a.nickname)) for a in found.customer.accounts.accounts],
            block=found.block,
            blocked_by=_blocked_by(found.block, found),
            lines=lines_of(found.entries, found.names),
            may_change=staff.role in MAY_CHANGE,
        )

    async def csv(self, _: Request, visit: Visit) -> Response:
        """Give a customer's consents as CSV, newest first."""
        found = await get_customer(
            self._services,
            visit.staff.institution_id,
            visit.customer_id,
            download=visit.staff.takes("consents of a customer", subject=("customer", visit.customer_id)),
        )
        kept = newest_first(found.customer.consents)
        name = f"consents-{segment(visit.customer_id)[:80]}.csv"
        return csv_answer(name, _HEADINGS, (_row(consent, found.customer) for consent in kept))


def _blocked_by(block: Block | None, found: CustomerFile) -> str:
    return "" if block is None else who(ActorKind.STAFF.value, block.blocked_by, found.names)


def _row(consent: Consent, customer: CustomerConsents) -> tuple[object, ...]:
    now = customer.moment
    shared = [a for a in customer.accounts.accounts if a.account_id in consent.shared_accounts]
    return (
        consent.consent_id,
        consent.application_name,
        consent.application_id,
        consent.intermediary_name,
        consent.status(now).value,
        second(consent.consented_on),
        second(consent.expires_at),
        second(_ended_at(consent, now)),
        consent.revoked_by,
        consent.revocation_reason,
        "; ".join(f"{visible(a.nickname)} {a.number_display[-4:]}" for a in shared),
        "; ".join(consent.data_clusters),
        second(consent.last_accessed),
    )


def _ended_at(consent: Consent, now: datetime) -> datetime | None:
    return consent.revoked_at or (consent.expires_at if consent.has_ended(now) else None)
