"""The operations of the Consent Management API: each parses its request, calls one use case and renders the answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TypeVar

import msgspec

from consentry.domain.actor import Actor, ActorKind
from consentry.domain.consent import CustomerConsents
from consentry.domain.refusal.request import InvalidClient
from consentry.store.consents import Subject
from consentry.usecases.consent.changes import ChangeRequest, ShownConsent
from consentry.usecases.consent.get import get_consent
from consentry.usecases.consent.share_account import share_account
from consentry.usecases.consent.share_new_accounts import share_new_accounts
from consentry.usecases.consent.stop_sharing import stop_sharing
from consentry.usecases.credentials.authenticate import authenticate
from consentry.usecases.credentials.remember_failed_sign_in import remember_failed_sign_in
from consentry.usecases.credentials.rotate import rotate_credentials
from consentry.usecases.services import Services
from consentry.usecases.token.issue import PresentedCredentials, issue_token
from consentry.usecases.token.revoke import revoke_token
from consentry.web.asgi import Receive
from consentry.web.consent_api import answers, requests
from consentry.web.consent_api.requests import RequestHeaders
from consentry.web.safety.admission import Admission

Result = TypeVar("Result")


class Operation(StrEnum):
    """The operations by the names that metrics and logs know them by."""

    REQUEST_TOKEN = "request_token"  # noqa: S105 - an operation's name
    REVOKE_TOKEN = "revoke_token"  # noqa: S105 - an operation's name
    ROTATE_CREDENTIALS = "rotate_credentials"
    LIST_CONSENTS = "list_consents"
    GET_CONSENT = "get_consent"
    SHARE_ACCOUNT = "share_account"
    SHARE_NEW_ACCOUNTS = "share_new_accounts"
    STOP_SHARING = "stop_sharing"


@dataclass(slots=True)
class Request:
    """One request on its way: what its path named, its headers, and where it came from."""

    operation: Operation
    version: int
    headers: RequestHeaders
    receive: Receive
    source: str
    request_id: str
    consent_id: str = ""
    account_id: bytes = b""
    token: str = ""


class Answer(msgspec.Struct, frozen=True):
    """A successful answer: its body and, for one consent, its entity tag."""

    body: bytes
    etag: str | None = None


class Operations:
    """The operations on one installation."""

    def __init__(self, services: Services, admission: Admission) -> None:
        self._services = services
        self._admission = admission
        self._by_name: dict[Operation, Callable[[Request], Awaitable[Answer]]] = {
            Operation.REQUEST_TOKEN: self._request_token,
            Operation.REVOKE_TOKEN: self._revoke_token,
            Operation.ROTATE_CREDENTIALS: self._rotate_credentials,
            Operation.LIST_CONSENTS: self._list_consents,
            Operation.GET_CONSENT: self._get_consent,
            Operation.SHARE_ACCOUNT: self._share_account,
            Operation.SHARE_NEW_ACCOUNTS: self._share_new_accounts,
            Operation.STOP_SHARING: self._stop_sharing,
        }

    async def perform(self, request: Request) -> Answer:
        """Do what a request asks.

        Raises:
            Refusal: it is refused; nothing was changed.
        """
        return await self._by_name[request.operation](request)

    async def _request_token(self, request: Request) -> Answer:
        presented = self._presented(request)
        customer_id = requests.customer_of_token_request(await requests.read_body(request.receive, request.headers))
        token = await self._signed_in(presented, partial(issue_token, customer_id=customer_id))
        return Answer(answers.token_body(token))

    async def _revoke_token(self, request: Request) -> Answer:
        presented = self._presented(request)
        revoked = await self._signed_in(presented, partial(revoke_token, token=request.token))
        return Answer(answers.revoked_token_body(revoked, request.token))

    async def _rotate_credentials(self, request: Request) -> Answer:
        presented = self._presented(request)
        body = await requests.read_body(request.receive, request.headers)
        requests.check_rotation_request(body)
        client = await self._signed_in(presented, authenticate)
        actor = Actor(ActorKind.INSTITUTION, client.client_id, request.source, request.request_id)
        shown = await rotate_credentials(self._services, client.institution_id, actor=actor, presented=client.secret)
        return Answer(answers.credentials_body(shown))

    async def _list_consents(self, request: Request) -> Answer:
        customer: CustomerConsents = await self._services.reader.read(await self._subject(request))
        return Answer(answers.consents_body(customer, version=request.version))

    async def _get_consent(self, request: Request) -> Answer:
        subject = await self._subject(request)
        shown = await get_consent(self._services.reader, subject, consent_id=request.consent_id)
        return self._shown(request, shown)

    async def _share_account(self, request: Request) -> Answer:
        change = await self._change(request)
        enabled = requests.enabled_of(await requests.read_body(request.receive, request.headers))
        account_id = requests.account_id_of(request.account_id)
        shown = await share_account(self._services.changes, change, account_id=account_id, enabled=enabled)
        return self._shown(request, shown)

    async def _share_new_accounts(self, request: Request) -> Answer:
        change = await self._change(request)
        automatic = requests.automatic_access_of(await requests.read_body(request.receive, request.headers))
        shown = await share_new_accounts(self._services.changes, change, automatic=automatic)
        return self._shown(request, shown)

    async def _stop_sharing(self, request: Request) -> Answer:
        shown = await stop_sharing(self._services.changes, await self._change(request))
        return self._shown(request, shown)

    def _presented(self, request: Request) -> PresentedCredentials:
        client_id, client_secret = requests.basic_credentials(request.headers.authorization)
        return PresentedCredentials(
            client_id=client_id,
            client_secret=client_secret,
            host=request.headers.host,
            source=request.source,
            request_id=request.request_id,
        )

    async def _signed_in(
        self, presented: PresentedCredentials, use_case: Callable[[Services, PresentedCredentials], Awaitable[Result]]
    ) -> Result:
        """Do what checks credentials, within the limits; a failure is counted, and remembered before it is answered."""
        self._admission.sign_in(presented.client_id)
        try:
            return await use_case(self._services, presented)
        except InvalidClient:
            self._admission.failed_to_sign_in(presented.client_id, presented.source)
            await remember_failed_sign_in(self._services, presented)
            raise

    async def _subject(self, request: Request) -> Subject:
        token = requests.bearer_token(request.headers.authorization)
        subject = await self._services.verifier.verify(token, host=request.headers.host)
        self._admission.institution(subject.institution_id)
        return subject

    async def _change(self, request: Request) -> ChangeRequest:
        subject = await self._subject(request)
        return ChangeRequest(
            subject=subject,
            consent_id=request.consent_id,
            actor=Actor(ActorKind.CUSTOMER, subject.customer_id, request.source, request.request_id),
            if_match=request.headers.entity_tags() if request.headers.if_match else (),
        )

    def _shown(self, request: Request, shown: ShownConsent) -> Answer:
        return Answer(
            answers.consent_body(shown, version=request.version), etag=shown.consent.etag(shown.customer.accounts)
        )
