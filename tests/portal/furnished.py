"""An institution with something of everything, all marked: a stranger's page that shows any of it is found out."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from consentry.domain.staff import Role
from consentry.store.session import Session
from consentry.usecases.institution.change_origins import add_origin
from consentry.usecases.services import Services
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.conftest import OPERATOR
from tests.portal.parties import add_app, add_intermediary
from tests.portal.visiting import make_member

MARK: Final = "Zanzibar"
"""Is in every name, address and reason of the institution."""
CUSTOMER: Final = "cus-Kilimanjaro"
"""Is in every id of a customer, consent and account, which only some of its own staff may see."""

_MOMENT: Final = datetime(2025, 3, 1, 12, tzinfo=UTC)


async def furnish(services: Services, tenant: Tenant) -> None:
    """Fill an institution: a team, apps of an intermediary, customers with consents live and ended, settings."""
    session = services.session
    for role in Role:
        await make_member(services, tenant.institution_id, role, email=f"{role.value}@{MARK.lower()}.example")
    await add_intermediary(session, tenant, "hub", name=f"{MARK} Hub")
    await add_app(session, tenant, "budget", name=f"{MARK} Budget", intermediary_id="hub", customers=2, live_consents=2)
    await add_app(session, tenant, "lender", name=f"{MARK} Lender", status="disabled", status_reason=f"{MARK} breach")
    accounts = [{**account, "nickname": f"{CUSTOMER} {account['nickname']}"} for account in ACCOUNTS]
    for number in range(2):
        customer_id = f"{CUSTOMER}-{number}"
        await add_customer(session, tenant, customer_id, accounts=accounts)
        await add_consent(session, tenant, customer_id, "budget", f"_{CUSTOMER}-{number}-b")
        await add_consent(session, tenant, customer_id, "lender", f"_{CUSTOMER}-{number}-l", **_ended())
    await add_origin(services, tenant.institution_id, f"https://{MARK.lower()}.example", actor=OPERATOR)
    await _say_why(session, tenant)


def _ended() -> dict[str, Any]:
    shared = json.dumps([])
    return {"revoked_at": _MOMENT, "revoked_by": "customer", "shared_accounts": shared}


async def _say_why(session: Session, tenant: Tenant) -> None:
    async with session.begin(tenant.institution_id) as connection:
        await connection.execute(
            """insert into consentry.customer_blocks (institution_id, customer_id, reason, blocked_at)
               values ($1, $2, $3, consentry.now())""",
            tenant.institution_id,
            f"{CUSTOMER}-1",
            f"{MARK} fraud case",
        )
