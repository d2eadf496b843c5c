"""Customers for the tests of their pages: one with two consents, and what is needed to look at them."""

import html
import re
from typing import Final

import httpx

from consentry.store.session import Session
from consentry.web.portal.customers.paths import customer_of
from tests.builders import Tenant, add_consent, add_customer
from tests.portal.visiting import Visitor

CUSTOMER: Final = "U-1"
REASON: Final = "Ticket 4711: lost phone"


async def household(session: Session, tenant: Tenant, customer_id: str = CUSTOMER, *, mark: str = "a") -> list[str]:
    """Store a customer with consents to two apps, whose ids `mark` keeps apart; give them, the older first."""
    await add_customer(session, tenant, customer_id)
    return [await add_consent(session, tenant, customer_id, app, f"_{mark}-{app}") for app in ("budget", "lender")]


def opened(visitor: Visitor, customer_id: str = CUSTOMER, *, reason: str = REASON) -> str:
    """Open a customer, and give the path of the customer's page."""
    answer = visitor.post("/admin/customers/open", {"customer": customer_id, "reason": reason})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def links_of(page: httpx.Response) -> list[str]:
    """Give where a page's links and forms lead."""
    return [html.unescape(found) for found in re.findall(r'(?:href|action)="([^"]+)"', page.text)]


def found_in(page: httpx.Response) -> list[str]:
    """Give the customers that a page of the search lists."""
    paths = [path for path in links_of(page) if path.startswith("/admin/customer/")]
    return [customer_of(path.removeprefix("/admin/customer/")) for path in paths]
