"""What a browser is watched for while a test drives it, and what it asked of whom.

A page of the product breaks no policy, throws nothing, opens no dialog and speaks to nobody but this machine.
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Dialog, Error, Page, Request, WebError

OURS = re.compile(r"127\.0\.0\.1|\[::1\]|localhost|[a-z0-9.-]+\.localhost")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it left the browser."""

    method: str
    url: str
    headers: dict[str, str]
    body: str

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


@dataclass  # without slots: Playwright keeps a mark of its own beside each bound method
class Watch:
    """The requests of one browser context, and what its pages did wrong."""

    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _tolerated: list[re.Pattern[str]] = field(default_factory=list)

    def attach(self, context: BrowserContext) -> None:
        """Watch everything that happens in a context."""
        context.on("request", self._request)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("page", self._page)
        context.on("dialog", self._dialog)

    def tolerate(self, *patterns: str) -> None:
        """Let the console say what a test provokes: an error is tolerated where one of the patterns is found in it."""
        self._tolerated += [re.compile(pattern) for pattern in patterns]

    @contextlib.contextmanager
    def from_here(self) -> Iterator[list[Request]]:
        """Collect the requests of a block alone."""
        collected: list[Request] = []
        before = len(self.requests)
        yield collected
        collected += self.requests[before:]

    async def asked(self) -> list[Asked]:
        """Give all requests so far with the headers that really went out, `Referer` and cookies too."""
        return [await _asked(request) for request in self.requests]

    def verdict(self) -> list[str]:
        """Give the complaints that no test tolerated."""
        return [
            complaint
            for complaint in self.complaints
            if not any(pattern.search(complaint) for pattern in self._tolerated)
        ]

    def _request(self, request: Request) -> None:
        self.requests.append(request)
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob", "about"} and not OURS.fullmatch(parts.hostname or ""):
            self.complaints.append(f"a request left this machine: {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            self.complaints.append(f"console: {message.text} ({message.location['url']})")

    def _error(self, error: WebError) -> None:
        self.complaints.append(f"a script failed: {error.error}")

    def _page(self, page: Page) -> None:
        page.on("crash", lambda _: self.complaints.append("a page crashed"))

    async def _dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"a dialog opened: {dialog.message}")
        await dialog.dismiss()


async def _asked(request: Request) -> Asked:
    try:
        headers = await request.all_headers()
    except Error:  # the page went away before the request had left
        headers = request.headers
    body = request.post_data_buffer or b""
    return Asked(request.method, request.url, headers, body.decode("utf-8", "replace"))
