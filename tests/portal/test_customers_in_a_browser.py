"""A customer is helped in a real browser: without scripts, and on pages that are accessible, narrow or wide."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from consentry.domain.staff import Role
from consentry.usecases.services import Services
from tests.browser.axe import CONTRAST, violations
from tests.browser.chromium import find_chromium
from tests.browser.watch import Watch
from tests.builders import Tenant, add_application, add_consent
from tests.portal.conftest import SignIn
from tests.portal.customers import CUSTOMER, household, opened
from tests.portal.visiting import Visitor
from tests.serving import Service

LONG = "x" * 255
WIDTHS = (1280, 390)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        yield started
        await started.close()


async def page_of(browser: Browser, visitor: Visitor, **options: Any) -> tuple[Page, Watch]:
    """Open a page in a browser that is signed in; it counts this machine, called localhost, as secure."""
    base = visitor.base_url.replace("127.0.0.1", "localhost")
    context = await browser.new_context(base_url=base, **options)
    watch = Watch()
    watch.attach(context)
    await context.add_cookies(
        [
            {
                "name": "__Host-consentry-staff",
                "value": visitor.session,
                "url": base.replace("http:", "https:"),
                "secure": True,
                "httpOnly": True,
                "sameSite": "Lax",
            }
        ]
    )
    return await context.new_page(), watch


async def test_a_customer_on_the_phone_is_helped_without_scripts(
    browser: Browser, signed_in: SignIn, services: Services, bku: Tenant
) -> None:
    await household(services.session, bku)
    page, watch = await page_of(browser, await signed_in(Role.SUPPORT), java_script_enabled=False)
    await page.goto("/admin/customers")
    await page.get_by_label("Account's last four digits").fill("5678")
    await page.get_by_role("button", name="Search").click()
    await page.get_by_role("link", name=CUSTOMER).click()
    await page.get_by_label("Reason or ticket").fill("Ticket 4711: on the phone")
    await page.get_by_role("button", name="Open").click()
    await page.get_by_role("link", name="Budget").click()
    await page.get_by_role("link", name="Stop sharing").click()
    await page.get_by_label("Reason, which the customer reads").fill("You asked us to on the phone.")
    await page.get_by_role("button", name="Stop sharing").click()
    assert "Stopped by your bank" in await page.inner_text("main")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Receipt as PDF").click()
    assert (await download.value).suggested_filename.endswith(".pdf")
    assert watch.complaints == []
    await page.context.close()


async def test_every_page_about_a_customer_is_accessible_and_fits(
    browser: Browser, signed_in: SignIn, services: Services, bku: Tenant, service: Service
) -> None:
    await household(services.session, bku, LONG)
    await add_application(services.session, bku, "wide", name="W" * 90)
    await add_consent(services.session, bku, LONG, "wide", "_" + "w" * 63, revoked_at=datetime(2025, 1, 1, tzinfo=UTC),
                      revoked_by="recipient", revocation_reason="user_action")  # fmt: skip
    visitor = await signed_in(Role.ADMIN)
    own = opened(visitor, LONG)
    visitor.post(f"{own}/block", {"reason": "Fraud case 77", "wanted": "blocked"})
    paths = ["/admin/customers?customer=xxx", f"/admin/customers/open?customer={LONG}", f"{own}?notice=stopped_all"]
    paths += [f"{own}/{below}" for below in ("consents/_a-budget", f"consents/_{'w' * 63}", "consents/_a-budget/stop")]
    paths += [f"{own}/{below}" for below in ("stop-all", "block", "evidence")]
    for width, scheme in zip(WIDTHS, ("light", "dark"), strict=True):
        page, watch = await page_of(
            browser, visitor, viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
        )
        for path in paths:
            await page.goto(path)
            if scheme == "light":
                assert await violations(page) == [], path
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
        await page.goto(f"{own}/consents/_a-budget/stop")
        assert await violations(page, rules=CONTRAST) == []
        assert watch.complaints == []
        await page.context.close()
