"""Add a customer that is no person, to look at the dashboard with."""

from consentry.domain.actor import Actor
from consentry.domain.refusal.institution import TooManyTestCustomers
from consentry.domain.test_customer import MOST_TEST_CUSTOMERS, accounts_of, first_consents, new_customer_id
from consentry.store import audit, institutions, test_customers
from consentry.usecases.services import Services


async def add_test_customer(services: Services, institution_id: int, *, actor: Actor) -> str:
    """Make a test customer with three accounts and a consent to each of up to three active apps; give its id.

    The id is made here, so that it can be no real customer's.

    Raises:
        TooManyTestCustomers: there are twenty already.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    customer_id = new_customer_id(services.choose)
    accounts = accounts_of(customer_id)
    async with services.session.begin(institution_id) as connection:
        await institutions.lock(connection, institution_id)
        if len(await test_customers.all_of(connection, institution_id)) >= MOST_TEST_CUSTOMERS:
            raise TooManyTestCustomers
        applications = await test_customers.active_applications(connection, institution_id)
        consents = first_consents(accounts, applications, services.choose)
        await test_customers.add(connection, institution_id, customer_id, accounts=accounts, consents=consents)
        await audit.record(
            connection,
            institution_id,
            action="test_customer.added",
            actor=actor,
            subject=("customer", customer_id),
            after={"consents": len(consents)},
        )
    return customer_id
