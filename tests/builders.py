"""What tests are made of: an institution's credentials, and customers with accounts and consents, written by SQL."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from consentry.store.session import Session

ACCOUNTS = (
    {"account_id": "ACT-1~checking", "nickname": "Everyday Checking", "account_number_display": "XXXXXXXX1234"},
    {"account_id": "ACT-2:savings", "nickname": "Rainy Day", "account_number_display": "XXXXXXXX5678"},
    {"account_id": "ACT-3/card", "nickname": "Travel Card", "account_number_display": "XXXXXXXX9012"},
)


@dataclass(frozen=True, slots=True)
class Tenant:
    """An institution and its credentials in clear."""

    institution_id: int
    public_id: str
    client_id: str
    client_secret: str = field(repr=False)

    @property
    def basic(self) -> tuple[str, str]:
        return self.client_id, self.client_secret


async def add_customer(
    session: Session, tenant: Tenant, customer_id: str, *, accounts: Sequence[dict[str, str]] = ACCOUNTS
) -> None:
    """Store a customer with accounts."""
    async with session.begin(tenant.institution_id) as connection:
        await connection.execute(
            "insert into consentry.customers (institution_id, customer_id, accounts) values ($1, $2, $3)",
            tenant.institution_id,
            customer_id,
            json.dumps(list(accounts)),
        )


async def add_application(session: Session, tenant: Tenant, application_id: str, *, name: str | None = None) -> None:
    """Store an app."""
    async with session.begin(tenant.institution_id) as connection:
        await connection.execute(
            """insert into consentry.applications (institution_id, application_id, name, icon_url)
               values ($1, $2, $3, $4) on conflict do nothing""",
            tenant.institution_id,
            application_id,
            name or application_id.title(),
            f"https://icons.example/{application_id}.png",
        )


async def add_consent(
    session: Session, tenant: Tenant, customer_id: str, application_id: str, consent_id: str, **columns: Any
) -> str:
    """Store a consent of a customer to an app (made if missing) and give its id; `columns` override the defaults."""
    await add_application(session, tenant, application_id)
    moment = datetime(2024, 6, 14, 19, 48, 18, 354000, tzinfo=UTC)
    values: dict[str, Any] = {
        "institution_id": tenant.institution_id,
        "consent_id": consent_id,
        "customer_id": customer_id,
        "application_id": application_id,
        "created_at": moment,
        "consented_on": moment,
        "shared_accounts": json.dumps([ACCOUNTS[0]["account_id"]]),
        "data_clusters": json.dumps(["ACCOUNT_BASIC", "TRANSACTIONS"]),
        **columns,
    }
    async with session.begin(tenant.institution_id) as connection:
        await connection.execute(
            f"""insert into consentry.consents ({", ".join(values)})
                values ({", ".join(f"${n}" for n in range(1, len(values) + 1))})""",
            *values.values(),
        )
    return consent_id
