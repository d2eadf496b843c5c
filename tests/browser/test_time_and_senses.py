"""The page's time, and the ways in which people perceive and operate it: keyboard, motion, zoom, text size."""

import re
from datetime import UTC, datetime, timedelta

from playwright.async_api import Page, Route, expect

from tests.browser.households import Household
from tests.browser.layout import sideways
from tests.browser.stage import Opened, Stage
from tests.browser.watch import Watch

ENDED = "This page has ended"
FIRST_LOAD = 60_000
_SHIFTS = """() => new Promise(done => {
  const found = [];
  // Chromium also counts how a frame was laid out before its style sheet came, which it never draws.
  const drawn = performance.getEntriesByName("first-paint")[0].startTime;
  new PerformanceObserver(list => {
    for (const entry of list.getEntries())
      if (!entry.hadRecentInput && entry.startTime >= drawn)
        found.push(...entry.sources.map(source => source.node?.outerHTML?.slice(0, 120)));
  }).observe({type: "layout-shift", buffered: true});
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(found))));
})"""
_PAINTED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
_FOCUSED = """() => {
  const element = document.activeElement;
  const whole = element.matches("body, main");
  const shown = style => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const visible = shown(getComputedStyle(element)) || shown(getComputedStyle(element, "::after"));
  const name = element.getAttribute("aria-labelledby") || (whole ? "" : element.innerText) || element.tagName;
  return [name, visible || whole || element.matches("h1")];
}"""


async def test_an_idle_customer_is_warned_and_one_tap_continues(page: Page, stage: Stage, household: Household) -> None:
    await _stop_the_clock(page)
    opened = await stage.open(page, await household.single())
    await page.clock.fast_forward("07:50")
    await expect(opened.view.get_by_role("dialog")).to_be_hidden()
    await page.clock.fast_forward("00:15")
    await expect(opened.view.get_by_role("dialog", name="Are you still there?")).to_be_visible()
    await opened.view.get_by_role("button", name="Continue").click()
    await expect(opened.view.get_by_role("dialog")).to_be_hidden()
    await page.clock.fast_forward("07:50")
    await expect(opened.view.get_by_role("dialog")).to_be_hidden()
    await opened.view.get_by_role("button", name="Budget Buddy").click()
    await expect(opened.view.get_by_role("heading", name="Budget Buddy")).to_be_visible()


async def test_an_idle_page_ends_shows_nothing_more_and_tells_its_parent(
    page: Page, stage: Stage, household: Household
) -> None:
    await _stop_the_clock(page)
    opened = await stage.open(page, await household.single())
    await page.clock.fast_forward("10:01")
    await expect(opened.view.get_by_role("heading", name=ENDED)).to_be_visible()
    assert "Budget" not in await opened.frame.content()
    assert await opened.frame.locator("input[name=session]").count() == 0
    await opened.hears("consentry:expired")


async def test_the_bank_s_sign_out_ends_the_page(page: Page, stage: Stage, household: Household, watch: Watch) -> None:
    watch.tolerate("401")
    opened = await stage.open(page, await household.single())
    await stage.revoke(opened.token)
    await opened.view.get_by_role("button", name="Budget Buddy").click()
    await expect(opened.view.get_by_role("heading", name=ENDED)).to_be_visible()
    await opened.hears("consentry:expired")
    assert "Budget" not in await opened.frame.content()


async def test_the_keyboard_alone_is_enough_and_shows_where_it_is(
    page: Page, stage: Stage, household: Household
) -> None:
    opened = await stage.open(page, await household.single())
    await _tab_to(opened, "Budget Buddy")
    await page.keyboard.press("Enter")
    await expect(opened.view.get_by_role("heading", name="Budget Buddy")).to_be_focused()
    await _tab_to(opened, "account-2-name")
    await page.keyboard.press("Space")
    switch = opened.view.get_by_role("switch", name="Rainy Day")
    await expect(switch).to_have_attribute("aria-checked", "true")
    await expect(opened.view.get_by_role("button", name="Undo")).to_be_visible()
    await expect(switch).to_be_focused()
    await _tab_to(opened, "Stop sharing")
    await page.keyboard.press("Enter")
    await expect(opened.view.get_by_role("heading", name="Stop sharing with Budget Buddy?")).to_be_focused()
    await expect(opened.view.get_by_role("button", name="Stop sharing")).to_be_enabled()
    await _tab_to(opened, "Stop sharing")
    await page.keyboard.press("Enter")
    await expect(opened.view.get_by_text("You have stopped sharing with Budget Buddy.").first).to_be_visible()
    await expect(opened.view.get_by_role("heading", name="Your connected apps")).to_be_focused()
    await _tab_to(opened, "Done", backwards=True)
    await page.keyboard.press("Enter")
    await expect(opened.view.get_by_role("heading", name="All done")).to_be_focused()


async def test_a_button_that_ends_something_is_not_pressed_the_moment_it_appears(
    page: Page, stage: Stage, household: Household
) -> None:
    opened = await stage.open(page, await household.single())
    await opened.view.get_by_role("button", name="Budget Buddy").click()
    await opened.view.get_by_role("switch", name="Rainy Day").wait_for()
    await opened.frame.evaluate(
        """() => { window.seen = new Promise(done => new MutationObserver(() => {
             const button = document.getElementById("confirm");
             if (button) done(button.disabled);
           }).observe(document, {childList: true, subtree: true})) }"""
    )
    await opened.view.get_by_role("button", name="Stop sharing").click()
    assert await opened.frame.evaluate("window.seen") is True
    await expect(opened.view.locator("#confirm")).to_be_enabled()


async def test_nothing_moves_for_who_wants_less_motion(page: Page, stage: Stage, household: Household) -> None:
    await page.emulate_media(reduced_motion="reduce")
    opened = await stage.open(page, await household.single())
    await opened.view.get_by_role("button", name="Budget Buddy").click()
    await opened.view.get_by_role("switch", name="Rainy Day").click()
    await expect(opened.view.get_by_role("button", name="Undo")).to_be_visible()
    assert await opened.frame.evaluate("document.getAnimations().length") == 0


async def test_the_first_load_is_small_and_a_script_that_comes_late_shifts_nothing(
    page: Page, stage: Stage, household: Household, watch: Watch
) -> None:
    held = []

    async def late(route: Route) -> None:
        view = page.frame_locator("iframe")
        await view.get_by_role("button", name="App A").evaluate(f"async () => {{ await {_PAINTED} }}")
        held.append(route.request.url)
        await route.continue_()

    await page.route(re.compile(r"/dashboard\.js"), late)
    opened = await stage.open(page, await household.many())
    await opened.hears("consentry:ready")
    assert held
    assert await opened.frame.evaluate(_SHIFTS) == []
    sizes = [await asked.sizes() for asked in watch.requests if asked.url.startswith(stage.base_url)]
    assert len(sizes) >= 3
    assert sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes) <= FIRST_LOAD


async def test_text_of_twice_the_size_fits(page: Page, stage: Stage, household: Household) -> None:
    opened = await stage.open(page, await household.every_state())
    await opened.frame.evaluate("document.documentElement.style.fontSize = '200%'")
    assert await sideways(opened.frame) == []
    await opened.view.get_by_role("button", name="Budget Buddy").click()
    await opened.view.get_by_role("heading", name="Budget Buddy").wait_for()
    assert await sideways(opened.frame) == []


async def _stop_the_clock(page: Page) -> None:
    """Have the page's time go on by what a test says alone, however long the machine takes."""
    await page.clock.install()
    await page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))


async def _tab_to(opened: Opened, wanted: str, *, backwards: bool = False) -> None:
    """Press Tab until the wanted element has the focus, which must be visible everywhere on the way."""
    for _ in range(40):
        await opened.page.keyboard.press("Shift+Tab" if backwards else "Tab")
        name, visible = await opened.frame.evaluate(_FOCUSED)
        assert visible, f"the focus on {name} is not to be seen"
        if name.strip() == wanted:
            return
    raise AssertionError(f"no Tab leads to {wanted}")
