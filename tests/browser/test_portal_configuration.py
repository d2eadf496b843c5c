"""The portal's pages under Configuration, Theme and API documentation, in a real browser."""

import re

import pytest
from playwright.async_api import BrowserContext, expect

from consentry.domain.credential import SECRET_PATTERN
from consentry.usecases.credentials.rotate import rotate_credentials
from consentry.usecases.institution.add import add_institution
from consentry.usecases.preview.add_test_customer import add_test_customer
from consentry.usecases.services import Services
from tests.browser.households import Household
from tests.browser.layout import cut_off
from tests.browser.office import Office, copied
from tests.browser.portals import Screens, look_at, looked_at
from tests.browser.watch import Watch
from tests.builders import Tenant, add_application
from tests.conftest import OPERATOR

DASHBOARD = "/admin/configuration/consent-dashboard"
THEME = "/admin/settings/theme"
SCREENS: Screens = {
    "41-api-settings": ("/admin/configuration/api-settings", None, "API settings"),
    "42-customer-authentication": ("/admin/configuration/customer-authentication", None, "Customer authentication"),
    "51-consent-dashboard": (DASHBOARD, None, "API credentials"),
    "52-rotate": (f"{DASHBOARD}/rotate", None, "Rotate"),
    "53-leaked": (f"{DASHBOARD}/leaked", None, "leaked"),
    "61-theme": (THEME, None, "Theme"),
    "61-theme-reset": (f"{THEME}/reset", None, "Reset the theme"),
    "81-documentation": ("/admin/documentation", None, "documentation"),
}
SHOWN_ONCE = re.compile(SECRET_PATTERN)


async def test_pages_fit_every_window_and_are_accessible(
    desk: BrowserContext, office: Office, services: Services, bku: Tenant
) -> None:
    await add_test_customer(services, bku.institution_id, actor=OPERATOR)
    await look_at(await office.enter(desk, bku), office, "portal", SCREENS)


async def test_a_secret_is_generated_copied_and_gone_when_one_comes_back(
    desk: BrowserContext, office: Office, services: Services, bku: Tenant, watch: Watch
) -> None:
    """R43, R91, R110: the browser's back button and a reload show no secret again."""
    watch.tolerate("status of 409")
    public_id = f"new-{bku.public_id}"
    fresh = await add_institution(services, public_id=public_id, name="Fresh Bank", actor=OPERATOR)
    page = await office.enter(desk, Tenant(fresh.institution_id, public_id, "", ""))
    await page.goto(office.address(DASHBOARD))
    await page.get_by_role("button", name="Generate API credentials").click()
    secret = await page.get_by_label("Client secret", exact=True).input_value()
    assert SHOWN_ONCE.fullmatch(secret)
    assert await copied(page.get_by_role("button", name="Copy the client secret")) == secret
    assert secret in await copied(page.get_by_role("button", name="Copy: With your secret in it"))
    assert secret not in page.url
    await looked_at(page, "54-the-secret")
    await page.get_by_role("link", name="I have kept the secret").click()
    await expect(page.get_by_role("heading", name="API credentials")).to_be_visible()
    for move in (page.go_back, page.go_forward, page.reload):
        await move()
        await expect(page.get_by_role("heading", name="API credentials")).to_be_visible()
        assert not SHOWN_ONCE.search(await page.content())


@pytest.mark.parametrize("width", [1200, 1280])
async def test_after_rotations_all_of_every_secret_is_in_sight(
    desk: BrowserContext, office: Office, services: Services, bku: Tenant, household: Household, width: int
) -> None:
    for _ in range(2):
        await rotate_credentials(services, bku.institution_id, actor=OPERATOR)
    await household.sql("update consentry.credential_secrets set last_used_at = '2026-11-28 22:22Z'")
    page = await office.enter(desk, bku)
    await page.set_viewport_size({"width": width, "height": 900})
    await page.goto(office.address(DASHBOARD))
    await expect(page.get_by_role("region", name="Secrets")).to_contain_text("28 Nov 2026")
    assert await cut_off(page) == []
    await looked_at(page, "51-after-rotations")


async def test_the_dashboard_of_a_test_customer_opens_in_a_new_tab(
    desk: BrowserContext, office: Office, services: Services, bku: Tenant
) -> None:
    await add_application(services.session, bku, "quillvane")
    await add_test_customer(services, bku.institution_id, actor=OPERATOR)
    page = await office.enter(desk, bku)
    await page.goto(office.address(DASHBOARD))
    async with page.context.expect_page() as opening:
        await page.get_by_role("button", name="Open the dashboard").click()
    opened = await opening.value
    await expect(opened.get_by_text("Quillvane")).to_be_visible()
    assert "eyJ" not in opened.url


async def test_a_refused_theme_leads_to_what_was_refused(
    desk: BrowserContext, office: Office, bku: Tenant, watch: Watch
) -> None:
    watch.tolerate("422")
    page = await office.enter(desk, bku)
    await page.goto(office.address(THEME))
    await page.get_by_label("Accent", exact=True).fill("red")
    await page.get_by_role("button", name="Save the theme").click()
    await expect(page.get_by_text("Nothing was saved")).to_be_visible()
    await expect(page.get_by_label("Accent", exact=True)).to_be_focused()


async def test_the_preview_of_the_theme_follows_what_is_typed(
    desk: BrowserContext, office: Office, bku: Tenant, watch: Watch
) -> None:
    page = await office.enter(desk, bku)
    await page.clock.install()
    await page.goto(office.address(THEME))
    accent, radius = page.get_by_label("Accent", exact=True), page.get_by_label("How round corners are", exact=True)
    for field, typed in ((accent, "#ffe14"), (radius, "99"), (accent, "#ffe14d"), (radius, "")):
        await field.fill(typed)
        await page.clock.run_for(1000)
    assert not any("/look" in asked.url for asked in watch.requests), "nothing is asked of what is half typed"
    await radius.fill("8")
    await expect(page.get_by_text("instead of #ffe14d").first).to_be_visible()
    await page.get_by_label("Pick a colour: Accent").fill("#0b6e4f")
    await expect(page.get_by_label("Accent", exact=True)).to_have_value("#0b6e4f")
    await expect(page.get_by_role("region", name="Contrasts in light").get_by_text("#0b6e4f").first).to_be_visible()
