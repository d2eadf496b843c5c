"""Every screen and state of the dashboard: looked at in every window and both schemes, and asked by axe.

The screenshots in build/screenshots/dashboard are taken here; look at them after a change.
"""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from consentry.usecases.branding.change import BrandingChange, change_branding
from consentry.usecases.services import Services
from tests.browser import axe, gallery
from tests.browser.gallery import MATRIX, Variant
from tests.browser.households import LONG, Household
from tests.browser.layout import sideways, small_targets
from tests.browser.stage import Opened, Stage
from tests.browser.watch import Watch
from tests.conftest import OPERATOR

AREA = "dashboard"
TOUCH = 44
ORDINARY = Variant("light", 512)
Way = Callable[[Opened], Awaitable[None]]


def _press(*names: str) -> Way:
    async def way(opened: Opened) -> None:
        for name in names:
            button = await opened.view.get_by_role("button", name=name).first.element_handle()
            await button.click()
            await button.wait_for_element_state("hidden")

    return way


def _switch(*names: str) -> Way:
    async def way(opened: Opened) -> None:
        await _press("Budget Buddy")(opened)
        for name in names:
            await opened.view.get_by_role("switch", name=name).click()

    return way


async def _unfold(opened: Opened) -> None:
    for summary in await opened.view.locator("summary").all():
        await summary.click()


async def _an_ended_app(opened: Opened) -> None:
    await _unfold(opened)
    await _press("Barred Broker")(opened)


async def _a_fruitless_search(opened: Opened) -> None:
    await opened.view.get_by_label("Search for an app").fill("nowhere")


async def _what_is_shared(opened: Opened) -> None:
    await _press("Budget Buddy")(opened)
    await opened.view.get_by_role("heading", name="What is shared").wait_for()
    await _unfold(opened)


# The name of the screen, whose dashboard, the way there from the first screen, and a text that says: here it is.
SCREENS: dict[str, tuple[str, Way | None, str]] = {
    "01-no-apps": ("nobody", None, "No connected apps"),
    "02-one-app": ("single", None, "Budget Buddy"),
    "03-every-status": ("every_state", _unfold, "Stopped by your bank"),
    "04-many-apps": ("many", None, "12 apps"),
    "05-nothing-found": ("many", _a_fruitless_search, "No app fits"),
    "06-hostile-names": ("hostile", None, LONG),
    "11-an-app": ("every_state", _what_is_shared, "You decide"),
    "12-an-app-that-ends-soon": ("every_state", _press("Lendwell"), "You decide"),
    "13-an-app-that-cannot-be-changed": ("every_state", _press("Tax Helper"), "Please ask your bank"),
    "14-an-ended-app": ("every_state", _an_ended_app, "What was shared"),
    "15-an-app-of-hostile-names": ("hostile", _press(LONG), "You decide"),
    "21-switched-on": ("single", _switch("Rainy Day"), "Undo"),
    "22-the-last-account": ("single", _switch("Everyday Checking"), "would get nothing"),
    "31-stop-one": ("single", _press("Budget Buddy", "Stop sharing"), "Keep sharing"),
    "32-stopped-one": ("single", _press("Budget Buddy", "Stop sharing", "Stop sharing"), "You have stopped sharing"),
    "33-stop-all": ("many", _press("Stop all apps"), "Keep sharing"),
    "34-stopped-all": ("many", _press("Stop all apps", "Stop all apps"), "You have stopped sharing"),
    "41-not-recognised": (
        "single",
        _press("Budget Buddy", "I don't recognise this app"),
        "I know this app",
    ),
    "42-the-bank-is-told": (
        "single",
        _press("Budget Buddy", "I don't recognise this app", "Stop it and tell my bank"),
        "Your bank has been told",
    ),
    "51-done": ("single", _press("Done"), "All done"),
}


@pytest.mark.parametrize("screen", SCREENS)
async def test_a_screen_fits_every_window_and_is_accessible(
    page: Page, stage: Stage, household: Household, screen: str
) -> None:
    whose, way, sign = SCREENS[screen]
    opened = await stage.open(page, await getattr(household, whose)())
    if way:
        await way(opened)
    await expect(opened.view.get_by_text(sign).first).to_be_visible()
    await _is_good(opened, screen)


async def test_the_page_that_says_that_it_has_ended_is_accessible(
    page: Page, stage: Stage, household: Household, watch: Watch
) -> None:
    watch.tolerate("401")
    await stage.open(page, await household.single())
    await page.goto(page.url)
    again = await stage.opened(page)
    await expect(again.view.get_by_text("This page has ended")).to_be_visible()
    await _is_good(again, "52-ended")


async def test_the_warning_and_a_conflict_are_accessible(
    page: Page, stage: Stage, household: Household, watch: Watch
) -> None:
    watch.tolerate("412")
    await page.clock.install()
    opened = await stage.open(page, await household.single())
    await _press("Budget Buddy")(opened)
    await opened.view.get_by_role("switch", name="Rainy Day").wait_for()
    await household.sql("update consentry.consents set version = version + 1, auto_share = true")
    await opened.view.get_by_role("switch", name="Rainy Day").click()
    await expect(opened.view.get_by_text("another window").first).to_be_visible()
    await _is_good(opened, "23-changed-elsewhere")
    await page.clock.fast_forward("08:05")
    await expect(opened.view.get_by_role("dialog")).to_be_visible()
    await _is_good(opened, "53-still-there")


@pytest.mark.parametrize(
    ("locale", "first", "language"), [("es", "Sus aplicaciones conectadas", "es"), ("fr-CA", "Vos applications", "fr")]
)
async def test_the_screens_speak_the_customer_s_language(
    page: Page, stage: Stage, household: Household, locale: str, first: str, language: str
) -> None:
    opened = await stage.open(page, await household.every_state(), locale=locale)
    assert (await opened.frame.evaluate("document.documentElement.lang")).startswith(language)
    for name, button in (("first", "Budget Buddy"), ("app", "#stop"), ("stop", "")):
        words = await opened.view.locator("main").inner_text()
        for english in ("Your", "account", "sharing", "since", "Stop"):
            assert english not in words, f"{english} in {words}"
        await _is_good(opened, f"61-{name}-in-{language}", variants=(Variant("light", 320), ORDINARY))
        if button.startswith("#"):
            await opened.view.locator(button).click()
        elif button:
            await opened.view.get_by_role("button", name=button).click()
        if button:
            await opened.view.locator("#stop, #confirm").first.wait_for()


@pytest.mark.parametrize(
    ("name", "theme"),
    [
        ("pale", {"accent": "#ffe066", "header": "#fff8d6", "background": "#ffffff", "radius": 0, "font": "serif"}),
        ("garish", {"accent": "#ff2fd0", "header": "#00e5ff", "background": "#7fff00", "radius": 24}),
        ("night", {"accent": "#101040", "header": "#000000", "background": "#303030", "font": "geometric"}),
    ],
)
async def test_whatever_colours_a_bank_has_chosen_everything_can_be_read(
    page: Page, stage: Stage, household: Household, services: Services, name: str, theme: dict[str, object]
) -> None:
    change = BrandingChange(theme=theme, fraud_phone="+1 800 555 0199")
    await change_branding(services, stage.tenant.institution_id, change, actor=OPERATOR)
    opened = await stage.open(page, await household.every_state())
    await gallery.look(page, ORDINARY)
    for number, way in enumerate((_unfold, _press("Budget Buddy"), _press("Stop sharing"))):
        await way(opened)
        await opened.view.locator(("details[open]", "#stop", "#confirm")[number]).first.wait_for()
        for variant in (Variant("light", 512), Variant("dark", 512)):
            await gallery.look(page, variant)
            await _settled(opened, variant)
            assert await axe.violations(opened.frame, rules=axe.CONTRAST) == [], variant
            await gallery.shoot(page, AREA, f"71-theme-{name}-{number}", variant)


async def _is_good(opened: Opened, screen: str, *, variants: tuple[Variant, ...] = MATRIX) -> None:
    page = opened.page
    for variant in variants:
        await gallery.look(page, variant)
        await _settled(opened, variant)
        assert await sideways(opened.frame) == [], variant
        assert await sideways(page) == [], variant
        await gallery.shoot(page, AREA, screen, variant)
    assert await small_targets(opened.frame, TOUCH) == []
    if variants == MATRIX:
        assert await axe.violations(opened.frame, rules=axe.CONTRAST) == [], "dark"
    await gallery.look(page, ORDINARY)
    assert await axe.violations(opened.frame) == [], "light"


async def _settled(opened: Opened, variant: Variant) -> None:
    """Wait until the frame has the window's width, and the parent has given it the height that it asked for."""
    await opened.frame.wait_for_function(
        """width => innerWidth === width && matchMedia("(prefers-color-scheme)").media !== "" &&
             (innerHeight === 600 || innerHeight === Math.ceil(document.body.getBoundingClientRect().height))""",
        arg=variant.width,
    )
