"""Signing in, in a real browser: from a first admin's link to the portal and out again, with scripts and without."""

from typing import Any

import pytest
from playwright.async_api import Browser, Page

from consentry.domain.staff import Role
from consentry.usecases.services import Services
from tests.browser.axe import violations
from tests.browser.watch import Watch
from tests.builders import Tenant
from tests.portal.conftest import SignIn
from tests.portal.idp import SECRET, establish, person
from tests.portal.test_customers_in_a_browser import browser, page_of
from tests.portal.test_set_up import code_for
from tests.portal.test_sign_in import invite
from tests.portal.visiting import Visitor

__all__ = ["browser"]
PROVIDERS_OWN = r"cdn\.jsdelivr\.net|ERR_FAILED"
"""What the provider's own page asks for, and does not get."""


async def at_provider(page: Page, issuer: str, sub: str) -> None:
    """Sign in at the provider's page."""
    await page.wait_for_url(f"{issuer}/**")
    await page.get_by_placeholder("sub").fill(sub)
    await page.get_by_role("button", name="Authorize", exact=True).click()


async def visit(browser: Browser, visitor: Visitor, **options: Any) -> tuple[Page, Watch]:
    page, watch = await page_of(browser, visitor, **options)
    await page.context.route("https://**", lambda route: route.abort())
    watch.tolerate(PROVIDERS_OWN)
    return page, watch


async def test_a_first_admin_comes_in_by_a_link_and_signs_in_again(
    browser: Browser, services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    """R78, R91: the code stays behind the #, no policy is broken on the way to another origin and back."""
    ada = person(issuer, f"ada-{bku.public_id}", email="ada@bank.example", name="Ada Admin")
    ada.known_at_provider(stranger.client)
    code = await code_for(services, bku)
    page, watch = await visit(browser, stranger)
    await page.context.clear_cookies()
    await page.goto(f"/admin/set-up#{code}")
    assert await page.get_by_label("Set-up code").input_value() == code
    assert code not in page.url
    await page.get_by_role("button", name="Begin the set-up").click()
    assert (await page.locator("#redirect-uri").input_value()).endswith("/admin/sign-in/callback")
    await page.get_by_label("Discovery URL").fill(issuer)
    await page.get_by_label("Client id").fill("portal")
    await page.get_by_label("Client secret").fill(SECRET)
    await page.get_by_role("button", name="Test and continue").click()
    await at_provider(page, issuer, ada.sub)
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_role("link", name="Sign in again").click()
    await page.get_by_role("button", name="Sign in with your identity provider").click()
    await at_provider(page, issuer, ada.sub)
    await page.get_by_role("link", name="Ada Admin").click()
    assert "ada@bank.example" in await page.inner_text("main")
    asked = await watch.asked()
    assert not any(code in f"{one.url} {one.headers}" for one in asked)
    assert not any(SECRET in f"{one.url} {one.headers}" for one in asked)
    assert watch.verdict() == []
    await page.context.close()


async def test_a_member_signs_in_without_scripts_and_comes_back_to_the_page_they_wanted(
    browser: Browser, services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    await establish(services, bku, issuer)
    await invite(services, bku, "bob@bank.example")
    bob = person(issuer, f"bob-{bku.public_id}", email="bob@bank.example")
    bob.known_at_provider(stranger.client)
    stranger.session = "gone"
    page, watch = await visit(browser, stranger, java_script_enabled=False)
    await page.goto("/admin/account?a=b")
    await page.get_by_label("Id of your institution").fill(bku.public_id)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("button", name="Sign in with your identity provider").click()
    await at_provider(page, issuer, bob.sub)
    assert await page.get_by_role("heading", level=1).inner_text() == "Your account"
    assert page.url.endswith("/admin/account?a=b")
    assert watch.verdict() == []
    await page.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
async def test_every_page_on_the_way_in_is_accessible_and_fits(
    browser: Browser, services: Services, bku: Tenant, issuer: str, signed_in: SignIn, width: int, scheme: Any
) -> None:
    code = await code_for(services, bku)
    visitor = await signed_in(Role.ADMIN)
    page, watch = await visit(browser, visitor, viewport={"width": width, "height": 900}, color_scheme=scheme)
    watch.tolerate("404", "422", "403")
    await page.goto("/admin/set-up")
    await looked_at(page, "set-up")
    await page.get_by_label("Set-up code").fill(code)
    await page.get_by_role("button", name="Begin the set-up").click()
    await looked_at(page, "provider")
    await page.get_by_label("Discovery URL").fill("https://10.0.0.1/a-rather-long-address/that-does-not-break-easily")
    await page.get_by_label("Client id").fill("portal")
    await page.get_by_label("Client secret").fill(SECRET)
    await page.get_by_role("button", name="Test and continue").click()
    await page.get_by_text("Give a public https address").wait_for()
    await looked_at(page, "provider-refused")
    await establish(services, bku, "https://idp.bank.example")
    own = await signed_in(Role.ADMIN)
    own.post(
        "/admin/settings/authentication", {"discovery_url": issuer, "client_id": "portal", "client_secret": SECRET}
    )
    for name, path in (
        ("where", "/admin/sign-in?institution="),
        ("where-refused", "/admin/sign-in?institution=nobody"),
        ("sign-in", f"/admin/sign-in?ended=yes&institution={bku.public_id}"),
        ("refused", "/admin/sign-in/callback?state=x"),
        ("signed-out", "/admin/signed-out"),
    ):
        await page.goto(path)
        await looked_at(page, name)
    await page.context.close()
    page, watch = await visit(browser, own, viewport={"width": width, "height": 900}, color_scheme=scheme)
    await page.goto("/admin/settings/authentication")
    await looked_at(page, "authentication")
    assert watch.verdict() == []
    await page.context.close()


async def looked_at(page: Page, name: str) -> None:
    """Check that a page is accessible, also in its colours, and no wider than the window."""
    assert await violations(page) == [], name
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
