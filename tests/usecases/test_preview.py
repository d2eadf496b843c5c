"""The dashboard as staff try it: a token like any other, for test customers, and for no real one."""

from typing import Any

import pytest

from consentry.domain.institution import InstitutionStatus
from consentry.domain.refusal.institution import InstitutionNotEnabled, TooManyTestCustomers, UnknownTestCustomer
from consentry.domain.test_customer import accounts_of
from consentry.usecases.institution.change import InstitutionChange, change_institution
from consentry.usecases.preview.add_test_customer import add_test_customer
from consentry.usecases.preview.list_test_customers import list_test_customers
from consentry.usecases.preview.open_dashboard import issue_preview_token
from consentry.usecases.services import Services
from tests.builders import Tenant, add_application, add_consent, add_customer
from tests.conftest import OPERATOR


async def test_a_test_customer_begins_with_accounts_and_consents(services: Services, bku: Tenant) -> None:
    for name in ("one", "two", "three", "four"):
        await add_application(services.session, bku, name)
    customer_id = await add_test_customer(services, bku.institution_id, actor=OPERATOR)
    token = await issue_preview_token(services, bku.institution_id, customer_id=customer_id, actor=OPERATOR)
    claims = await services.verifier.verify(token.access_token, host=None)
    assert claims.customer_id == customer_id
    (listed,) = await list_test_customers(services, bku.institution_id)
    assert (listed.customer_id, listed.consents) == (customer_id, 3)
    assert listed.accounts == accounts_of(customer_id)


async def test_without_apps_a_test_customer_has_no_consents(services: Services, bku: Tenant) -> None:
    await add_test_customer(services, bku.institution_id, actor=OPERATOR)
    (listed,) = await list_test_customers(services, bku.institution_id)
    assert listed.consents == 0


async def test_nobody_looks_at_a_real_customers_dashboard(
    services: Services, bku: Tenant, other: Tenant, super_connection: Any
) -> None:
    await add_customer(services.session, bku, "anna")
    await add_consent(services.session, bku, "anna", "budget", "_annas")
    theirs = await add_test_customer(services, other.institution_id, actor=OPERATOR)
    for customer_id in ("anna", "nobody", theirs):
        with pytest.raises(UnknownTestCustomer):
            await issue_preview_token(services, bku.institution_id, customer_id=customer_id, actor=OPERATOR)
    assert await super_connection.fetchval("select count(*) from consentry.tokens") == 0


async def test_a_disabled_institution_previews_nothing(services: Services, bku: Tenant) -> None:
    customer_id = await add_test_customer(services, bku.institution_id, actor=OPERATOR)
    await change_institution(
        services, bku.institution_id, InstitutionChange(status=InstitutionStatus.DISABLED), actor=OPERATOR
    )
    with pytest.raises(InstitutionNotEnabled):
        await issue_preview_token(services, bku.institution_id, customer_id=customer_id, actor=OPERATOR)


async def test_there_are_never_more_than_twenty(services: Services, bku: Tenant) -> None:
    for _ in range(20):
        await add_test_customer(services, bku.institution_id, actor=OPERATOR)
    with pytest.raises(TooManyTestCustomers):
        await add_test_customer(services, bku.institution_id, actor=OPERATOR)
