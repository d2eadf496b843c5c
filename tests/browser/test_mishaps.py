"""What happens when things go otherwise: a lost connection, a reload, the back button, a browser that fetches ahead."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Contexts
from tests.browser.households import Household
from tests.browser.parent import Parent
from tests.browser.stage import Stage
from tests.browser.watch import Watch

AHEAD = (
    '<link rel="prefetch" href="{}">',
    '<link rel="prefetch" as="document" href="{}">',
    '<img alt="" src="{}">',
    '<script type="speculationrules">{{"prefetch": [{{"urls": ["{}"], "eagerness": "immediate"}}]}}</script>',
    '<link rel="stylesheet" href="{}">',
)


@pytest.mark.parametrize("ahead", AHEAD, ids=["prefetch", "document", "picture", "speculation", "style"])
async def test_what_a_browser_fetches_ahead_burns_no_token(
    page: Page, stage: Stage, household: Household, parent: Parent, watch: Watch, ahead: str
) -> None:
    watch.tolerate("Failed to load resource", "ERR_", "Refused", "MIME")
    token = await stage.token(await household.single())
    parent.show("/ahead", ahead.format(stage.address(access_token=token)))
    await page.goto(f"{parent.origin()}/ahead", wait_until="networkidle")
    await page.goto(parent.origin() + stage.by_post(token))
    await expect((await stage.opened(page)).view.get_by_role("button", name="Budget Buddy")).to_be_visible()


async def test_a_switch_goes_back_when_the_bank_can_t_be_reached(
    page: Page, stage: Stage, household: Household, watch: Watch
) -> None:
    watch.tolerate("ERR_FAILED", "ERR_INTERNET_DISCONNECTED")
    opened = await stage.open(page, await household.single())
    await opened.view.get_by_role("button", name="Budget Buddy").click()
    switch = opened.view.get_by_role("switch", name="Rainy Day")
    await page.route(re.compile("/accounts$"), lambda route: route.abort())
    await switch.click()
    await expect(opened.view.get_by_text("Please try again.").first).to_be_visible()
    await expect(switch).to_have_attribute("aria-checked", "false")
    await page.unroute_all()
    await switch.click()
    await expect(opened.view.get_by_role("button", name="Undo")).to_be_visible()
    await expect(opened.view.get_by_text("Please try again.")).to_have_count(0)
    await expect(switch).to_have_attribute("aria-checked", "true")


async def test_a_reload_asks_the_bank_for_a_new_token(
    page: Page, stage: Stage, household: Household, watch: Watch
) -> None:
    watch.tolerate("401", "405")
    customer = await household.single()
    opened = await stage.open(page, customer, how="component")
    stage.by_component(await stage.token(customer))
    await opened.view.get_by_role("button", name="Budget Buddy").click()
    await opened.view.get_by_role("heading", name="Budget Buddy").wait_for()
    await opened.frame.evaluate("location.reload()")
    await opened.hears("consentry:expired")
    await expect(opened.view.get_by_role("heading", name="Your connected apps")).to_be_visible()


async def test_the_back_button_leads_back(page: Page, stage: Stage, household: Household) -> None:
    opened = await stage.open(page, await household.single())
    await opened.view.get_by_role("button", name="Budget Buddy").click()
    await opened.view.get_by_role("button", name="Stop sharing").click()
    await opened.view.get_by_role("button", name="Keep sharing").wait_for()
    await opened.frame.evaluate("history.back()")
    await expect(opened.view.get_by_role("switch", name="Rainy Day")).to_be_visible()
    await opened.frame.evaluate("history.back()")
    await expect(opened.view.get_by_role("heading", name="Your connected apps")).to_be_visible()


@pytest.mark.parametrize("scripted", [True, False], ids=["by the device", "by the bank"])
async def test_times_are_the_customer_s(contexts: Contexts, stage: Stage, household: Household, scripted: bool) -> None:
    zone = ZoneInfo("Asia/Kathmandu")  # a quarter of an hour beside all others
    moment = datetime.now(UTC) - timedelta(minutes=1)
    page = await (await contexts.new(timezone_id=zone.key, java_script_enabled=scripted)).new_page()
    query = {} if scripted else {"time_zone": zone.key}
    opened = await stage.open(page, await household.single(last_accessed=moment), how="get", **query)
    clock = moment.astimezone(zone).strftime("%-I:%M")
    await expect(opened.view.get_by_text(clock)).to_be_visible()
    assert "UTC" not in await opened.view.locator("main").inner_text()
