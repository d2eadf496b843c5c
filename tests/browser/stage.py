"""The dashboard inside a bank's page: opened in each of the ways that the integration guide names."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import httpx
from playwright.async_api import Frame, FrameLocator, Page

from tests.browser.parent import Parent
from tests.builders import Tenant

SANDBOX = "allow-scripts allow-forms allow-same-origin allow-downloads"


@dataclass(frozen=True, slots=True)
class Opened:
    """An open dashboard: the bank's page, and the frame in it."""

    page: Page
    view: FrameLocator
    frame: Frame
    token: str = ""

    async def heard(self) -> list[dict[str, Any]]:
        """Give the messages that the bank's page got."""
        messages: list[dict[str, Any]] = await self.page.evaluate("window.heard")
        return messages

    async def hears(self, kind: str) -> dict[str, Any]:
        """Wait for a message of a kind and give its data, as it came last."""
        found = await self.page.wait_for_function(
            "kind => window.heard.findLast(message => message.data.type === kind)", arg=kind
        )
        message: dict[str, Any] = await found.json_value()
        return message


@dataclass(frozen=True, slots=True)
class Stage:
    """Opens dashboards of one institution inside the parent's pages."""

    base_url: str
    parent: Parent
    tenant: Tenant

    async def token(self, customer_id: str) -> str:
        """Ask for a token as the bank's server does."""
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.post(
                f"{self.base_url}/api/v4/token",
                auth=self.tenant.basic,
                json={"type": "consent_management", "scopes": f"customer.modify_consent:{customer_id}"},
            )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def revoke(self, token: str) -> None:
        """End a token from outside, as the bank's sign-out does."""
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.delete(f"{self.base_url}/api/v4/token/{token}", auth=self.tenant.basic)
        assert answer.status_code in {200, 204}, answer.text

    def address(self, **query: str) -> str:
        """Give the address of the dashboard."""
        return f"{self.base_url}/embed/authorizations{'?' if query else ''}{urlencode(query)}"

    def by_get(self, token: str, *, sandbox: str = SANDBOX, **query: str) -> str:
        """Put a page on the parent that embeds by GET; give its path."""
        source = html.escape(self.address(access_token=token, **query))
        return self._shown(
            "get",
            f'<iframe name="dashboard" title="Connected apps" sandbox="{sandbox}" referrerpolicy="no-referrer" '
            f'src="{source}"></iframe>',
        )

    def by_post(self, token: str, *, sandbox: str = SANDBOX, **query: str) -> str:
        """Put a page on the parent that embeds by POST; without script there is a button to press. Give its path."""
        return self._shown(
            "post",
            f"""<form method="post" target="dashboard" action="{html.escape(self.address(**query))}">
            <input type="hidden" name="access_token" value="{html.escape(token)}">
            <noscript><button>Open</button></noscript></form>
            <iframe name="dashboard" title="Connected apps" sandbox="{sandbox}" referrerpolicy="no-referrer"></iframe>
            <script>document.forms[0].submit()</script>""",
        )

    def by_component(self, token: str, *, sandbox: str = SANDBOX, **attributes: str) -> str:
        """Put a page on the parent that embeds by the web component, which asks the parent for its token."""
        assert sandbox == SANDBOX, "the component chooses its own"
        source = self.parent.answer_post(f"/{self.tenant.public_id}/token", {"access_token": token})
        more = "".join(f' {name}="{html.escape(value)}"' for name, value in attributes.items())
        return self._shown(
            "component",
            f"""<script src="{self.base_url}/embed/consentry.js" async></script>
            <consentry-dashboard token-url="{source}"{more}></consentry-dashboard>""",
        )

    async def open(
        self, page: Page, customer_id: str, *, how: str = "post", host: str = "bank", **query: str
    ) -> Opened:
        """Open the dashboard of a customer inside the bank's page and wait for its first screen."""
        token = await self.token(customer_id)
        path = {"get": self.by_get, "post": self.by_post, "component": self.by_component}[how](token, **query)
        await page.goto(self.parent.origin(host) + path)
        return replace(await self.opened(page), token=token)

    async def opened(self, page: Page) -> Opened:
        """Wait for the first screen in a page's frame, and for its scripts, where there are any."""
        element = await page.locator("iframe").first.element_handle()
        view = page.frame_locator("iframe").first
        await view.locator("h1").first.wait_for()
        frame = await element.content_frame()
        assert frame is not None
        await frame.wait_for_load_state()
        return Opened(page, view, frame)

    def _shown(self, how: str, body: str, headers: Mapping[str, str] | None = None) -> str:
        return self.parent.show(f"/{self.tenant.public_id}/{how}", body, **(headers or {}))
