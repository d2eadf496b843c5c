"""The API reference at /docs, in a real browser."""

from playwright.async_api import Page

from tests.browser import axe, gallery
from tests.browser.layout import sideways
from tests.serving import Service


async def test_the_reference_page_fits_every_window_and_is_accessible(page: Page, service: Service) -> None:
    await page.goto(f"{service.base_url}/docs")
    for variant in (*gallery.MATRIX[:3], gallery.Variant("dark", 512)):
        await gallery.look(page, variant)
        assert await sideways(page) == [], variant
        await gallery.shoot(page, "reference", "api-reference", variant, whole=False)
    assert await axe.violations(page) == [], "dark"
