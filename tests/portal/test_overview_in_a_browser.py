"""The overviews and a partner's pages in a real browser: pictures are drawn, pages accessible."""

from collections.abc import AsyncIterator
from typing import Literal

import pytest
from playwright.async_api import Browser, BrowserContext, async_playwright

from consentry.domain.staff import House, Role
from consentry.usecases.services import Services
from consentry.web.portal import cookies
from tests.browser.axe import CONTRAST, violations
from tests.browser.chromium import find_chromium
from tests.browser.watch import Watch
from tests.builders import Tenant
from tests.portal.conftest import SignIn
from tests.portal.parties import add_app, add_intermediary
from tests.portal.test_overview import live_through, look_after
from tests.portal.visiting import Visitor

_DRAWN = """async () => {
  for (const image of document.images) {
    image.loading = "eager";
    await image.decode();
  }
  return document.images.length;
}"""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        yield started
        await started.close()


async def context_of(
    browser: Browser, visitor: Visitor, *, width: int, scheme: Literal["light", "dark"]
) -> tuple[BrowserContext, Watch]:
    """Open a browser that is signed in; it counts this machine, called localhost, as secure."""
    base = visitor.base_url.replace("127.0.0.1", "localhost")
    context = await browser.new_context(base_url=base, viewport={"width": width, "height": 900}, color_scheme=scheme)
    watch = Watch()
    watch.attach(context)
    await context.add_cookies(
        [
            {
                "name": cookies.SESSION[visitor.house],
                "value": visitor.session,
                "url": base.replace("http:", "https:"),
                "secure": True,
                "httpOnly": True,
                "sameSite": "Lax",
            }
        ]
    )
    return context, watch


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
async def test_overviews_and_a_partner_s_pages_are_drawn_accessible_and_fit(
    browser: Browser,
    signed_in: SignIn,
    services: Services,
    bku: Tenant,
    partner: Tenant,
    width: int,
    scheme: Literal["light", "dark"],
) -> None:
    await look_after(services, partner, bku)
    await live_through(services, bku, seed=12, days=90, consents=15)
    await add_intermediary(services.session, bku, "between")
    await add_app(services.session, bku, "long", name="A name without any blank in it " + "x" * 160)
    staff = await signed_in(Role.USER)
    admin = await signed_in(Role.ADMIN, tenant=partner, house=House.PARTNER)
    one = f"/partner/institutions/{bku.public_id}"
    of_partner = ["/partner/overview", "/partner/institutions", "/partner/new-institution", one]
    of_partner += [f"{one}/{below}" for below in ("apps", "intermediaries", "members", "edit", "first-admin")]
    for visitor, paths in ((staff, ["/admin/overview", "/admin/overview?range=12m"]), (admin, of_partner)):
        context, watch = await context_of(browser, visitor, width=width, scheme=scheme)
        page = await context.new_page()
        for path in paths:
            await page.goto(path)
            assert await page.evaluate(_DRAWN) >= (6 if "overview" in path else 0), path
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            assert await violations(page, rules=None if scheme == "light" else CONTRAST) == [], path
        assert watch.complaints == []
        await context.close()
