"""The front of all pages: who may come in, a request id for each, and what is recorded of it.

The consent API does the same for itself, by hand. A page finds the id and the source of its request by `seen`.
"""

import itertools
import secrets
import time
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from consentry.domain.refusal import Refusal
from consentry.domain.refusal.request import InvalidRequest
from consentry.web import errors
from consentry.web.asgi import Application, Message, Receive, Scope, Send, send_answer
from consentry.web.consent_api import answers
from consentry.web.observation import Observation
from consentry.web.safety.admission import Admission
from consentry.web.safety.source import source_of

_STATE: Final = "consentry.seen"
_PROBES: Final = frozenset({"/live", "/ready", "/metrics"})  # never refused for being asked too often


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a request before it is read: its id, and the IP address it comes from."""

    request_id: str
    source: str


def seen(request: Request) -> Seen:
    """Give what the front knows of a request."""
    found: Seen = request.scope[_STATE]
    return found


class Front:
    """Lets requests for pages in, and counts and logs each under the name of its route."""

    def __init__(
        self, pages: Application, admission: Admission, observation: Observation, *, trusted_proxies: int
    ) -> None:
        self._pages = pages
        self._admission = admission
        self._observation = observation
        self._trusted_proxies = trusted_proxies
        process = secrets.token_hex(6)
        self._request_ids = (f"{process}p{number:07x}" for number in itertools.count())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] in _PROBES:
            await self._pages(scope, receive, send)
            return
        began = time.perf_counter()
        forwarded_for = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        source = source_of(scope, forwarded_for, trusted_proxies=self._trusted_proxies)
        request = Seen(request_id=next(self._request_ids), source=source)
        scope[_STATE] = request
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request.request_id.encode())]
            await send(message)

        try:
            if sum(name == b"host" for name, _ in scope["headers"]) > 1:  # RFC 9112, section 3.2
                raise InvalidRequest("Send one Host header only.")
            self._admission.enter(source)
            try:
                await self._pages(scope, receive, noted)
            finally:
                self._admission.leave()
        except Refusal as refusal:
            headers = [(b"content-type", b"application/json; charset=utf-8"), (b"cache-control", b"no-store")]
            headers += errors.error_headers(refusal)
            answered = errors.CONSENT_API[type(refusal)]
            await send_answer(noted, status=answered, headers=headers, body=answers.refusal_body(refusal))
        except Exception as failure:  # noqa: BLE001 - the page has been answered with 500; here it is told to the log
            self._observation.failure(failure, request_id=request.request_id, operation=_name(scope))
        self._observation.request(
            operation=_name(scope),
            status=status,
            error="",
            seconds=time.perf_counter() - began,
            source=source,
            request_id=request.request_id,
            interaction_id=None,
        )


def _name(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "name", "none"))
