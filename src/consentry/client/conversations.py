"""What an institution and a customer can ask, as conversations that any client can run.

Owns the credentials in use, the customer's token and its renewal; leaves sending and waiting to the clients, and
repeats to `repeating`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from consentry.client import calls
from consentry.client.calls import Change, Secret
from consentry.client.errors import InvalidTokenError
from consentry.client.models import Consent, Credentials, RevokedToken, Token
from consentry.client.repeating import RetryPolicy, exchange
from consentry.client.wire import Conversation, HttpAnswer, HttpRequest

# Seconds before its end at which a token is no longer used.
MARGIN = 30.0


@dataclass(slots=True, kw_only=True)
class Institution:
    """The institution's side: its credentials, which a rotation replaces.

    `clock` gives seconds from any start; `chance` numbers from 0 to less than 1.
    """

    root: str
    secret: Secret
    policy: RetryPolicy
    clock: Callable[[], float]
    chance: Callable[[], float]

    def request_token(self, customer_id: str) -> Conversation[Token]:
        """Ask for a token for one customer."""
        request = calls.token_request(self.root, self.secret, customer_id)
        return calls.read((yield from self.exchange(request)), Token)

    def revoke_token(self, token: str) -> Conversation[RevokedToken]:
        """End a token."""
        request = calls.token_revocation(self.root, self.secret, token)
        return calls.read((yield from self.exchange(request)), RevokedToken)

    def rotate_credentials(self, *, adopt: bool) -> Conversation[Credentials]:
        """Ask once for a new secret, and use it from now on if `adopt` says so."""
        request = calls.credentials_rotation(self.root, self.secret)
        credentials = calls.read((yield from self.exchange(request)), Credentials)
        if adopt:
            self.secret = Secret(credentials.client_id, credentials.client_secret)
        return credentials

    def exchange(self, request: HttpRequest) -> Conversation[HttpAnswer]:
        """Send a request with this institution's patience."""
        return exchange(request, policy=self.policy, chance=self.chance)


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token and the time after which it is not used any more."""

    access_token: str = field(repr=False)
    until: float


@dataclass(slots=True)
class Customer:
    """A customer's side: a token that renews itself."""

    institution: Institution
    customer_id: str
    held: HeldToken | None = field(default=None, repr=False)

    def list(self) -> Conversation[tuple[Consent, ...]]:
        """Ask for all consents."""
        answer = yield from self._ask(lambda token: calls.consent_list(self.institution.root, token))
        return calls.read(answer, tuple[Consent, ...])

    def get(self, consent_id: str) -> Conversation[Consent]:
        """Ask for one consent."""
        path = calls.segment(consent_id)
        answer = yield from self._ask(lambda token: calls.one_consent(self.institution.root, token, path))
        return calls.read_consent(answer)

    def share_account(self, consent_id: str, account_id: str, if_match: str | None) -> Conversation[Consent]:
        """Share one account with the app."""
        return self._put(calls.account_sharing(consent_id, account_id, enabled=True, if_match=if_match))

    def stop_sharing_account(self, consent_id: str, account_id: str, if_match: str | None) -> Conversation[Consent]:
        """Stop sharing one account with the app."""
        return self._put(calls.account_sharing(consent_id, account_id, enabled=False, if_match=if_match))

    def share_new_accounts(self, consent_id: str, on: bool, if_match: str | None) -> Conversation[Consent]:
        """Share accounts that appear later, or stop doing so."""
        return self._put(calls.automatic_sharing(consent_id, on=on, if_match=if_match))

    def stop_sharing(self, consent_id: str, if_match: str | None) -> Conversation[Consent]:
        """Stop all sharing with the app."""
        return self._put(calls.end_of_sharing(consent_id, if_match=if_match))

    def _put(self, change: Change) -> Conversation[Consent]:
        answer = yield from self._ask(lambda token: change.request(self.institution.root, token))
        return calls.read_consent(answer)

    def _ask(self, build: Callable[[str], HttpRequest]) -> Conversation[HttpAnswer]:
        """Send a request with a live token; one that the server refuses is replaced once."""
        held = self.held
        if held is None or self.institution.clock() >= held.until:
            held = yield from self._renewed()
        try:
            return (yield from self.institution.exchange(build(held.access_token)))
        except InvalidTokenError:
            if self.held is None or self.held is held:
                self.held = yield from self._renewed()
            return (yield from self.institution.exchange(build(self.held.access_token)))

    def _renewed(self) -> Conversation[HeldToken]:
        asked_at = self.institution.clock()
        token = yield from self.institution.request_token(self.customer_id)
        self.held = HeldToken(token.access_token, asked_at + token.expires_in - MARGIN)
        return self.held
