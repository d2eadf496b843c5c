"""Pages of the portals: looked at in a wide and a narrow window, in both schemes, and asked by axe.

Those about apps and about the configuration have modules of their own.
The screenshots are in build/screenshots/portal and /partner; look at them after a change.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page

from consentry.domain.staff import House
from consentry.store import audit, houses
from consentry.usecases.counting.count_consents import count_consents
from tests.browser.households import Household
from tests.browser.layout import cut_off, lines_of
from tests.browser.office import Office
from tests.browser.portals import Screens, look_at, looked_at, press
from tests.browser.watch import Watch
from tests.builders import Tenant
from tests.conftest import OPERATOR
from tests.portal.idp import establish

DRAWN = """async () => {
  for (const image of document.images) {
    image.loading = "eager";
    await image.decode();
  }
  return document.images.length;
}"""


async def _unfold(page: Page) -> None:
    for summary in await page.locator("main summary").all():
        await summary.click()


async def _drawn(page: Page) -> None:
    assert await page.evaluate(DRAWN) >= 6


CUSTOMER = "/admin/customer/states"
SCREENS: Screens = {
    "01-overview": ("/admin/overview?range=12m", _drawn, "Overview"),
    "11-customers": ("/admin/customers", None, "Customers"),
    "12-customers-found": ("/admin/customers?customer=sta", None, "1 customer fits"),
    "13-nobody-found": ("/admin/customers?customer=nowhere", None, "No customer fits"),
    "14-a-reason": ("/admin/customers/open?customer=many", None, "Reason or ticket"),
    "15-a-customer": (CUSTOMER, _unfold, "Budget Buddy"),
    "16-a-consent": (f"{CUSTOMER}/consents/_budget-states", None, "Budget Buddy"),
    "17-stop-one": (f"{CUSTOMER}/consents/_budget-states/stop", press("Stop sharing"), "3 to 500"),
    "18-stop-all": (f"{CUSTOMER}/stop-all", None, "Reason"),
    "19-block": (f"{CUSTOMER}/block", None, "Reason"),
    "20-evidence": (f"{CUSTOMER}/evidence", None, "vidence"),
    "62-team": ("/admin/settings/team", None, "Team members"),
    "63-invite": ("/admin/settings/team/invite", None, "Invite"),
    "64-authentication": ("/admin/settings/authentication", None, "Admin authentication"),
    "71-logs": ("/admin/logs", None, "Logs"),
    "91-your-account": ("/admin/account", None, "Your account"),
    "92-nothing-here": ("/admin/nowhere", None, "There is nothing here"),
}


THEIRS = "/partner/institutions/{bku}"
PARTNERS_SCREENS: Screens = {
    "01-overview": ("/partner/overview", _drawn, "Overview"),
    "11-institutions": ("/partner/institutions", None, "Institutions"),
    "12-an-institution": (THEIRS, None, "Institution"),
    "13-change": (f"{THEIRS}/edit", None, "Status"),
    "14-its-apps": (f"{THEIRS}/apps", None, "Budget Buddy"),
    "15-its-intermediaries": (f"{THEIRS}/intermediaries", None, "Linker"),
    "16-its-members": (f"{THEIRS}/members", None, "embers"),
    "17-a-first-admin": (f"{THEIRS}/first-admin", None, "mail"),
    "21-a-new-institution": ("/partner/new-institution", press("Add and invite"), "mail"),
    "61-team": ("/partner/settings/team", None, "Team members"),
    "64-authentication": ("/partner/settings/authentication", None, "Admin authentication"),
    "71-logs": ("/partner/logs", None, "Logs"),
}
OUTSIDE_SCREENS: Screens = {
    "01-sign-in": ("/admin/sign-in?institution={bku}", None, "Sign in"),
    "02-which-institution": ("/admin/sign-in", None, "nstitution"),
    "03-set-up": ("/admin/set-up", None, "ode"),
    "04-signed-out": ("/admin/signed-out", None, "igned out"),
    "05-no-provider": ("/partner/sign-in?institution=nobody", None, "partner"),
}

STEP_UP_SCREENS: Screens = {
    "step-up": ("/admin/settings/team/invite", None, "Code: insufficient_user_authentication"),
    "step-up-notice": ("/admin/configuration/consent-dashboard", None, "Sign in again to go on"),
    "step-up-provider": ("/admin/settings/authentication", None, "Back-channel logout URI"),
}


@pytest_asyncio.fixture(loop_scope="session")
async def manager(office: Office, context: BrowserContext, bku: Tenant, household: Household) -> Page:
    """An admin's page; the institution has customers in every state, and names that try to act."""
    for whose in ("every_state", "many", "hostile"):
        await getattr(household, whose)()
    await count_consents(office.services.session)
    page = await office.enter(context, bku)
    await office.open_customer(page, "states")
    return page


async def test_every_page_of_the_portal_fits_its_window_and_is_accessible(
    manager: Page, office: Office, watch: Watch
) -> None:
    watch.tolerate("404", "422")
    await look_at(manager, office, "portal", SCREENS)


async def test_the_ways_to_sign_in_again_fit_their_window_and_are_accessible(
    context: BrowserContext, office: Office, bku: Tenant, watch: Watch
) -> None:
    """R87."""
    watch.tolerate("403")
    await establish(office.services, bku, "https://idp.bank.example")
    await look_at(await office.enter(context, bku, age=timedelta(hours=1)), office, "portal", STEP_UP_SCREENS)


async def test_every_page_of_the_partners_portal_fits_its_window_and_is_accessible(
    context: BrowserContext, office: Office, bku: Tenant, household: Household, watch: Watch
) -> None:
    watch.tolerate("422")
    await household.every_state()
    await household.sql("update consentry.institutions set name = 'Hazel Valley Community Credit Union'")
    await count_consents(office.services.session)
    async with office.services.session.begin(bku.institution_id) as connection:
        partner_id = await houses.add_partner(
            connection, public_id=f"partner-of-{bku.public_id}", name="Cascadia Partners", host=None
        )
        await houses.give_to_partner(connection, bku.institution_id, partner_id=partner_id)
    page = await office.enter(context, replace(bku, institution_id=partner_id), house=House.PARTNER)
    await look_at(page, office, "partner", PARTNERS_SCREENS, bku=bku.public_id)
    await page.set_viewport_size({"width": 1200, "height": 900})
    await page.goto(office.address("/partner/overview"))
    names = await lines_of(page, "section[aria-labelledby=institutions] tbody th")
    assert names["Hazel Valley Community Credit Union"] <= 2
    assert await cut_off(page) == []


@pytest.mark.parametrize("width", [320, 360, 1200, 1280])
async def test_figures_of_an_overview_stand_on_one_line_each(
    manager: Page, office: Office, household: Household, width: int
) -> None:
    counted = "insert into consentry.daily_counts (institution_id, application_id, kind, day, count) values "
    for kind, number in (
        ("tokens_issued", 8_837_123),
        ("sign_ins_failed", 1_163_000),
        ("customers_last_seen", 712_345),
    ):
        values = f"({household.tenant.institution_id}, '', '{kind}', (now() at time zone 'UTC')::date, {number})"
        await household.sql(counted + values)
    await manager.set_viewport_size({"width": width, "height": 900})
    await manager.goto(office.address("/admin/overview?range=7d"))
    lines = await lines_of(manager, ".figures dd")
    assert {"712,345", "11.63\N{NO-BREAK SPACE}%"} <= lines.keys()
    assert set(lines.values()) == {1}
    assert await cut_off(manager, ".figures dd") == []


async def test_the_log_has_room_for_what_entries_are_about(manager: Page, office: Office, bku: Tenant) -> None:
    consent, member = "_2mZkWq7LpXvB4nTgYc9RsD", "3f0c8a52-9d7e-4b16-a4f8-6e21d05b97cc"
    async with office.services.session.begin(bku.institution_id) as connection:
        for subject in (("consent", consent), ("member", member)):
            await audit.record(
                connection, bku.institution_id, action="consent.revoked", actor=OPERATOR, subject=subject
            )
    await manager.goto(office.address("/admin/logs"))
    for width in (320, 1200):
        await manager.set_viewport_size({"width": width, "height": 900})
        lines = await lines_of(manager, ".log .about")
        assert (lines[consent], lines[member]) == (1, 2)
        assert await cut_off(manager) == []
    await looked_at(manager, "72-logs-about")


async def test_the_pages_before_the_sign_in_fit_their_window_and_are_accessible(
    page: Page, office: Office, bku: Tenant, watch: Watch
) -> None:
    watch.tolerate("404", "422")
    await establish(office.services, bku, "https://idp.bank.example")
    await look_at(page, office, "sign-in", OUTSIDE_SCREENS, bku=bku.public_id)
