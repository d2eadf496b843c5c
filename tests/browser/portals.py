"""The portals in a real browser: whoever is signed in, and what every page of theirs has to be like."""

from collections.abc import Awaitable, Callable

from playwright.async_api import Page

from tests.browser import axe, gallery
from tests.browser.layout import sideways

NARROW, WIDE, DARK = (gallery.Variant("light", 320), gallery.Variant("light", 1200), gallery.Variant("dark", 1200))
OpenAs = Callable[[int], Awaitable[Page]]


async def looked_at(page: Page, screen: str) -> None:
    """Look at a screen narrow, wide and in the dark: nothing sticks out, everything is accessible."""
    for variant, rules in ((NARROW, None), (WIDE, None), (DARK, axe.CONTRAST)):
        await gallery.look(page, variant)
        assert await sideways(page) == [], (screen, variant)
        if screen != "documentation" or variant is NARROW:
            assert await axe.violations(page, rules=rules) == [], (screen, variant)
        await gallery.shoot(page, "portal", screen, variant, whole=screen != "documentation")
