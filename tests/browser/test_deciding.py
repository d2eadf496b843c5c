"""What a customer does on the dashboard: look, switch, undo, stop one, stop all, say that an app is a stranger."""

import json

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Contexts
from tests.browser.households import Household
from tests.browser.stage import Opened, Stage
from tests.browser.watch import Watch

SCRIPT = pytest.mark.parametrize("scripted", [True, False], ids=["with script", "without script"])


async def _open(contexts: Contexts, stage: Stage, customer: str, *, scripted: bool) -> Opened:
    page = await (await contexts.new(java_script_enabled=scripted)).new_page()
    return await stage.open(page, customer, how="post" if scripted else "get")


async def _shared(stage: Stage, customer: str) -> dict[str, list[str]]:
    """Give which accounts each live consent shares, as the API tells them."""
    token = await stage.token(customer)
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.get(
            f"{stage.base_url}/api/v4/consent_management", headers={"Authorization": f"Bearer {token}"}
        )
    return {
        consent["id"]: [account["account_id"] for account in consent["accounts"] if account["enabled"]]
        for consent in answer.json()
        if consent["revoked_at"] is None
    }


async def _prominence(button: Locator) -> list[object]:
    """Give what makes a button stand out: its size, its weight, and whether it is filled."""
    found: list[object] = await button.evaluate(
        """button => {
          const style = getComputedStyle(button);
          const ground = getComputedStyle(button.closest(".panel")).backgroundColor;
          const filled = ![ground, "rgba(0, 0, 0, 0)"].includes(style.backgroundColor);
          return [button.offsetWidth, button.offsetHeight, style.fontSize, style.fontWeight, filled];
        }"""
    )
    return found


@SCRIPT
async def test_an_account_is_switched_and_the_switch_undone(
    contexts: Contexts, stage: Stage, household: Household, scripted: bool
) -> None:
    customer = await household.single()
    view = (await _open(contexts, stage, customer, scripted=scripted)).view
    await view.get_by_role("button", name="Budget Buddy").click()
    switch = view.get_by_role("switch", name="Rainy Day")
    await expect(switch).to_have_attribute("aria-checked", "false")
    await switch.click()
    await expect(switch).to_have_attribute("aria-checked", "true")
    await expect(view.get_by_text("Budget Buddy receives Rainy Day now.").first).to_be_visible()
    assert await _shared(stage, customer) == {"_budget-single": ["ACT-1~checking", "ACT-2:savings"]}
    await view.get_by_role("button", name="Undo").click()
    await expect(switch).to_have_attribute("aria-checked", "false")
    assert await _shared(stage, customer) == {"_budget-single": ["ACT-1~checking"]}


@SCRIPT
async def test_new_accounts_are_switched_apart(
    contexts: Contexts, stage: Stage, household: Household, scripted: bool
) -> None:
    view = (await _open(contexts, stage, await household.single(), scripted=scripted)).view
    await view.get_by_role("button", name="Budget Buddy").click()
    switch = view.get_by_role("switch", name="Share new accounts automatically")
    await switch.click()
    await expect(switch).to_have_attribute("aria-checked", "true")
    await view.get_by_role("button", name="Undo").click()
    await expect(switch).to_have_attribute("aria-checked", "false")


@SCRIPT
async def test_turning_off_the_last_account_is_asked_about(
    contexts: Contexts, stage: Stage, household: Household, scripted: bool
) -> None:
    customer = await household.single()
    view = (await _open(contexts, stage, customer, scripted=scripted)).view
    await view.get_by_role("button", name="Budget Buddy").click()
    await view.get_by_role("switch", name="Everyday Checking").click()
    await expect(view.get_by_role("heading", name="Budget Buddy would get nothing")).to_be_visible()
    await expect(view.get_by_role("button", name="Stop sharing")).to_be_visible()
    assert await _shared(stage, customer) == {"_budget-single": ["ACT-1~checking"]}
    await view.get_by_role("button", name="Leave it on").click()
    await view.get_by_role("switch", name="Everyday Checking").click()
    await view.get_by_role("button", name="Just turn off Everyday Checking").click()
    await expect(view.get_by_role("switch", name="Everyday Checking")).to_have_attribute("aria-checked", "false")
    assert await _shared(stage, customer) == {"_budget-single": []}


@SCRIPT
async def test_sharing_with_one_app_is_stopped_by_three_taps(
    contexts: Contexts, stage: Stage, household: Household, scripted: bool
) -> None:
    customer = await household.single()
    view = (await _open(contexts, stage, customer, scripted=scripted)).view
    await view.get_by_role("button", name="Budget Buddy").click()
    await view.get_by_role("button", name="Stop sharing").click()
    await expect(view.get_by_text("What it has read already it may keep.")).to_be_visible()
    stop, keep = (view.get_by_role("button", name=name) for name in ("Stop sharing", "Keep sharing"))
    assert await _prominence(stop) == await _prominence(keep)
    await stop.click()
    await expect(view.get_by_text("You have stopped sharing with Budget Buddy.").first).to_be_visible()
    await view.get_by_text("Ended").first.click()
    await expect(view.get_by_text("Stopped by you")).to_be_visible()
    assert await _shared(stage, customer) == {}


@SCRIPT
async def test_all_apps_are_stopped_from_the_first_screen(
    contexts: Contexts, stage: Stage, household: Household, scripted: bool
) -> None:
    customer = await household.many(apps=3)
    view = (await _open(contexts, stage, customer, scripted=scripted)).view
    await view.get_by_role("button", name="Stop all apps").click()
    await view.get_by_role("button", name="Keep sharing").click()
    await view.get_by_role("button", name="Stop all apps").click()
    await expect(view.get_by_role("heading", name="Stop sharing with all apps?")).to_be_visible()
    await view.get_by_role("button", name="Stop all apps").click()
    await expect(view.get_by_text("You have stopped sharing with 3 apps.").first).to_be_visible()
    assert await _shared(stage, customer) == {}


@SCRIPT
async def test_an_app_that_is_not_recognised_is_stopped_and_the_bank_told(
    contexts: Contexts, stage: Stage, household: Household, scripted: bool
) -> None:
    customer = await household.single()
    view = (await _open(contexts, stage, customer, scripted=scripted)).view
    await view.get_by_role("button", name="Budget Buddy").click()
    await view.get_by_role("button", name="I don't recognise this app").click()
    await view.get_by_role("button", name="Stop it and tell my bank").click()
    await expect(view.get_by_role("heading", name="Your bank has been told")).to_be_visible()
    await view.get_by_role("button", name="Back to your apps").click()
    await expect(view.get_by_role("heading", name="Your connected apps")).to_be_visible()
    assert await _shared(stage, customer) == {}


@SCRIPT
async def test_many_apps_are_searched_and_put_in_order(
    contexts: Contexts, stage: Stage, household: Household, scripted: bool
) -> None:
    view = (await _open(contexts, stage, await household.many(), scripted=scripted)).view
    await view.get_by_label("Search for an app").fill("app c")
    if not scripted:
        await view.get_by_role("button", name="Apply").click()
    await expect(view.locator("ul.cards li:visible")).to_have_count(1)
    await view.get_by_label("Search for an app").fill("")
    await view.get_by_label("Order").select_option(label="Name")
    if not scripted:
        await view.get_by_role("button", name="Apply").click()
    await expect(view.locator("ul.cards li:visible")).to_have_count(12)
    names = [name.strip() for name in await view.locator("ul.cards h3").all_inner_texts()]
    assert names == sorted(names)


@SCRIPT
async def test_done_ends_the_page_for_good(
    contexts: Contexts, stage: Stage, household: Household, watch: Watch, scripted: bool
) -> None:
    opened = await _open(contexts, stage, await household.single(), scripted=scripted)
    secret = await opened.frame.locator("input[name=session]").first.input_value()
    await opened.view.get_by_role("button", name="Done").click()
    await expect(opened.view.get_by_role("heading", name="All done")).to_be_visible()
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(f"{stage.base_url}/embed/apps", data={"session": secret})
    assert answer.status_code == 401
    assert "Budget Buddy" not in answer.text
    if scripted:
        await opened.hears("consentry:close")


@SCRIPT
async def test_a_second_tab_s_change_is_shown_and_not_overwritten(
    contexts: Contexts, stage: Stage, household: Household, watch: Watch, scripted: bool
) -> None:
    watch.tolerate("412")
    customer = await household.single()
    tabs = [(await _open(contexts, stage, customer, scripted=scripted)).view for _ in range(2)]
    for view in tabs:
        await view.get_by_role("button", name="Budget Buddy").click()
        await expect(view.get_by_role("switch", name="Rainy Day")).to_be_visible()
    await tabs[0].get_by_role("switch", name="Rainy Day").click()
    await expect(tabs[0].get_by_role("switch", name="Rainy Day")).to_have_attribute("aria-checked", "true")
    await tabs[1].get_by_role("switch", name="Travel Card").click()
    await expect(tabs[1].get_by_text("changed in another window").first).to_be_visible()
    await expect(tabs[1].get_by_role("switch", name="Rainy Day")).to_have_attribute("aria-checked", "true")
    await expect(tabs[1].get_by_role("switch", name="Travel Card")).to_have_attribute("aria-checked", "false")
    assert await _shared(stage, customer) == {"_budget-single": ["ACT-1~checking", "ACT-2:savings"]}


async def test_a_double_click_stops_once_and_leaves_no_error(
    page: Page, stage: Stage, household: Household, watch: Watch
) -> None:
    customer = await household.single()
    view = (await stage.open(page, customer)).view
    await view.get_by_role("button", name="Budget Buddy").click()
    await view.get_by_role("button", name="Stop sharing").dblclick()
    await view.get_by_role("button", name="Keep sharing").wait_for()
    assert await _shared(stage, customer) == {"_budget-single": ["ACT-1~checking"]}, "the second click stopped nothing"
    await view.get_by_role("button", name="Stop sharing").dblclick()
    await expect(view.get_by_text("You have stopped sharing with Budget Buddy.").first).to_be_visible()
    assert sum(asked.path.endswith("/stop/confirmed") for asked in await watch.asked()) == 1


@SCRIPT
async def test_a_receipt_is_handed_out_and_the_history_tells_what_was_done(
    contexts: Contexts, stage: Stage, household: Household, scripted: bool
) -> None:
    opened = await _open(contexts, stage, await household.single(), scripted=scripted)
    view = opened.view
    await view.get_by_role("button", name="Budget Buddy").click()
    await view.get_by_role("switch", name="Rainy Day").click()
    await expect(view.get_by_text("Rainy Day was shared")).to_be_visible()
    found = []
    for name in ("Download as PDF", "Download as signed data"):
        async with opened.page.expect_download() as downloading:
            await view.get_by_role("button", name=name).click()
        download = await downloading.value
        found.append((download.suggested_filename, (await download.path()).read_bytes()))
    (pdf_name, pdf), (data_name, data) = found
    assert pdf_name.endswith(".pdf")
    assert pdf.startswith(b"%PDF-")
    assert data_name.endswith(".json")
    assert json.loads(data)["receipt"]["receipt_id"] in data_name
    await view.get_by_role("button", name="Stop sharing").click()
    await expect(view.get_by_role("button", name="Keep sharing")).to_be_visible()
