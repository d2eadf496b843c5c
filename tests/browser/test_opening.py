"""Opening the dashboard in a bank's page: in each way that is documented, without cookies, once, and by nobody else."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Contexts
from tests.browser.households import Household
from tests.browser.parent import Parent
from tests.browser.stage import SANDBOX, Stage
from tests.browser.watch import Watch

FIRST_SCREEN = "Your connected apps"
ENDED = "This page has ended"
BLOCKED = "frame-ancestors"


@pytest.mark.parametrize("how", ["get", "post", "component"])
async def test_the_dashboard_opens_in_a_bank_s_page_without_any_cookie(
    page: Page, stage: Stage, household: Household, watch: Watch, how: str
) -> None:
    opened = await stage.open(page, await household.single(), how=how)
    await expect(opened.view.get_by_role("heading", name=FIRST_SCREEN)).to_be_visible()
    await opened.view.get_by_role("button", name="Budget Buddy").click()
    await expect(opened.view.get_by_role("heading", name="Budget Buddy")).to_be_visible()
    assert await page.context.cookies() == []
    for asked in await watch.asked():
        assert "cookie" not in asked.headers, asked
    for storage in ("document.cookie", "localStorage.length", "sessionStorage.length"):
        # Where Chromium blocks what belongs to third parties, asking is an error already.
        assert await opened.frame.evaluate(f"() => {{ try {{ return {storage} }} catch {{ return 0 }} }}") in ("", 0)


@pytest.mark.parametrize("how", ["get", "post"])
async def test_a_used_token_opens_nothing_more(
    page: Page, stage: Stage, household: Household, watch: Watch, how: str
) -> None:
    watch.tolerate("401")
    token = await stage.token(await household.single())
    path = stage.by_get(token) if how == "get" else stage.by_post(token)
    for heading in (FIRST_SCREEN, ENDED):
        await page.goto(stage.parent.origin() + path)
        await expect((await stage.opened(page)).view.get_by_role("heading", name=heading)).to_be_visible()


@pytest.mark.parametrize(
    ("host", "tls", "how"),
    [("stranger", True, "get"), ("stranger", True, "post"), ("bank", False, "get"), ("sub.bank", True, "post")],
)
async def test_a_parent_that_is_not_registered_is_shown_nothing(
    page: Page, stage: Stage, household: Household, watch: Watch, host: str, tls: bool, how: str
) -> None:
    watch.tolerate(BLOCKED, "Failed to load resource", "mixed")
    token = await stage.token(await household.single())
    path = stage.by_get(token) if how == "get" else stage.by_post(token)
    await _is_blocked(page, stage, stage.parent.origin(host, tls=tls) + path)


async def test_a_sandboxed_parent_without_an_origin_is_shown_nothing(
    page: Page, stage: Stage, household: Household, watch: Watch
) -> None:
    watch.tolerate(BLOCKED, "Failed to load resource")
    inner = stage.by_get(await stage.token(await household.single()))
    path = stage.parent.show("/null-origin", f'<iframe title="Box" sandbox="{SANDBOX}" src="{inner}"></iframe>')
    boxed = path.replace("allow-same-origin", "")
    stage.parent.pages[boxed] = (stage.parent.pages[path][0].replace("allow-same-origin ", ""), {})
    await _is_blocked(page, stage, stage.parent.origin() + boxed)


async def test_a_stranger_around_the_bank_s_page_is_shown_nothing(
    page: Page, stage: Stage, household: Household, watch: Watch, parent: Parent
) -> None:
    watch.tolerate(BLOCKED, "Failed to load resource")
    bank = parent.origin() + stage.by_get(await stage.token(await household.single()))
    parent.show("/around", f'<iframe title="The bank" src="{bank}"></iframe>')
    await _is_blocked(page, stage, f"{parent.origin('stranger')}/around")


async def test_no_other_page_of_the_product_is_framed_by_the_registered_parent(
    page: Page, stage: Stage, watch: Watch, parent: Parent
) -> None:
    watch.tolerate(BLOCKED, "Failed to load resource")
    parent.show("/docs-framed", f'<iframe title="Reference" src="{stage.base_url}/docs"></iframe>')
    await _is_blocked(page, stage, f"{parent.origin()}/docs-framed")


async def test_two_customers_in_two_browsers_see_their_own_apps_alone(
    contexts: Contexts, stage: Stage, household: Household
) -> None:
    await household.single("first")
    await household.nobody("second")
    seen = []
    for customer in ("first", "second"):
        page = await (await contexts.new()).new_page()
        seen.append((await stage.open(page, customer)).view)
    await expect(seen[0].get_by_role("button", name="Budget Buddy")).to_be_visible()
    await expect(seen[1].get_by_role("heading", name="No connected apps")).to_be_visible()
    await expect(seen[1].get_by_role("button", name="Budget Buddy")).to_have_count(0)


async def _is_blocked(page: Page, stage: Stage, address: str) -> None:
    async with page.expect_console_message(lambda message: BLOCKED in message.text):
        await page.goto(address)
    await page.wait_for_load_state()
    assert not any(frame.url.startswith(stage.base_url) for frame in page.frames)
    for frame in page.frames[1:]:
        await expect(frame.get_by_text(FIRST_SCREEN)).to_have_count(0)
