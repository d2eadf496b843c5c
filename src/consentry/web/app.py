"""The application of a worker process: hot paths by hand, everything else by Starlette."""

from functools import partial

from consentry.web.asgi import Application, Message, Receive, Scope, Send
from consentry.web.consent_api.app import ConsentApi
from consentry.web.metrics import RequestMetrics
from consentry.web.observation import Observation


class App:
    """Dispatches between the surfaces."""

    def __init__(
        self,
        consent_api: ConsentApi,
        pages: Application,
        observation: Observation,
        metrics: RequestMetrics,
        *,
        serves_api: bool,
    ) -> None:
        self._consent_api = consent_api
        self._serves_api = serves_api
        self._pages = pages
        self._observation = observation
        self._metrics = metrics

    def drain(self) -> None:
        """Ask clients from now on to close their connections after the answer: this process is about to end."""
        self._consent_api.draining = True

    def keep_counts(self) -> None:
        """Leave this process's counts for the others; to be called about every second."""
        self._metrics.leave_snapshot()

    def end(self) -> None:
        """Write what is still to be logged and counted."""
        self._observation.flush()
        self._metrics.leave_snapshot()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._serves_api and scope["path"].startswith("/api/"):
            await self._consent_api(scope, receive, send)
        else:
            await self._pages(scope, receive, partial(self._send_page, send))

    async def _send_page(self, send: Send, message: Message) -> None:
        if self._consent_api.draining and message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"connection", b"close")]
        await send(message)
