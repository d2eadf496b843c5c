"""Screens of the portals, looked at in a wide and a narrow window, in both schemes, and asked by axe."""

from collections.abc import Awaitable, Callable, Mapping

from playwright.async_api import Page, expect

from tests.browser import axe, gallery
from tests.browser.gallery import Variant
from tests.browser.layout import sideways
from tests.browser.office import Office

WIDE, NARROW = Variant("light", 1200), Variant("dark", 320)
Way = Callable[[Page], Awaitable[None]]
Screens = Mapping[str, tuple[str, Way | None, str]]
"""By the name of a screen: its path, what is done there, and a text that says: here it is."""
_LONG = ("documentation",)
"""What is too long to be asked twice, or to be shot as a whole."""


def press(name: str) -> Way:
    """Give the way on by a button."""

    async def way(page: Page) -> None:
        await page.get_by_role("button", name=name, exact=True).first.click()
        await page.wait_for_load_state()

    return way


async def look_at(page: Page, office: Office, area: str, screens: Screens, **names: str) -> None:
    """Look at screens one after the other; `names` stand in their paths."""
    problems = []
    for screen, (path, way, sign) in screens.items():
        await page.goto(office.address(path.format(**names)))
        if way:
            await way(page)
        await expect(page.locator("body")).to_contain_text(sign)
        problems += await _problems(page, area, screen)
    assert not problems, "\n".join(problems)


async def looked_at(page: Page, screen: str, *, area: str = "portal") -> None:
    """Look at the screen that is open: nothing sticks out, everything is accessible."""
    problems = await _problems(page, area, screen)
    assert not problems, "\n".join(problems)


async def _problems(page: Page, area: str, screen: str) -> list[str]:
    found = []
    is_long = screen.endswith(_LONG)
    for variant in (NARROW, WIDE):
        await gallery.look(page, variant)
        found += [f"{screen} {variant} sideways: {element}" for element in await sideways(page)]
        await gallery.shoot(page, area, screen, variant, whole=not is_long)
        if is_long and variant is NARROW:
            continue
        rules = axe.CONTRAST if variant.scheme == "dark" else None
        found += [f"{screen} {variant} {violation}" for violation in await axe.violations(page, rules=rules)]
    return found
