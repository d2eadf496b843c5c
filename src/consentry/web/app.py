"""The application of a worker process: hot paths by hand, everything else by Starlette."""

from starlette.applications import Starlette

from consentry.web.asgi import Application, Receive, Scope, Send
from consentry.web.consent_api.app import ConsentApi


class App:
    """Dispatches between the surfaces; `begin` and `end` open and close what they stand on."""

    def __init__(self, consent_api: ConsentApi, pages: Starlette) -> None:
        self._consent_api = consent_api
        self._pages = pages

    def drain(self) -> None:
        """Ask clients from now on to close their connections after the answer: this process is about to end."""
        self._consent_api.draining = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        surface: Application = self._consent_api if scope["path"].startswith("/api/") else self._pages
        await surface(scope, receive, send)
