"""Customers as the screens must be able to show them: with no apps, a few in all states, many, and hostile names."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from consentry.store.session import Session
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer

ALL = json.dumps([account["account_id"] for account in ACCOUNTS])
CLUSTERS = json.dumps(["ACCOUNT_BASIC", "BALANCES", "TRANSACTIONS", "CUSTOMER_CONTACT"])
POLYGLOTS = (
    "\"'><img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "javascript:alert(1)//`${alert(1)}`{{7*7}}{% raw %}",
    "<svg/onload=alert(1)><style>*{display:none}</style>",
    "\u202eknaB eurT\u202c <b>Budget</b> &lt;i&gt;",
)
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsversicherung"


@dataclass(frozen=True, slots=True)
class Household:
    """Writes customers of one institution."""

    session: Session
    tenant: Tenant

    async def nobody(self, customer_id: str = "nobody") -> str:
        """Make a customer who shares nothing."""
        await add_customer(self.session, self.tenant, customer_id)
        return customer_id

    async def single(self, customer_id: str = "single", **columns: Any) -> str:
        """Make a customer who shares the first of three accounts with one app, `budget`, consent `_budget`."""
        await add_customer(self.session, self.tenant, customer_id)
        await self.consent(customer_id, "budget", "Budget Buddy", f"_budget-{customer_id}", **columns)
        return customer_id

    async def every_state(self, customer_id: str = "states") -> str:
        """Make a customer with an app in each state: two live, one about to end, four that ended."""
        await add_customer(self.session, self.tenant, customer_id)
        now = datetime.now(UTC)
        day = timedelta(days=1)
        await self.intermediary("linker", "Linker Data Networks")
        stopped = {"revoked_at": now - 40 * day}
        states: dict[str, tuple[str, dict[str, Any]]] = {
            "budget": ("Budget Buddy", {"last_accessed": now - timedelta(minutes=1), "shared_accounts": ALL}),
            "lender": ("Lendwell", {"expires_at": now + 9 * day, "auto_share": True}),
            "mirror": ("Tax Helper", {"read_only": True, "last_accessed": now - 3 * day}),
            "old": ("Old Planner", {**stopped, "revoked_by": "customer", "revocation_reason": "customer_request"}),
            "gone": ("Gone Savings", {**stopped, "revoked_by": "recipient"}),
            "barred": ("Barred Broker", {**stopped, "revoked_by": "institution"}),
            "over": ("One-off Check", {"expires_at": now - day}),
        }
        for key, (name, columns) in states.items():
            await self.consent(customer_id, key, name, f"_{key}-{customer_id}", **columns)
        await self.sql("update consentry.applications set intermediary_id = 'linker' where application_id = 'lender'")
        return customer_id

    async def many(self, customer_id: str = "many", *, apps: int = 12) -> str:
        """Make a customer with so many live apps that the list is searched."""
        await add_customer(self.session, self.tenant, customer_id)
        for number in range(apps):
            name = f"App {chr(65 + number)}"
            await self.consent(customer_id, f"app-{number}", name, f"_app-{number}-{customer_id}", shared_accounts=ALL)
        return customer_id

    async def hostile(self, customer_id: str = "hostile", names: Sequence[str] = (*POLYGLOTS, LONG)) -> str:
        """Make a customer whose apps, purposes, accounts and intermediaries bear names that try to act."""
        accounts = [
            {"account_id": f"ACT-{number}<'\">&/?#%", "nickname": name, "account_number_display": "XXXXXXXX0000"}
            for number, name in enumerate(names)
        ]
        await add_customer(self.session, self.tenant, customer_id, accounts=accounts)
        everything = json.dumps([account["account_id"] for account in accounts])
        for number, name in enumerate(names):
            application = f"hostile-{number}"
            await self.intermediary(application, name)
            await self.consent(
                customer_id, application, name, f"_hostile-{number}-{customer_id}", shared_accounts=everything
            )
            await self.sql(
                """update consentry.applications set intermediary_id = application_id, purpose = $1, category = $1,
                   website = 'javascript:alert(1)' where application_id = $2""",
                name,
                application,
            )
        return customer_id

    async def consent(self, customer_id: str, application_id: str, name: str, consent_id: str, **columns: Any) -> str:
        """Store a consent, and the app under its name."""
        granted = datetime.now(UTC) - timedelta(days=100)
        values = {"created_at": granted, "consented_on": granted, "data_clusters": CLUSTERS, **columns}
        await add_consent(self.session, self.tenant, customer_id, application_id, consent_id, **values)
        await self.sql(
            "update consentry.applications set name = $1, icon_url = null where application_id = $2",
            name,
            application_id,
        )
        return consent_id

    async def intermediary(self, intermediary_id: str, name: str) -> None:
        """Store an intermediary."""
        await self.sql(
            "insert into consentry.intermediaries (institution_id, intermediary_id, name) values ($1, $2, $3)",
            self.tenant.institution_id,
            intermediary_id,
            name,
        )

    async def sql(self, statement: str, *values: object) -> None:
        """Run a statement as the institution, which sees its own rows alone."""
        async with self.session.begin(self.tenant.institution_id) as connection:
            await connection.execute(statement, *values)
