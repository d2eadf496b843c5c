"""The page's examples of the guide to embedding, run in a browser as they stand there."""

from playwright.async_api import Page, expect

from tests.browser.households import Household
from tests.browser.stage import Stage
from tests.browser.watch import Watch
from tests.docs.blocks import example

GUIDE = "embed.md"
FIRST_SCREEN = "Your connected apps"
HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Your bank</title>'


async def test_the_five_lines_open_size_renew_and_leave_the_dashboard(
    page: Page, stage: Stage, household: Household, watch: Watch
) -> None:
    watch.tolerate("401")
    customer = await household.single()
    token = await stage.token(customer)
    parent = stage.parent
    body = example(GUIDE, "html", containing="open-consentry")
    body = body.replace("{{ dashboard }}", stage.base_url).replace("{{ token }}", token)
    parent.pages["/connected-apps"] = (HEAD + body, {})
    script = example(GUIDE, "javascript", containing="#open-consentry")
    parent.pages["/connected-apps.js"] = (script, {"Content-Type": "text/javascript"})
    parent.pages["/"] = (f"{HEAD}<h1>Your accounts</h1>", {})
    parent.answer_post("/consentry-token", {"access_token": await stage.token(customer)})

    await page.goto(f"{parent.origin()}/connected-apps")
    opened = await stage.opened(page)
    await expect(opened.view.get_by_role("heading", name=FIRST_SCREEN)).to_be_visible()
    await opened.view.get_by_role("button", name="Budget Buddy").click()
    await page.wait_for_function("parseInt(document.querySelector('iframe').style.height) > 600")

    await stage.revoke(token)
    await opened.view.get_by_role("button", name="Your connected apps").click()
    await expect(opened.view.get_by_role("heading", name=FIRST_SCREEN)).to_be_visible()

    await opened.view.get_by_role("button", name="Done").click()
    await page.wait_for_url(f"{parent.origin()}/")


async def test_the_web_component_of_the_guide_opens_the_dashboard(
    page: Page, stage: Stage, household: Household
) -> None:
    token = await stage.token(await household.single())
    body = example(GUIDE, "html", containing="<consentry-dashboard").replace("{{ dashboard }}", stage.base_url)
    stage.parent.pages["/component"] = (HEAD + body, {})
    stage.parent.answer_post("/consentry-token", {"access_token": token})
    await page.goto(f"{stage.parent.origin()}/component")
    await expect((await stage.opened(page)).view.get_by_role("heading", name=FIRST_SCREEN)).to_be_visible()
