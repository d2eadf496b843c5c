"""The portal's pages about apps and intermediaries, in a real browser."""

import re
from datetime import timedelta

import pytest
from playwright.async_api import BrowserContext, expect
from playwright.async_api import Error as PlaywrightError

from consentry.domain.intermediary import TypedSettings
from consentry.usecases.counting.count_consents import count_consents
from consentry.usecases.intermediary.add import add_intermediary
from consentry.usecases.intermediary.issue_token import issue_registration_token
from consentry.usecases.services import Services
from tests.browser.office import Office, copied
from tests.browser.portals import Screens, look_at, looked_at
from tests.browser.watch import Watch
from tests.builders import Tenant, add_consent, add_customer
from tests.conftest import OPERATOR
from tests.portal.parties import add_app

LONG = "Wide & " + "W" * 60
TOKEN = re.compile(r"cns_registration_[0-9A-Za-z]{34}")
SCREENS: Screens = {
    "21-apps": ("/admin/apps", None, "Budget"),
    "22-no-apps": ("/admin/apps?name=nothing", None, "Apps"),
    "23-an-app": ("/admin/apps/budget", None, "Budget"),
    "24-disable-an-app": ("/admin/apps/budget/disable", None, "Reason"),
    "25-approve-an-app": ("/admin/apps/new/approve", None, "Reason"),
    "31-intermediaries": ("/admin/intermediaries", None, LONG),
    "32-an-intermediary": ("/admin/intermediaries/agg", None, LONG),
    "33-change-it": ("/admin/intermediaries/agg/edit", None, "all its apps together"),
    "34-a-new-intermediary": ("/admin/new-intermediary", None, "Add an intermediary"),
    "35-disable-it": ("/admin/intermediaries/agg/disable", None, "Reason"),
    "36-a-token": ("/admin/intermediaries/agg/token", None, "Issue a token"),
}


class AnyAddress:
    """Lets every address pass."""

    def check(self, address: str) -> str:
        return address


async def furnish(services: Services, tenant: Tenant) -> None:
    """Give an institution an intermediary with everything set, and apps of every status."""
    typed = TypedSettings(
        name=LONG,
        logo_url="https://agg.example/" + "x" * 300,
        request_limit="600",
        request_period="minute",
        networks="203.0.113.0/24\n2001:db8::/32",
        approval="by_hand",
    )
    await add_intermediary(services, tenant.institution_id, "agg", typed, addresses=AnyAddress(), actor=OPERATOR)
    for number, status in enumerate(("active", "needs_review", "disabled")):
        app = ("budget", "new", "off")[number]
        name = "Budget" if app == "budget" else f"{LONG} {number}"
        await add_app(
            services.session, tenant, app, name=name, status=status, intermediary_id="agg", category=LONG[:60]
        )
    await add_customer(services.session, tenant, "cust-1")
    await add_consent(services.session, tenant, "cust-1", "budget", "_budget1")
    await count_consents(services.session)


async def test_pages_fit_every_window_and_are_accessible(
    desk: BrowserContext, office: Office, services: Services, bku: Tenant
) -> None:
    await furnish(services, bku)
    await look_at(await office.enter(desk, bku), office, "portal", SCREENS)


async def test_an_app_is_stopped_with_a_reason_and_let_in_again(
    desk: BrowserContext, office: Office, services: Services, bku: Tenant, watch: Watch
) -> None:
    watch.tolerate("status of 422")
    await furnish(services, bku)
    page = await office.enter(desk, bku)
    await page.goto(office.address("/admin/apps"))
    await page.get_by_label("Name begins with").fill("bud")
    await page.get_by_role("button", name="Filter").click()
    await page.get_by_role("link", name="Budget", exact=True).click()
    await page.get_by_role("link", name="Disable").click()
    await expect(page.get_by_text("12 CFR 1033.321").first).to_be_visible()
    reason = page.get_by_label("Reason")
    await reason.fill("No")
    await page.get_by_role("button", name="Disable").click()
    await expect(page.get_by_text("Give a reason of 3 to 500 characters")).to_be_visible()
    await expect(reason).to_have_value("No")
    await expect(reason).to_be_focused()
    await reason.fill("It stores passwords in clear.")
    await page.get_by_role("button", name="Disable").click()
    await expect(page.get_by_role("status")).to_contain_text("The app is disabled")
    await expect(page.get_by_role("cell", name="It stores passwords in clear.")).to_be_visible()
    await looked_at(page, "26-a-disabled-app")
    await page.get_by_role("link", name="Enable").click()
    await page.get_by_label("Reason").fill("It was mended.")
    await page.get_by_role("button", name="Enable").click()
    await expect(page.get_by_role("status")).to_contain_text("The app is enabled")


async def test_a_registration_token_is_copied_and_gone_when_one_comes_back(
    desk: BrowserContext, office: Office, services: Services, bku: Tenant, watch: Watch
) -> None:
    """R43, R91: the browser has not kept the answer, and does not ask for it again by itself."""
    await furnish(services, bku)
    page = await office.enter(desk, bku)
    await page.goto(office.address("/admin/intermediaries/agg"))
    await page.get_by_role("link", name="Issue a token").click()
    await page.get_by_role("button", name="Issue a token").click()
    token = await page.get_by_label("Registration token", exact=True).input_value()
    assert TOKEN.fullmatch(token)
    assert await copied(page.get_by_role("button", name="Copy the registration token")) == token
    assert token not in page.url
    await looked_at(page, "37-the-token")
    await page.get_by_role("link", name="I have kept the token").click()
    await expect(page.get_by_text(f"cns_registration_…{token[-4:]}")).to_be_visible()
    assert not TOKEN.search(await page.content())
    with pytest.raises(PlaywrightError, match="ERR_CACHE_MISS"):
        await page.go_back()


async def test_a_token_in_the_wrong_hands_is_replaced_at_once(
    desk: BrowserContext, office: Office, services: Services, bku: Tenant
) -> None:
    await furnish(services, bku)
    await issue_registration_token(
        services, bku.institution_id, "agg", newest_seen=0, overlap=timedelta(0), actor=OPERATOR
    )
    page = await office.enter(desk, bku)
    await page.goto(office.address("/admin/intermediaries/agg/token"))
    await page.get_by_label("At once").check()
    await page.get_by_role("button", name="Rotate the token").click()
    await expect(page.get_by_text("No other token of this intermediary works.")).to_be_visible()
