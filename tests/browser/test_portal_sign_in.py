"""Signing in, in a real browser: from a first admin's link to the portal and out again, with scripts and without."""

import time
from dataclasses import replace
from typing import Any

import httpx
from playwright.async_api import Page, expect

from consentry.domain.staff import Role
from consentry.usecases.services import Services
from tests.browser import axe
from tests.browser.conftest import Contexts
from tests.browser.office import Office
from tests.browser.watch import Watch
from tests.builders import Tenant
from tests.portal.idp import SECRET, Person, establish, person
from tests.portal.test_set_up import code_for
from tests.portal.test_sign_in import invite

DESK = {"width": 1200, "height": 800}
PROVIDERS_OWN = r"favicon|cdn\.jsdelivr\.net|ERR_FAILED|ERR_NAME_NOT_RESOLVED"
"""What the provider's own page asks for, and does not get."""


async def at_provider(page: Page, issuer: str, sub: str) -> None:
    """Sign in at the provider's page."""
    await page.wait_for_url(f"{issuer}/**")
    await page.get_by_placeholder("sub").fill(sub)
    await page.get_by_role("button", name="Authorize", exact=True).click()


def introduce(who: Person) -> None:
    """Make somebody known at the provider."""
    with httpx.Client(timeout=30) as client:
        who.known_at_provider(client)


async def visit(contexts: Contexts, office: Office, watch: Watch, **options: Any) -> Page:
    """Open a page in which nobody is signed in."""
    context = await contexts.new(base_url=office.base_url, viewport=DESK, **options)
    watch.tolerate(PROVIDERS_OWN)
    return await context.new_page()


async def test_a_first_admin_comes_in_by_a_link_and_signs_in_again(
    contexts: Contexts, office: Office, services: Services, bku: Tenant, issuer: str, watch: Watch
) -> None:
    """R78, R91: the code stays behind the #, no policy is broken on the way to another origin and back."""
    ada = person(issuer, f"ada-{bku.public_id}", email="ada@bank.example", name="Ada Admin")
    introduce(ada)
    code = await code_for(services, bku)
    page = await visit(contexts, office, watch)
    await page.goto(f"/admin/set-up#{code}")
    assert await page.get_by_label("Set-up code").input_value() == code
    assert code not in page.url
    await page.get_by_role("button", name="Begin the set-up").click()
    assert (await page.locator("#redirect-uri").input_value()).endswith("/admin/sign-in/callback")
    assert await axe.violations(page) == []
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
    await expect(page.locator("main")).to_contain_text("ada@bank.example")
    asked = await watch.asked()
    assert not any(code in f"{one.url} {one.headers}" for one in asked)
    assert not any(SECRET in f"{one.url} {one.headers}" for one in asked)


async def test_a_member_signs_in_without_scripts_and_comes_back_to_the_page_they_wanted(
    contexts: Contexts, office: Office, services: Services, bku: Tenant, issuer: str, watch: Watch
) -> None:
    await establish(services, bku, issuer)
    await invite(services, bku, "bob@bank.example")
    bob = person(issuer, f"bob-{bku.public_id}", email="bob@bank.example")
    introduce(bob)
    page = await visit(contexts, office, watch, java_script_enabled=False)
    await page.goto("/admin/account?a=b")
    await page.get_by_label("Id of your institution").fill(bku.public_id)
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("button", name="Sign in with your identity provider").click()
    await at_provider(page, issuer, bob.sub)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your account")
    assert page.url.endswith("/admin/account?a=b")


async def test_an_admin_signs_in_again_for_what_gives_access_and_is_back_on_the_form(
    contexts: Contexts, office: Office, services: Services, bku: Tenant, issuer: str, watch: Watch
) -> None:
    """R87: without scripts and by keyboard; the page says so before anything is typed."""
    await establish(services, bku, issuer)
    await invite(services, bku, "ada@bank.example", role=Role.ADMIN)
    ada = person(issuer, f"ada-{bku.public_id}", email="ada@bank.example")
    introduce(replace(ada, claims={**ada.claims, "auth_time": int(time.time()) - 3600}))
    page = await visit(contexts, office, watch, java_script_enabled=False)
    await page.goto(f"/admin/sign-in?institution={bku.public_id}&next=/admin/settings/team/invite")
    await page.get_by_role("button", name="Sign in with your identity provider").click()
    await at_provider(page, issuer, ada.sub)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in again to go on")
    introduce(ada)
    watch.tolerate("403")
    await page.get_by_role("button", name="Sign in again").focus()
    await page.keyboard.press("Enter")
    await at_provider(page, issuer, ada.sub)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Invite a member")
    await page.get_by_label("E-mail address").fill("bob@bank.example")
    await page.get_by_label("Support").check()
    await page.get_by_role("button", name="Invite", exact=True).click()
    await expect(page.locator("main")).to_contain_text("bob@bank.example")
