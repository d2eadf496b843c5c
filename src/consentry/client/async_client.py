"""The client for programs with an event loop: asyncio or trio.

Owns sending and waiting; leaves what is sent to `conversations`. May be used by several tasks at once.
"""

from types import TracebackType
from typing import cast

from anyio import sleep

from consentry.client import transport
from consentry.client.conversations import Customer
from consentry.client.models import Consent, Credentials, RevokedToken, Token
from consentry.client.repeating import RetryPolicy
from consentry.client.transport import httpx
from consentry.client.wire import Conversation, HttpRequest, Outcome, Result


class AsyncConsentManagement:
    """The Consent Management API for one institution.

    `base_url` is the server's address without `/api`. `timeout` is in seconds and counts for connecting and for each
    silence; with an `http_client` of your own, its timeouts count, and closing it is yours too.

    Raises:
        ValueError: the address or the version is none.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        version: str = "v4",
        timeout: float = 10.0,
        retries: RetryPolicy | None = None,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self._institution = transport.institution(base_url, client_id, client_secret, version=version, policy=retries)
        self._owned = http_client is None
        self._client = http_client or httpx.AsyncClient(timeout=timeout)

    async def request_token(self, customer_id: str) -> Token:
        """Ask for a token for one customer, 1 to 255 visible ASCII characters; for the embedded dashboard, say.

        Raises:
            ConsentryError: it was refused, or no answer came.
            ValueError: the id cannot be one.
        """
        return await self.run(self._institution.request_token(customer_id))

    async def revoke_token(self, token: Token | str) -> RevokedToken:
        """End a token at once, everywhere; a second call answers the same.

        Raises:
            ConsentryError: it was refused, or no answer came.
        """
        return await self.run(self._institution.revoke_token(token if isinstance(token, str) else token.access_token))

    async def rotate_credentials(self, *, adopt: bool = True) -> Credentials:
        """Replace the secret, and use the new one from now on unless `adopt` is false. Store it: it is shown once.

        It is sent once and never repeated. If no answer comes, call again with the secret you have.

        Raises:
            ConsentryError: it was refused, or no answer came.
        """
        return await self.run(self._institution.rotate_credentials(adopt=adopt))

    def for_customer(self, customer_id: str) -> "AsyncCustomerSession":
        """Open the consents of one customer; nothing is sent yet.

        Raises:
            ValueError: the id is not 1 to 255 visible ASCII characters.
        """
        return AsyncCustomerSession(self, transport.customer(self._institution, customer_id))

    async def aclose(self) -> None:
        """Close the connections, unless the httpx client is yours."""
        if self._owned:
            await self._client.aclose()

    async def __aenter__(self) -> "AsyncConsentManagement":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._institution.root!r}, {self._institution.secret.client_id!r})"

    async def run(self, conversation: Conversation[Result]) -> Result:
        """Run a conversation to its end."""
        try:
            step = next(conversation)
            while True:
                if step.after:
                    await sleep(step.after)
                step = conversation.send(await self._send(step.request))
        except StopIteration as end:
            return cast(Result, end.value)

    async def _send(self, request: HttpRequest) -> Outcome:
        try:
            made = transport.prepared(self._client, request)
            return transport.answer_of(await self._client.send(made, auth=None, follow_redirects=False))
        except httpx.RequestError as error:
            return transport.no_answer(error)


class AsyncCustomerSession:
    """The consents of one customer. Tokens are asked for, and renewed, by themselves.

    Every method raises ConsentryError if it was refused or no answer came, and ValueError if an id is empty. With
    `if_match`, the etag of a consent, a change is made only if nobody else changed the consent since.
    """

    def __init__(self, api: AsyncConsentManagement, customer: Customer) -> None:
        self._api = api
        self._customer = customer

    async def list(self) -> tuple[Consent, ...]:
        """List the consents, the newest first."""
        return await self._api.run(self._customer.list())

    async def get(self, consent_id: str) -> Consent:
        """Get one consent."""
        return await self._api.run(self._customer.get(consent_id))

    async def share_account(self, consent_id: str, account_id: str, *, if_match: str | None = None) -> Consent:
        """Share one account with the app."""
        return await self._api.run(self._customer.share_account(consent_id, account_id, if_match))

    async def stop_sharing_account(self, consent_id: str, account_id: str, *, if_match: str | None = None) -> Consent:
        """Stop sharing one account with the app."""
        return await self._api.run(self._customer.stop_sharing_account(consent_id, account_id, if_match))

    async def share_new_accounts(self, consent_id: str, on: bool, *, if_match: str | None = None) -> Consent:
        """Share accounts that appear later by themselves, or stop doing so."""
        return await self._api.run(self._customer.share_new_accounts(consent_id, on, if_match))

    async def stop_sharing(self, consent_id: str, *, if_match: str | None = None) -> Consent:
        """Stop all sharing with the app; it cannot be undone."""
        return await self._api.run(self._customer.stop_sharing(consent_id, if_match))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._customer.customer_id!r})"
