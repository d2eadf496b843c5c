"""List the customers that are no people."""

from consentry.domain.test_customer import TestCustomer
from consentry.store import test_customers
from consentry.usecases.services import Services


async def list_test_customers(services: Services, institution_id: int) -> list[TestCustomer]:
    """Give an institution's test customers, oldest first, with their accounts; at most twenty.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(institution_id) as connection:
        return await test_customers.all_of(connection, institution_id)
