"""API documentation in the portal: for everybody, with the institution's own addresses, and its test customers."""

import re
from html.parser import HTMLParser

import pytest
import yaml

from consentry.domain.staff import Role
from consentry.domain.test_customer import MOST_TEST_CUSTOMERS
from consentry.store import test_customers
from consentry.usecases.preview.add_test_customer import add_test_customer
from consentry.usecases.services import Services
from tests.builders import Tenant, add_application, add_customer
from tests.conftest import OPERATOR
from tests.portal.conftest import SignIn
from tests.portal.visiting import text_of

PAGE = "/admin/documentation"
SETTINGS = {"access_token_lifetime": "5", "refresh_token_lifetime": "7", "secret_overlap": "2", "version": "0"}


class Anchors(HTMLParser):
    """Reads which ids a page has, and which of its own places it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.files: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids += [given["id"]] if "id" in given else []
        if tag == "a" and given.get("href", "").startswith("#"):
            self.links.add(given["href"][1:])
        if tag == "link":
            self.files.add(given["href"])
        assert "style" not in given


@pytest.mark.parametrize("role", list(Role))
async def test_everybody_reads_the_reference_with_the_own_addresses(signed_in: SignIn, bku: Tenant, role: Role) -> None:
    admin = await signed_in(Role.ADMIN)
    url = f"https://{bku.public_id}.docs.example"
    assert admin.post("/admin/configuration/api-settings", {**SETTINGS, "public_url": url}).status_code == 303
    page = (await signed_in(role)).get(PAGE)
    assert page.status_code == 200
    assert f"{url}/api/v4/token" in text_of(page)
    assert "consent.bank.example" not in page.text
    assert ("Add a test customer" in page.text) is (role is Role.ADMIN)


async def test_its_links_lead_somewhere_and_its_files_are_there(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.USER)
    anchors = Anchors()
    anchors.feed(visitor.get(PAGE).text)
    assert len(anchors.ids) == len(set(anchors.ids))
    assert anchors.links <= set(anchors.ids)
    assert {visitor.get(address).status_code for address in anchors.files} == {200}
    assert visitor.get(f"{PAGE}/assets/consent-api.yaml").status_code == 404


async def test_the_document_comes_as_a_file_with_the_own_address(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.USER)
    for form in ("yaml", "json"):
        document = visitor.get(f"{PAGE}/consent-api.{form}")
        assert document.headers["content-disposition"] == f'attachment; filename="consent-api.{form}"'
        assert yaml.safe_load(document.text)["openapi"] == "3.1.0"
        assert visitor.base_url in document.text
        assert "consent.bank.example" not in document.text
    for form in ("yml", "html", "yaml.bak"):
        assert visitor.get(f"{PAGE}/consent-api.{form}").status_code == 404


async def test_a_strange_host_gets_into_no_example(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.ADMIN)
    strange = {"Host": 'a"><script>alert(1)</script>'}
    page = visitor.get(PAGE, headers=strange)
    assert page.status_code == 400
    assert "<script>alert" not in page.text
    assert "https://portal.bank.example/api/v4" in text_of(visitor.get(PAGE, headers={"Host": "portal.bank.example"}))


async def test_an_admin_adds_a_test_customer_and_all_see_what_it_has(
    signed_in: SignIn, services: Services, bku: Tenant, other: Tenant
) -> None:
    await add_application(services.session, bku, "quillvane")
    admin = await signed_in(Role.ADMIN)
    assert "There is no test customer yet." in text_of(admin.get(PAGE))
    added = admin.post(f"{PAGE}/test-customers")
    assert added.headers["location"] == f"{PAGE}?notice=added#test-customers"
    page = (await signed_in(Role.SUPPORT)).get(PAGE)
    customers = set(re.findall(r"<code>(test-[0-9A-Za-z]{16})</code>", page.text))
    assert len(customers) == 1
    assert f"{customers.pop()}-checking" in page.text
    assert '<td class="number">1</td>' in page.text
    assert "<code>test-" not in (await signed_in(Role.ADMIN, tenant=other)).get(PAGE).text.replace("<code>test-<", "")


def own(account_id: str) -> dict[str, str]:
    return {"account_id": account_id, "nickname": "Own", "account_number_display": "XXXX0077"}


async def test_a_test_customer_is_listed_with_the_accounts_that_it_has(
    signed_in: SignIn, services: Services, bku: Tenant, other: Tenant
) -> None:
    """One that came otherwise than by the portal, as the demo's do, has accounts of its own."""
    for tenant, account in ((bku, "acc-77"), (other, "acc-88")):
        await add_customer(services.session, tenant, "test-dana", accounts=[own(account)])
        async with services.session.begin(tenant.institution_id) as connection:
            await test_customers.mark(connection, tenant.institution_id, ["test-dana"])
    page = (await signed_in(Role.USER)).get(PAGE)
    assert "Own 0077: <code>acc-77</code>" in page.text
    for absent in ("test-dana-checking", "acc-88"):
        assert absent not in page.text


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.COMPLIANCE, Role.USER])
async def test_only_admins_add_test_customers(signed_in: SignIn, role: Role) -> None:
    """R89."""
    visitor = await signed_in(role)
    assert visitor.post(f"{PAGE}/test-customers").status_code == 403
    assert "There is no test customer yet. An admin of your team" in text_of(visitor.get(PAGE))


async def test_there_are_twenty_test_customers_at_most(signed_in: SignIn, services: Services, bku: Tenant) -> None:
    visitor = await signed_in(Role.ADMIN)
    for _ in range(MOST_TEST_CUSTOMERS):
        await add_test_customer(services, bku.institution_id, actor=OPERATOR)
    for page in (PAGE, "/admin/configuration/consent-dashboard"):
        assert "Add a test customer" not in visitor.get(page).text
    refused = visitor.post(f"{PAGE}/test-customers")
    assert refused.status_code == 409
    assert "twenty test customers" in text_of(refused)
    assert visitor.post("/admin/configuration/consent-dashboard/customers").status_code == 409
