"""Finding customers by what staff knows of them; nobody is listed without being looked for."""

import pytest

from consentry.domain.staff import Role
from consentry.usecases.services import Services
from tests.builders import ACCOUNTS, Tenant, add_application, add_consent, add_customer
from tests.portal.conftest import SignIn
from tests.portal.customers import CUSTOMER, found_in, household
from tests.portal.visiting import text_of


async def test_an_empty_search_lists_nobody(signed_in: SignIn, services: Services, bku: Tenant) -> None:
    await household(services.session, bku)
    visitor = await signed_in(Role.SUPPORT)
    for query in ("", "?", "?customer=&app=++", "?after=A", "?page=2"):
        page = visitor.get(f"/admin/customers{query}")
        assert page.status_code == 200
        assert found_in(page) == []
        assert "Give what you know of the customer" in text_of(page)


async def test_a_customer_is_found_by_all_that_is_known_of_them(
    signed_in: SignIn, services: Services, bku: Tenant
) -> None:
    consents = await household(services.session, bku)
    await add_customer(
        services.session, bku, "V-2", accounts=[{**ACCOUNTS[0], "account_number_display": "XXXXXXXX0007"}]
    )
    await add_consent(services.session, bku, "V-2", "saver", "_v")
    async with services.session.begin(bku.institution_id) as connection:
        await connection.execute(
            """insert into consentry.consent_changes
                   (institution_id, consent_id, version, at, kind, actor_kind, request_id)
               values ($1, $2, 2, consentry.now(), 'auto_share_on', 'customer', 'req-17')""",
            bku.institution_id,
            consents[0],
        )
    visitor = await signed_in(Role.COMPLIANCE)
    for query in ("customer=U-1", "ending=5678", "app=lender", "app=LEN", "app=Bud", f"consent={consents[1]}",
                  "request=req-17",
                  "customer=U-1&ending=1234&app=budget&consent=_a-budget&request=req-17"):  # fmt: skip
        assert found_in(visitor.get(f"/admin/customers?{query}")) == [CUSTOMER], query
    page = visitor.get("/admin/customers?ending=5678")
    assert "1 customer fits" in text_of(page)
    assert "Budget" not in page.text
    assert found_in(visitor.get("/admin/customers?ending=0007")) == ["V-2"]


async def test_all_that_is_given_has_to_fit(signed_in: SignIn, services: Services, bku: Tenant) -> None:
    await household(services.session, bku)
    visitor = await signed_in(Role.SUPPORT)
    await add_application(services.session, bku, "empty")
    for query in ("customer=U-2", "ending=1234&app=empty", "customer=U-1&consent=_other", "customer=V-1&ending=1234",
                  "request=none", "consent=_a-budget&app=empty"):  # fmt: skip
        page = visitor.get(f"/admin/customers?{query}")
        assert found_in(page) == [], query
        assert "No customer fits all of this. Leave something out" in text_of(page)
    assert "needs three characters or more" in text_of(visitor.get("/admin/customers?customer=U-"))


async def test_three_characters_are_a_beginning_and_fewer_are_an_id(
    signed_in: SignIn, services: Services, bku: Tenant
) -> None:
    for customer_id in ("C", "CA", "CAT", "CATS", "CAT~1", "CA!", "cat", "DOG"):
        await add_customer(services.session, bku, customer_id)
    visitor = await signed_in(Role.SUPPORT)
    assert found_in(visitor.get("/admin/customers?customer=C")) == ["C"]
    assert found_in(visitor.get("/admin/customers?customer=CA")) == ["CA"]
    assert found_in(visitor.get("/admin/customers?customer=CAT")) == ["CAT", "CATS", "CAT~1"]
    assert found_in(visitor.get("/admin/customers?customer=%25")) == []


@pytest.mark.parametrize("query", ["ending=4242", "app=one", "customer=cus"])
async def test_a_long_list_has_pages_without_gaps(
    signed_in: SignIn, services: Services, bku: Tenant, query: str
) -> None:
    async with services.session.begin(bku.institution_id) as connection:
        await connection.execute(
            """insert into consentry.customers (institution_id, customer_id, accounts)
               select $1, 'cus' || chr(33 + n % 94) || n,
                      '[{"account_id": "a", "nickname": "", "account_number_display": "XXXXXXXX4242"}]'
               from generate_series(1, 120) as n""",
            bku.institution_id,
        )
    await add_application(services.session, bku, "one")
    await add_application(services.session, bku, "two", name="One more")
    async with services.session.begin(bku.institution_id) as connection:
        await connection.execute(
            """insert into consentry.consents
                   (institution_id, consent_id, customer_id, application_id, created_at, consented_on)
               select $1, '_' || app || row_number() over (), customer_id, app, consentry.now(), consentry.now()
               from consentry.customers, unnest(array['one', 'one', 'two']) as app where institution_id = $1""",
            bku.institution_id,
        )
    visitor = await signed_in(Role.SUPPORT)
    path, listed = f"/admin/customers?{query}", []
    for _ in range(3):
        page = visitor.get(path)
        assert "120 customers fit" in text_of(page)
        listed.append(found_in(page))
        path = page.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&").replace("&#39;", "'")
    assert [len(found) for found in listed] == [50, 50, 20]
    assert path == ""
    together = [customer_id for found in listed for customer_id in found]
    assert together == sorted(set(together))


async def test_what_no_customer_can_be_known_by_is_refused_beside_its_field(
    signed_in: SignIn, services: Services, bku: Tenant
) -> None:
    async with services.session.begin(bku.institution_id) as connection:
        await connection.execute(
            """insert into consentry.applications (institution_id, application_id, name)
               select $1, 'app-' || n, 'Same' from generate_series(1, 11) as n""",
            bku.institution_id,
        )
    visitor = await signed_in(Role.SUPPORT)
    for query, field, sentence in (
        ("customer=a+b", "customer", "no space"),
        ("customer=%C3%A9", "customer", "no space"),
        ("ending=123", "ending", "last four digits"),
        ("ending=12a4", "ending", "last four digits"),
        ("consent=budget", "consent", "begins with _"),
        ("app=nothing", "app", "No app has this id"),
        ("app=same", "app", "More than 10 apps"),
    ):
        page = visitor.get(f"/admin/customers?{query}")
        assert page.status_code == 422, query
        assert sentence in page.text.partition(f'id="{field}-problem">')[2].partition("<")[0], query
        assert found_in(page) == []


async def test_other_institutions_customers_are_found_by_nothing(
    signed_in: SignIn, services: Services, bku: Tenant, other: Tenant
) -> None:
    """R90."""
    await household(services.session, other, "X-SECRET", mark="x")
    await add_application(services.session, bku, "budget")
    visitor = await signed_in(Role.ADMIN)
    for query in ("customer=X-SECRET", "customer=X-S", "ending=1234", "app=budget", "consent=_x-budget"):
        page = visitor.get(f"/admin/customers?{query}")
        assert page.status_code == 200
        assert found_in(page) == [], query
        assert "No customer fits all of this" in text_of(page)
