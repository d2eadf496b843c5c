"""The Consent Management API as an ASGI application: routes, limits, refusals, and what is recorded of each request.

It stands beside Starlette's routes and does by hand what a framework would, because every customer's tap and every
token passes here.
"""

import itertools
import secrets
import time
from typing import Final

from consentry.config import Settings
from consentry.domain.refusal import Refusal
from consentry.domain.refusal.request import InvalidRequest, MethodNotAllowed, NotFound, UnknownVersion
from consentry.web import errors
from consentry.web.asgi import Headers, Receive, Scope, Send, send_answer
from consentry.web.consent_api import answers
from consentry.web.consent_api.operations import Operation, Operations, Request
from consentry.web.consent_api.requests import RequestHeaders, refuse_secrets_in_query
from consentry.web.observation import Observation
from consentry.web.safety.admission import Admission
from consentry.web.safety.source import source_of

_VERSIONS: Final = {b"v4": 4, b"v5": 6, b"v6": 6}
_LONGEST_CONSENT_ID: Final = 64
_STANDING_HEADERS: Final[Headers] = (
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"pragma", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
)


class ConsentApi:
    """Answers everything below `/api/`."""

    def __init__(
        self, operations: Operations, admission: Admission, observation: Observation, settings: Settings
    ) -> None:
        self._operations = operations
        self._admission = admission
        self._observation = observation
        self._trusted_proxies = settings.trusted_proxies
        process = secrets.token_hex(6)
        self._request_ids = (f"{process}{number:08x}" for number in itertools.count())
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = time.perf_counter()
        request_id = next(self._request_ids)
        headers = RequestHeaders(scope)
        source = source_of(scope, headers.forwarded_for, trusted_proxies=self._trusted_proxies)
        answer_headers = [*_STANDING_HEADERS, (b"x-request-id", request_id.encode())]
        if headers.interaction_id is not None:
            answer_headers.append((b"x-fapi-interaction-id", headers.interaction_id))
        operation = "none"
        error = ""
        try:
            self._admission.enter(source)
            try:
                request = route(scope, receive, headers)
                operation = request.operation.value
                request.source = source
                request.request_id = request_id
                answer = await self._operations.perform(request)
            finally:
                self._admission.leave()
            status, body = 200, answer.body
            if answer.etag is not None:
                answer_headers.append((b"etag", answer.etag.encode()))
        except Refusal as refusal:
            error = refusal.code
            status, body = errors.CONSENT_API[type(refusal)], answers.refusal_body(refusal)
            answer_headers += errors.error_headers(refusal)
            if status == 503:
                self._observation.unavailable(refusal.__cause__, request_id=request_id, operation=operation)
        except Exception as failure:  # noqa: BLE001 - the last resort: told to the log, not to the caller
            error = "server_error"
            status, body = 500, answers.SERVER_ERROR
            self._observation.failure(failure, request_id=request_id, operation=operation)
        if self.draining:
            answer_headers.append((b"connection", b"close"))
        await send_answer(send, status=status, headers=answer_headers, body=body)
        self._observation.request(
            operation=operation,
            status=status,
            error=error,
            seconds=time.perf_counter() - began,
            source=source,
            request_id=request_id,
            interaction_id=headers.interaction_id,
        )


def route(scope: Scope, receive: Receive, headers: RequestHeaders) -> Request:
    """Find the operation that a request names, from the raw path, decoding nothing twice.

    Raises:
        NotFound, UnknownVersion: the path names nothing.
        MethodNotAllowed: the path does, but not with this method.
        InvalidRequest: the query holds a secret, or there are several hosts (RFC 9112, section 3.2).
    """
    if headers.hosts > 1:
        raise InvalidRequest("Send one Host header only.")
    if scope["query_string"]:
        refuse_secrets_in_query(scope["query_string"])
    segments = scope["raw_path"].split(b"/", 7)
    if len(segments) < 4 or segments[1] != b"api":
        raise NotFound
    version = _VERSIONS.get(segments[2])
    if version is None:
        raise UnknownVersion
    request = Request(Operation.LIST_CONSENTS, version, headers, receive, "", "")
    request.operation = _operation(scope["method"], segments, request)
    return request


def _operation(method: str, segments: list[bytes], request: Request) -> Operation:
    match segments[3:]:
        case [b"token"]:
            return _only("POST", method, Operation.REQUEST_TOKEN)
        case [b"token", token] if token:
            request.token = token.decode("latin-1")
            return _only("DELETE", method, Operation.REVOKE_TOKEN)
        case [b"api_access_credentials"]:
            return _only("POST", method, Operation.ROTATE_CREDENTIALS)
        case [b"consent_management"]:
            return _only("GET", method, Operation.LIST_CONSENTS)
        case [b"consent_management", consent_id, *rest] if consent_id:
            return _operation_on_consent(method, consent_id, rest, request)
        case _:
            raise NotFound


def _operation_on_consent(method: str, consent_id: bytes, rest: list[bytes], request: Request) -> Operation:
    # What can't be an id becomes the empty one, which no consent has: whoever bears no token is told that first.
    can_be = len(consent_id) <= _LONGEST_CONSENT_ID and consent_id.isascii()
    request.consent_id = consent_id.decode("ascii") if can_be else ""
    match rest:
        case []:
            return _only("GET", method, Operation.GET_CONSENT)
        case [b"disable_app_sharing"]:
            return _only("PUT", method, Operation.STOP_SHARING)
        case [b"accounts"]:
            return _only("PUT", method, Operation.SHARE_NEW_ACCOUNTS)
        case [b"accounts", *account_id] if account_id != [b""]:
            request.account_id = b"/".join(account_id)
            return _only("PUT", method, Operation.SHARE_ACCOUNT)
        case _:
            raise NotFound


def _only(allowed: str, method: str, operation: Operation) -> Operation:
    if method != allowed:
        raise MethodNotAllowed(allowed)
    return operation
