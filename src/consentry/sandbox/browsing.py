"""A browser without a window: follows redirects, keeps cookies, finds forms and sends them, as a person's would.

Only for pages on this very machine, where it counts plain HTTP as secure, as Chromium and Firefox do. What is looked
for on a page is the checks' business.
"""

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from html.parser import HTMLParser
from http.client import HTTPMessage, HTTPResponse
from typing import IO, Final
from urllib.parse import urljoin, urlsplit

_SECONDS: Final = 30
_MOST_REDIRECTS: Final = 10
_REDIRECTS: Final = frozenset({301, 302, 303})


@dataclass(slots=True)
class Form:
    """A form: where it goes, the fields that are filled in, and the name and value of each of its buttons."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Page:
    """What was shown in the end; `texts` are by id: what stands in `pre`, and the values of inputs."""

    address: str
    status: int
    text: str
    forms: tuple[Form, ...]
    texts: Mapping[str, str]

    def form_to(self, path: str) -> Form | None:
        """Find the first form that is posted to a path."""
        return next((one for one in self.forms if one.method == "post" and urlsplit(one.action).path == path), None)


class Browser:
    """One person's browser."""

    def __init__(self) -> None:
        self._cookies: dict[str, dict[str, str]] = {}
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())

    def open(self, address: str) -> Page:
        """Go to an address.

        Raises:
            OSError: nobody answers.
        """
        return self._go(address, None)

    def send(self, form: Form, chosen: Mapping[str, str] | None = None) -> Page:
        """Send a form with these fields beside those that are filled in.

        Raises:
            OSError: nobody answers.
        """
        return self._go(form.action, urllib.parse.urlencode({**form.fields, **(chosen or {})}).encode())

    def _go(self, address: str, content: bytes | None) -> Page:
        for _ in range(_MOST_REDIRECTS):
            with self._answer(address, content) as answer:
                self._keep_cookies(address, answer.headers)
                if answer.status in _REDIRECTS:
                    address, content = urljoin(address, answer.headers["Location"]), None
                    continue
                text = answer.read().decode(errors="replace")
            reader = _Reader(address)
            reader.feed(text)
            if not reader.leads_to:
                return Page(address, answer.status or 0, text, tuple(reader.forms), reader.texts)
            address, content = urljoin(address, reader.leads_to), None
        raise OSError(f"{address} leads round in a circle")

    def _answer(self, address: str, content: bytes | None) -> HTTPResponse | urllib.error.HTTPError:
        parts = urlsplit(address)
        request = urllib.request.Request(address, content)  # noqa: S310 - to addresses that the demo wrote down
        held = self._cookies.get(parts.netloc)
        if held:
            request.add_header("Cookie", "; ".join(f"{name}={value}" for name, value in held.items()))
        if content is not None:
            request.add_header("Origin", f"{parts.scheme}://{parts.netloc}")
        try:
            answered: HTTPResponse = self._opener.open(request, timeout=_SECONDS)
        except urllib.error.HTTPError as other:
            return other
        return answered

    def _keep_cookies(self, address: str, headers: Message) -> None:
        held = self._cookies.setdefault(urlsplit(address).netloc, {})
        for header in headers.get_all("Set-Cookie", []):
            name, _, value = header.partition(";")[0].partition("=")
            if value in ("", '""') or "max-age=0" in header.lower():
                held.pop(name, None)
            else:
                held[name] = value


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Follow nothing: the browser does, with the cookies of whom it is led to."""
        return


class _Reader(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.texts: dict[str, str] = {}
        self.leads_to = ""
        self._address = address
        self._is_in_form = False
        self._reading = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_in_form = True
            action = urljoin(self._address, given.get("action") or self._address)
            self.forms.append(Form(action, given.get("method", "get").lower()))
        elif tag == "input":
            self.texts[given.get("id", "")] = given.get("value", "")
            chosen = given.get("type") not in ("radio", "checkbox") or "checked" in given
            if self._is_in_form and "name" in given and chosen:
                self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "button" and self._is_in_form:
            self.forms[-1].buttons.append((given.get("name", ""), given.get("value", "")))
        elif tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            self.leads_to = given.get("content", "").partition("url=")[2]
        elif tag == "pre" and "id" in given:
            self._reading = given["id"]
            self.texts[self._reading] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_in_form = False
        elif tag == "pre":
            self._reading = ""

    def handle_data(self, data: str) -> None:
        if self._reading:
            self.texts[self._reading] += data
