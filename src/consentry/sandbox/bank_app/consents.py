"""What the bank's server asks of consentry: tokens, their end, and how many apps a customer shares with.

Credentials and address are read from `demo.json` for each call, because somebody may have rotated the secret since.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from consentry.client import AsyncConsentManagement, ConsentryError
from consentry.sandbox.demo_file import Demo, read_demo

_LIVE: Final = frozenset({"active", "paused"})


class ConsentsUnavailable(Exception):
    """Consentry gave no answer that helps; the message is for the developer who looks at the demo."""


@dataclass(frozen=True, slots=True)
class Consents:
    """The consents of the customers of the demo in this data folder, over one pool of connections."""

    data_dir: Path
    http_client: httpx.AsyncClient

    def demo(self) -> Demo:
        """Read where the demo is and how to sign in.

        Raises:
            ConsentsUnavailable: nothing is written there.
        """
        demo = read_demo(self.data_dir)
        if demo is None:
            raise ConsentsUnavailable("There is no demo.json in the data folder: is the demo still starting?")
        return demo

    async def request_token(self, customer_id: str) -> str:
        """Ask for a token for one customer; it opens one dashboard, once.

        Raises:
            ConsentsUnavailable: none was given.
        """
        try:
            return (await self._api().request_token(customer_id)).access_token
        except (ConsentryError, ValueError) as refused:
            raise ConsentsUnavailable(str(refused)) from None

    async def revoke_token(self, token: str) -> None:
        """End a token, and the dashboard that it opened.

        Raises:
            ConsentsUnavailable: it could not be revoked.
        """
        try:
            await self._api().revoke_token(token)
        except ConsentryError as refused:
            raise ConsentsUnavailable(str(refused)) from None

    async def live_apps(self, customer_id: str) -> int:
        """Count the apps with which a customer shares data now.

        Raises:
            ConsentsUnavailable: they could not be read.
        """
        try:
            listed = await self._api().for_customer(customer_id).list()
        except (ConsentryError, ValueError) as refused:
            raise ConsentsUnavailable(str(refused)) from None
        return sum(consent.status in _LIVE for consent in listed)

    def _api(self) -> AsyncConsentManagement:
        demo = self.demo()
        return AsyncConsentManagement(
            demo.base_url, demo.client_id, demo.client_secret, version="v6", http_client=self.http_client
        )
