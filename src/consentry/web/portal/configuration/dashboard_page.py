"""Consent Dashboard Management as it is shown: what the other modules of this folder change, and answer with."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from consentry.domain.credential import Credentials
from consentry.domain.refusal.institution import NoCredentials
from consentry.domain.test_customer import MOST_TEST_CUSTOMERS, TestCustomer
from consentry.usecases.credentials.show import show_credentials
from consentry.usecases.institution.change_origins import list_origins
from consentry.usecases.preview.list_test_customers import list_test_customers
from consentry.web.portal.configuration import snippets
from consentry.web.portal.configuration.addresses import Addresses
from consentry.web.portal.lists import told_of
from consentry.web.portal.rendering import render
from consentry.web.portal.signed_in import SignedIn

PATH: Final = "/admin/configuration/consent-dashboard"
SECTION: Final = "configuration.consent_dashboard"
TITLE: Final = "Consent Dashboard Management"
NOBODY: Final = "customer-1"
"""The customer in examples where there is no test customer."""
_ENDED_SHOWN: Final = 3
_TOLD: Final = {
    "leaked": "All secrets, tokens and open dashboards have ended. Make a new secret when your servers are safe.",
    "origin": "This site may embed the dashboard now.",
    "origin-removed": "This site may embed the dashboard no longer.",
    "customer": "The test customer was added.",
}


@dataclass(frozen=True, slots=True)
class ShownSecret:
    """A secret as the page lists it: `state` is current, previous or ended."""

    state: str
    display: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


async def show_dashboard_page(
    addresses: Addresses,
    request: Request,
    staff: SignedIn,
    *,
    status: int = 200,
    refused: str = "",
    origin: str = "",
    origin_problem: str = "",
) -> Response:
    """Show the page; `refused` says at its top why something was not done, `origin_problem` beside the field."""
    services = addresses.services
    address = await addresses.of(request, staff.institution_id)
    customers = await list_test_customers(services, staff.institution_id)
    try:
        described = await show_credentials(services, staff.institution_id)
    except NoCredentials:
        described = None
    client_id = described.credentials.client_id if described else ""
    secrets = listed(described.credentials, described.moment) if described else []
    return render(
        staff,
        "configuration/consent_dashboard.html",
        title=TITLE,
        section=SECTION,
        status=status,
        path=PATH,
        told="" if refused or origin_problem else told_of(request, _TOLD),
        refused=refused,
        described=described,
        secrets=secrets,
        has_live=any(secret.state != "ended" for secret in secrets),
        address=address,
        curl=snippets.token_request(address.origin, client_id=client_id, customer_id=example_customer(customers)),
        list_curl=snippets.consents_request(address.origin),
        embedding=snippets.embedding(address.origin),
        origins=await list_origins(services, staff.institution_id),
        origin=origin,
        origin_problem=origin_problem,
        customers=customers,
        most_customers=MOST_TEST_CUSTOMERS,
    )


def example_customer(customers: list[TestCustomer]) -> str:
    """Give the customer whom examples ask about: a test customer if there is one."""
    return customers[0].customer_id if customers else NOBODY


def listed(credentials: Credentials, moment: datetime) -> list[ShownSecret]:
    """Give the live secrets and the last few that have ended, newest first."""
    shown: list[ShownSecret] = []
    ended = 0
    for secret in credentials.secrets:
        state = "current" if secret is credentials.secrets[0] else "previous"
        if not secret.is_live(moment):
            state = "ended"
            ended += 1
            if ended > _ENDED_SHOWN:
                continue
        shown.append(ShownSecret(state, secret.display, secret.created_at, secret.last_used_at, secret.expires_at))
    return shown
