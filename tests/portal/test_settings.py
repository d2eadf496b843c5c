"""API settings and customer authentication: what admins set, what is refused beside its field, and nobody else's."""

import httpx
import pytest

from consentry.domain.staff import Role
from consentry.usecases.configuration.customer_provider import show_customer_provider
from consentry.usecases.institution.change import InstitutionChange, change_institution
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.conftest import OPERATOR
from tests.portal.conftest import SignIn
from tests.portal.visiting import Visitor, text_of

API = "/admin/configuration/api-settings"
CUSTOMERS = "/admin/configuration/customer-authentication"
LIFETIMES = {"access_token_lifetime": "5", "refresh_token_lifetime": "7", "secret_overlap": "2", "version": "0"}
SECRET = "s3cret-of-the-bank's-provider"
PROVIDER = {
    "by": "discovery",
    "client_id": "consentry",
    "client_secret": SECRET,
    "user_id_claim": "sub",
    "version": "0",
}
DISCOVERY = "/.well-known/openid-configuration"


def save(visitor: Visitor, **fields: str) -> httpx.Response:
    return visitor.post(API, {**LIFETIMES, **fields})


def configure(visitor: Visitor, **fields: str) -> httpx.Response:
    return visitor.post(CUSTOMERS, {**PROVIDER, **fields})


def problems_of(page: httpx.Response) -> set[str]:
    return {part.split('"')[0].removesuffix("-problem") for part in page.text.split('class="problem" id="')[1:]}


async def test_settings_are_saved_and_the_public_url_is_printed(signed_in: SignIn, bku: Tenant) -> None:
    visitor = await signed_in(Role.ADMIN)
    assert visitor.base_url in visitor.get(API).text
    url = f"https://{bku.public_id}.example"
    assert save(visitor, public_url=f"{url.upper()}/").headers["location"] == f"{API}?notice=saved"
    page = visitor.get(f"{API}?notice=saved")
    assert "The settings are saved." in text_of(page)
    assert f'value="{url}"' in page.text
    assert f"at which you have the portal open, {visitor.base_url}." in text_of(page)
    assert f"{url}/api/v6/token" in visitor.get("/admin/configuration/consent-dashboard").text
    assert save(visitor, public_url=url, version="1", access_token_lifetime="1.5").status_code == 303
    assert 'value="1.5"' in visitor.get(API).text


UNUSABLE = {
    "access_token_lifetime": ("", "0", "0.5", "10.1", "11", "ten", "-5", "1e1", "5,5"),
    "refresh_token_lifetime": ("", "0", "31", "1000000000000"),
    "secret_overlap": ("", "721", "x"),
    "public_url": (
        "http://bank.example",
        "bank.example",
        "https://bank.example/path",
        "javascript:alert(1)",
        "https://ada@bank.example",
        "https://bank.example?q",
        "https://",
    ),
}
INSIDE = (
    "https://127.0.0.1",
    "https://10.0.0.8",
    "https://169.254.169.254",
    "https://[::1]",
    "https://0x7f.1",
    "https://localhost.",
    "http://localhost:1",
    "https://bank.internal",
    "https://[::ffff:10.0.0.1]",
)


@pytest.mark.parametrize("field", UNUSABLE)
async def test_what_can_t_be_set_is_refused_beside_its_field_and_kept(signed_in: SignIn, field: str) -> None:
    visitor = await signed_in(Role.ADMIN)
    for value in UNUSABLE[field]:
        refused = save(visitor, **{field: value})
        assert refused.status_code == 422
        assert problems_of(refused) == {field}, value
        assert f'value="{value}"' in refused.text
    assert 'value="30"' in visitor.get(API).text


async def test_another_institution_s_host_name_is_refused(
    signed_in: SignIn, services: Services, bku: Tenant, other: Tenant
) -> None:
    host = f"{bku.public_id}.consents.example"
    change = InstitutionChange(host=host, sets_host=True)
    await change_institution(services, bku.institution_id, change, actor=OPERATOR)
    refused = save(await signed_in(Role.ADMIN, tenant=other), public_url=f"https://{host}")
    assert refused.status_code == 422
    assert problems_of(refused) == {"public_url"}
    assert "belongs to another institution" in text_of(refused)
    assert save(await signed_in(Role.ADMIN), public_url=f"https://{host}").status_code == 303


async def test_settings_that_somebody_else_changed_are_not_overwritten(signed_in: SignIn) -> None:
    first, second = await signed_in(Role.ADMIN), await signed_in(Role.ADMIN)
    assert save(first, access_token_lifetime="3").status_code == 303
    late = save(second, access_token_lifetime="9")
    assert late.status_code == 409
    assert "Somebody else has changed these settings" in text_of(late)
    assert 'value="9"' in late.text
    assert "3 minutes" in text_of(late)
    assert 'value="3"' in first.get(API).text
    assert save(second, access_token_lifetime="9", version="1").status_code == 303


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.COMPLIANCE, Role.USER])
async def test_only_admins_configure(signed_in: SignIn, role: Role) -> None:
    """R89."""
    visitor = await signed_in(role)
    assert "Customer authentication" not in visitor.get("/admin/account").text
    for path in (API, CUSTOMERS):
        assert visitor.get(path).status_code == 403
    for path in (API, CUSTOMERS, f"{CUSTOMERS}/test"):
        assert visitor.post(path, {**LIFETIMES, **PROVIDER}).status_code == 403


async def test_a_provider_is_saved_tested_and_its_test_belongs_to_its_settings(
    signed_in: SignIn, issuer: str, services: Services, bku: Tenant
) -> None:
    visitor = await signed_in(Role.ADMIN)
    assert "none with these settings" not in text_of(visitor.get(CUSTOMERS))
    saved = configure(visitor, discovery_url=f"{issuer}{DISCOVERY}")
    assert saved.headers["location"] == f"{CUSTOMERS}?notice=saved"
    assert "none with these settings" in text_of(visitor.get(CUSTOMERS))
    tested = visitor.post(f"{CUSTOMERS}/test")
    assert tested.status_code == 200
    told = text_of(tested)
    assert "The provider was reached, and gave its document." in told
    found = await show_customer_provider(services, bku.institution_id)
    assert found is not None
    assert found.test is not None
    assert ("Passed" if found.test.passed else "Failed") in text_of(visitor.get(CUSTOMERS))
    configure(visitor, discovery_url=f"{issuer}{DISCOVERY}", client_secret="", user_id_claim="customer_id", version="1")
    assert "none with these settings" in text_of(visitor.get(CUSTOMERS))


async def test_the_client_secret_is_kept_and_never_shown(signed_in: SignIn, issuer: str) -> None:
    """R91: not after saving, not in a form that was refused."""
    visitor = await signed_in(Role.ADMIN)
    refused = configure(visitor, discovery_url="nowhere")
    assert refused.status_code == 422
    assert problems_of(refused) == {"discovery_url", "client_secret"}
    assert "Type the secret again" in text_of(refused)
    assert configure(visitor, discovery_url=f"{issuer}{DISCOVERY}").status_code == 303
    kept = configure(visitor, discovery_url=f"{issuer}{DISCOVERY}", client_secret="", user_id_claim="id", version="1")
    assert kept.status_code == 303
    moved = configure(visitor, discovery_url=f"https://idp.example{DISCOVERY}", client_secret="", version="2")
    assert moved.status_code == 422
    assert problems_of(moved) == {"client_secret"}
    pages = (refused, moved, visitor.get(CUSTOMERS), visitor.post(f"{CUSTOMERS}/test"))
    assert not any("s3cret" in page.text for page in pages)


async def test_the_test_asks_no_address_inside(signed_in: SignIn) -> None:
    """R99."""
    visitor = await signed_in(Role.ADMIN)
    for version, address in enumerate(INSIDE):
        saved = configure(visitor, discovery_url=f"{address}{DISCOVERY}", version=str(version))
        assert saved.status_code == 303, address
        tested = text_of(visitor.post(f"{CUSTOMERS}/test"))
        assert "Give a public https address" in tested, address
        assert "Customers can't sign in there yet." in tested


async def test_single_endpoints_are_checked_each_beside_its_field(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.ADMIN)
    endpoints = {"issuer": "https://idp.example", "authorization_endpoint": "https://idp.example/a"}
    wrong = {"token_endpoint": "ftp://idp.example/t", "jwks_uri": "https://ada:pw@idp.example/k"}
    refused = configure(visitor, by="endpoints", **endpoints, **wrong)
    assert refused.status_code == 422
    assert problems_of(refused) == {"token_endpoint", "jwks_uri", "client_secret"}
    right = {"token_endpoint": "https://idp.example/t", "jwks_uri": "https://idp.example/k"}
    assert configure(visitor, by="endpoints", **endpoints, **right).status_code == 303
    assert 'value="https://idp.example/k"' in visitor.get(CUSTOMERS).text


async def test_nothing_is_tested_before_it_is_configured(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.ADMIN)
    refused = visitor.post(f"{CUSTOMERS}/test")
    assert refused.status_code == 409
    assert "not configured" in text_of(refused)


async def test_a_provider_that_somebody_else_changed_is_not_overwritten(signed_in: SignIn, issuer: str) -> None:
    visitor = await signed_in(Role.ADMIN)
    assert configure(visitor, discovery_url=f"{issuer}{DISCOVERY}").status_code == 303
    late = configure(visitor, discovery_url=f"{issuer}{DISCOVERY}", client_id="mine")
    assert late.status_code == 409
    assert 'value="mine"' in late.text
    assert 'name="version" value="1"' in late.text
    assert 'value="consentry"' in visitor.get(CUSTOMERS).text


async def test_the_address_of_a_form_leads_to_its_page(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.ADMIN)
    dashboard = "/admin/configuration/consent-dashboard"
    for path, page in (
        (f"{CUSTOMERS}/test", CUSTOMERS),
        (f"{dashboard}/sites", dashboard),
        (f"{dashboard}/customers", dashboard),
        (f"{dashboard}/preview", dashboard),
        ("/admin/documentation/test-customers", "/admin/documentation"),
    ):
        assert visitor.get(path).headers["location"] == page
