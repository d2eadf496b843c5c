"""What others can learn or do: token and secret stand nowhere else, and messages reach the registered origin alone."""

import html
import json
from collections.abc import Sequence

import pytest
from playwright.async_api import Page, expect

from consentry.usecases.institution.change_origins import add_origin
from consentry.usecases.services import Services
from tests.browser.conftest import Contexts
from tests.browser.households import POLYGLOTS, Household
from tests.browser.parent import Parent
from tests.browser.stage import Opened, Stage
from tests.browser.watch import Watch
from tests.conftest import OPERATOR
from tests.serving import Service

LISTENER = """<script>
window.heard = [];
addEventListener("message", event => heard.push(event.data));
const kinds = ["hello", "ready", "expired", "close", "continue"];
for (const kind of kinds) parent.frames.dashboard.postMessage({type: `consentry:${kind}`}, "*");
</script>"""


@pytest.mark.parametrize(("how", "scripted"), [("get", True), ("get", False), ("post", True), ("component", True)])
async def test_the_token_and_the_page_s_secret_stand_nowhere_but_where_they_are_needed(
    contexts: Contexts, stage: Stage, household: Household, watch: Watch, service: Service, how: str, scripted: bool
) -> None:
    page = await (await contexts.new(java_script_enabled=scripted)).new_page()
    opened = await stage.open(page, await household.single(), how=how)
    secret = await opened.frame.locator("input[name=session]").first.input_value()
    for name in ("Budget Buddy", "Stop sharing", "Keep sharing", "Done"):
        await opened.view.get_by_role("button", name=name).click()
    await expect(opened.view.get_by_role("heading", name="All done")).to_be_visible()

    asked = await watch.asked()
    opening = [one for one in asked if opened.token in one.url + one.body]
    assert [one.path for one in opening] == ["/embed/authorizations"]
    assert (opened.token in opening[0].url) == (how == "get")
    for one in asked:
        assert secret not in one.url
        assert opened.token not in str(one.headers)
        if one.url.startswith(stage.base_url):
            assert not one.headers.get("referer"), one
    places = await opened.frame.evaluate(
        "[location.href, document.referrer, ...(self.navigation?.entries() ?? []).map(entry => entry.url)]"
    )
    told = "" if not scripted else json.dumps(await opened.heard())
    for found in (service.logged(), str(stage.parent.asked), told, *([str(places)] if scripted else [])):
        assert opened.token not in found
        assert secret not in found


async def test_messages_go_to_the_registered_origin_and_hold_nothing_personal(
    page: Page, stage: Stage, household: Household, parent: Parent
) -> None:
    customer = await household.single()
    opened = await stage.open(page, customer)
    parent.show("/listener", LISTENER)
    await page.evaluate(
        """source => { const frame = document.createElement("iframe"); frame.src = source; frame.title = "Stranger";
           document.body.append(frame); return new Promise(done => { frame.onload = () => done(null) }) }""",
        f"{parent.origin('stranger')}/listener",
    )
    await opened.view.get_by_role("button", name="Budget Buddy").click()
    await opened.view.get_by_role("switch", name="Rainy Day").click()
    changed = await opened.hears("consentry:changed")
    assert changed["data"] == {"type": "consentry:changed", "consent_id": "_budget-single", "kind": "updated"}
    await opened.hears("consentry:ready")
    await opened.hears("consentry:height")
    for message in await opened.heard():
        assert message["origin"] == stage.base_url
        assert set(message["data"]) <= {"type", "height", "consent_id", "kind"}
        for personal in (customer, "Budget", "Rainy", "5678"):
            assert personal not in json.dumps({**message["data"], "consent_id": ""})
    (stranger,) = (frame for frame in page.frames if frame.url.endswith("/listener"))
    assert await stranger.evaluate("window.heard") == []


async def test_of_several_registered_parents_the_one_that_greets_is_told(
    page: Page, stage: Stage, household: Household, services: Services, parent: Parent
) -> None:
    for host in ("app", "shop"):
        origin = parent.origin(host)
        await add_origin(services, stage.tenant.institution_id, origin, actor=OPERATOR)
    opened = await stage.open(page, await household.single(), host="app")
    assert await opened.heard() == [], "nobody has greeted"
    await page.evaluate("to => frames.dashboard.postMessage({type: 'consentry:hello'}, to)", stage.base_url)
    assert (await opened.hears("consentry:ready"))["origin"] == stage.base_url
    await page.goto("about:blank")
    again = await stage.open(page, "single", how="component", host="shop")
    assert (await again.hears("consentry:ready"))["origin"] == stage.base_url, "the component greets by itself"


async def test_nothing_is_done_from_another_site_even_with_a_page_s_secret(
    page: Page, contexts: Contexts, stage: Stage, household: Household, parent: Parent, watch: Watch
) -> None:
    watch.tolerate("403")
    opened = await stage.open(page, await household.single())
    secret = await opened.frame.locator("input[name=session]").first.input_value()
    await opened.view.get_by_role("button", name="Budget Buddy").click()
    parent.show(
        "/forging",
        f"""<form method="post" action="{stage.base_url}/embed/apps/_budget-single/stop/confirmed">
        <input name="session" value="{html.escape(secret)}"><button>Go</button></form>""",
    )
    other = await (await contexts.new()).new_page()
    for host in ("stranger", "bank"):
        await other.goto(f"{parent.origin(host)}/forging")
        async with other.expect_navigation() as answered:
            await other.get_by_role("button", name="Go").click()
        answer = await answered.value
        assert answer is not None
        assert answer.status == 403
    await opened.view.get_by_role("switch", name="Rainy Day").click()
    await expect(opened.view.get_by_role("button", name="Undo")).to_be_visible()


async def test_names_that_try_to_act_are_shown_as_they_are(page: Page, stage: Stage, household: Household) -> None:
    """The watch would complain of a script, a dialog, or a request elsewhere."""
    name = " ".join(POLYGLOTS)
    opened = await stage.open(page, await household.hostile(names=(name, *POLYGLOTS)))
    view = opened.view
    await view.locator("ul.cards button").filter(has_text=POLYGLOTS[0]).filter(has_text=POLYGLOTS[1]).click()
    await _shows(opened, POLYGLOTS)
    await view.get_by_role("switch").nth(0).click()
    await view.get_by_role("button", name="Undo").click()
    await expect(view.get_by_role("switch").nth(0)).to_have_attribute("aria-checked", "true")
    await view.get_by_role("button", name="Stop sharing").click()
    await _shows(opened, POLYGLOTS)
    await view.get_by_role("button", name="Keep sharing").click()
    await view.get_by_role("button", name="I don't recognise this app").click()
    await _shows(opened, POLYGLOTS)
    await view.get_by_role("button", name="Stop it and tell my bank").click()
    await expect(view.get_by_role("heading", name="Your bank has been told")).to_be_visible()
    await view.get_by_role("button", name="Back to your apps").click()
    await _shows(opened, ["Your connected apps"])


async def _shows(opened: Opened, parts: Sequence[str]) -> None:
    for part in parts:
        # What turns the direction of text around may be left out.
        await expect(opened.view.locator("h1")).to_contain_text(part.strip("\u202e").partition("\u202c")[0])
    assert await opened.frame.locator("main img, main script, main style, main b, main i").count() == 0
    assert await opened.frame.locator("a[href^='javascript' i], a[href^='data' i]").count() == 0
