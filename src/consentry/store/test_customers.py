"""Test customers: written with what they begin with, and found again as what they are."""

import json
from collections.abc import Sequence

from consentry.domain.account import Account
from consentry.domain.test_customer import MOST_TEST_CUSTOMERS, TestConsent, TestCustomer
from consentry.store.accounts import accounts_text, read_accounts
from consentry.store.session import Connection


async def all_of(connection: Connection, institution_id: int) -> list[TestCustomer]:
    """Give an institution's test customers, oldest first, with accounts and how many consents each has."""
    rows = await connection.fetch(
        """select t.customer_id, t.added_at,
                  (select count(*) from consentry.consents c
                   where c.institution_id = t.institution_id and c.customer_id = t.customer_id)::integer,
                  a.accounts
           from consentry.test_customers t
           join consentry.customers a on a.institution_id = t.institution_id and a.customer_id = t.customer_id
           where t.institution_id = $1
           order by t.added_at, t.customer_id limit $2""",
        institution_id,
        MOST_TEST_CUSTOMERS,
    )
    return [TestCustomer(row[0], row[1], row[2], read_accounts(row[3])) for row in rows]


async def is_one(connection: Connection, institution_id: int, customer_id: str) -> bool:
    """Tell whether a customer is a test customer."""
    found: bool = await connection.fetchval(
        "select exists (select from consentry.test_customers where institution_id = $1 and customer_id = $2)",
        institution_id,
        customer_id,
    )
    return found


async def active_applications(connection: Connection, institution_id: int) -> list[str]:
    """Give the ids of the first active apps, by name."""
    rows = await connection.fetch(
        """select application_id from consentry.applications
           where institution_id = $1 and status = 'active' order by name, application_id limit 10""",
        institution_id,
    )
    return [row[0] for row in rows]


async def add(
    connection: Connection,
    institution_id: int,
    customer_id: str,
    *,
    accounts: Sequence[Account],
    consents: Sequence[TestConsent],
) -> None:
    """Store a new test customer with accounts and consents; it is no customer before."""
    await connection.execute(
        "insert into consentry.customers (institution_id, customer_id, accounts) values ($1, $2, $3)",
        institution_id,
        customer_id,
        accounts_text(accounts),
    )
    await mark(connection, institution_id, [customer_id])
    for consent in consents:
        await connection.execute(
            """insert into consentry.consents (institution_id, consent_id, customer_id, application_id, created_at,
                                               consented_on, shared_accounts, data_clusters)
               values ($1, $2, $3, $4, consentry.now(), consentry.now(), $5, $6)""",
            institution_id,
            consent.consent_id,
            customer_id,
            consent.application_id,
            json.dumps(consent.shared_accounts),
            json.dumps(consent.data_clusters),
        )


async def mark(connection: Connection, institution_id: int, customer_ids: Sequence[str]) -> None:
    """Mark customers that the caller has just made as test customers."""
    await connection.execute(
        "insert into consentry.test_customers (institution_id, customer_id) select $1, unnest($2::text[])",
        institution_id,
        customer_ids,
    )
