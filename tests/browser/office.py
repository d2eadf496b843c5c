"""Staff in a real browser: signed in by the cookie that a sign-in ends with, at the portal of one house."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import count

from playwright.async_api import BrowserContext, Locator, Page

from consentry.domain.staff import House, Role
from consentry.usecases.services import Services
from consentry.web.portal.cookies import SESSION
from tests.builders import Tenant
from tests.portal.customers import REASON
from tests.portal.visiting import begin, make_member

_numbers = count()
_LISTEN = """() => { window.said = new Promise(done => {
  const status = [...document.querySelectorAll("[role=status]")].at(-1);
  new MutationObserver(() => status.textContent && done(status.textContent)).observe(status, {childList: true});
}) }"""


async def copied(button: Locator) -> str:
    """Press a button that copies, hear the page say that it did, and give what the clipboard holds."""
    await button.wait_for()  # the script that shows it has made the place where it is said
    await button.page.evaluate(_LISTEN)
    await button.click()
    assert await button.page.evaluate("window.said") == "Copied"
    return str(await button.page.evaluate("navigator.clipboard.readText()"))


@dataclass(frozen=True, slots=True)
class Office:
    """The portals of one service."""

    services: Services
    base_url: str

    async def enter(
        self,
        context: BrowserContext,
        tenant: Tenant,
        role: Role = Role.ADMIN,
        *,
        house: House = House.INSTITUTION,
        age: timedelta = timedelta(0),
    ) -> Page:
        """Open a page in which a new member of this role is signed in, at the provider so long ago."""
        email = f"{role.value}-{next(_numbers)}@bank.example"
        member = await make_member(self.services, tenant.institution_id, role, email=email)
        secret = await begin(self.services, tenant.institution_id, member, age=age)
        secure = self.base_url.replace("http:", "https:")  # only to be stored: this machine counts as trustworthy
        await context.add_cookies(
            [{"name": SESSION[house], "value": secret, "url": secure, "secure": True, "httpOnly": True}]
        )
        return await context.new_page()

    def address(self, path: str) -> str:
        """Give the address of a page."""
        return f"{self.base_url}{path}"

    async def open_customer(self, page: Page, customer_id: str) -> None:
        """Say why, as somebody on the phone does, and see the customer."""
        await page.goto(self.address("/admin/customers/open"))
        await page.get_by_label("Customer id").fill(customer_id)
        await page.get_by_label("Reason or ticket").fill(REASON)
        await page.get_by_role("button", name="Open").click()
        await page.get_by_role("heading", level=1).wait_for()
