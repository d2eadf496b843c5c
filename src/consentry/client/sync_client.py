"""The client for programs that wait: threads, scripts, classic web frameworks.

Owns sending and waiting; leaves what is sent to `conversations`. May be used from several threads at once.
"""

from time import sleep
from types import TracebackType
from typing import cast

from consentry.client import transport
from consentry.client.conversations import Customer
from consentry.client.models import Consent, Credentials, RevokedToken, Token
from consentry.client.repeating import RetryPolicy
from consentry.client.transport import httpx
from consentry.client.wire import Conversation, HttpRequest, Outcome, Result


class ConsentManagement:
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
        http_client: httpx.Client | None = None,
    ) -> None:
        self._institution = transport.institution(base_url, client_id, client_secret, version=version, policy=retries)
        self._owned = http_client is None
        self._client = http_client or httpx.Client(timeout=timeout)

    def request_token(self, customer_id: str) -> Token:
        """Ask for a token for one customer, 1 to 255 visible ASCII characters; for the embedded dashboard, say.

        Raises:
            ConsentryError: it was refused, or no answer came.
            ValueError: the id cannot be one.
        """
        return self.run(self._institution.request_token(customer_id))

    def revoke_token(self, token: Token | str) -> RevokedToken:
        """End a token at once, everywhere; a second call answers the same.

        Raises:
            ConsentryError: it was refused, or no answer came.
        """
        return self.run(self._institution.revoke_token(token if isinstance(token, str) else token.access_token))

    def rotate_credentials(self, *, adopt: bool = True) -> Credentials:
        """Replace the secret, and use the new one from now on unless `adopt` is false. Store it: it is shown once.

        It is sent once and never repeated. If no answer comes, call again with the secret you have.

        Raises:
            ConsentryError: it was refused, or no answer came.
        """
        return self.run(self._institution.rotate_credentials(adopt=adopt))

    def for_customer(self, customer_id: str) -> "CustomerSession":
        """Open the consents of one customer; nothing is sent yet.

        Raises:
            ValueError: the id is not 1 to 255 visible ASCII characters.
        """
        return CustomerSession(self, transport.customer(self._institution, customer_id))

    def close(self) -> None:
        """Close the connections, unless the httpx client is yours."""
        if self._owned:
            self._client.close()

    def __enter__(self) -> "ConsentManagement":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._institution.root!r}, {self._institution.secret.client_id!r})"

    def run(self, conversation: Conversation[Result]) -> Result:
        """Run a conversation to its end."""
        try:
            step = next(conversation)
            while True:
                if step.after:
                    sleep(step.after)
                step = conversation.send(self._send(step.request))
        except StopIteration as end:
            return cast(Result, end.value)

    def _send(self, request: HttpRequest) -> Outcome:
        try:
            made = transport.prepared(self._client, request)
            return transport.answer_of(self._client.send(made, auth=None, follow_redirects=False))
        except httpx.RequestError as error:
            return transport.no_answer(error)


class CustomerSession:
    """The consents of one customer. Tokens are asked for, and renewed, by themselves.

    Every method raises ConsentryError if it was refused or no answer came, and ValueError if an id is empty. With
    `if_match`, the etag of a consent, a change is made only if nobody else changed the consent since.
    """

    def __init__(self, api: ConsentManagement, customer: Customer) -> None:
        self._api = api
        self._customer = customer

    def list(self) -> tuple[Consent, ...]:
        """List the consents, the newest first."""
        return self._api.run(self._customer.list())

    def get(self, consent_id: str) -> Consent:
        """Get one consent."""
        return self._api.run(self._customer.get(consent_id))

    def share_account(self, consent_id: str, account_id: str, *, if_match: str | None = None) -> Consent:
        """Share one account with the app."""
        return self._api.run(self._customer.share_account(consent_id, account_id, if_match))

    def stop_sharing_account(self, consent_id: str, account_id: str, *, if_match: str | None = None) -> Consent:
        """Stop sharing one account with the app."""
        return self._api.run(self._customer.stop_sharing_account(consent_id, account_id, if_match))

    def share_new_accounts(self, consent_id: str, on: bool, *, if_match: str | None = None) -> Consent:
        """Share accounts that appear later by themselves, or stop doing so."""
        return self._api.run(self._customer.share_new_accounts(consent_id, on, if_match))

    def stop_sharing(self, consent_id: str, *, if_match: str | None = None) -> Consent:
        """Stop all sharing with the app; it cannot be undone."""
        return self._api.run(self._customer.stop_sharing(consent_id, if_match))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._customer.customer_id!r})"
