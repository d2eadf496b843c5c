"""The checks' browser: how it reads pages, and what it does with forms, redirects and cookies."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs

import pytest

from consentry.sandbox.browsing import Browser

FORM = """<html><head><title>x</title></head><body>
<form method="post" action="/kept"><input type="hidden" name="csrf" value="a&amp;b">
<input type="radio" name="how" value="usual" checked><input type="radio" name="how" value="now">
<input type="text" name="said" value="before"><button name="sub" value="ada">Ada</button></form>
<input id="secret" value="s&lt;"><pre id="curl">curl &#39;x&#39; &amp;</pre></body></html>"""


class Pages(BaseHTTPRequestHandler):
    """A few pages, and a record of what was sent."""

    sent: ClassVar[list[tuple[str, dict[str, list[str]], str, str]]] = []

    def do_GET(self) -> None:
        if self.path == "/away":
            self._answer(303, "", ("Location", "/form"), ("Set-Cookie", "__Host-s=1; Secure; Path=/"))
        elif self.path == "/round":
            self._answer(302, "", ("Location", "/round"))
        elif self.path == "/leads":
            self._answer(200, '<meta http-equiv="refresh" content="0; url=/form?a=1&amp;b=2">')
        elif self.path.startswith("/form"):
            self._answer(200, FORM)
        else:
            self._answer(404, "nothing here")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.sent.append((self.path, parse_qs(body), self.headers["Origin"], self.headers.get("Cookie", "")))
        self._answer(303, "", ("Location", "/form"), ("Set-Cookie", '__Host-s=""; Max-Age=0; Path=/'))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, text: str, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(text)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def site() -> Iterator[str]:
    Pages.sent = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_form_is_sent_as_it_stands_with_what_was_chosen(site: str) -> None:
    browser = Browser()
    page = browser.open(f"{site}/away")
    assert (page.address, page.status) == (f"{site}/form", 200)
    assert (page.texts["secret"], page.texts["curl"]) == ("s<", "curl 'x' &")
    form = page.form_to("/kept")
    assert form is not None
    assert ("sub", "ada") in form.buttons
    back = browser.send(form, {"said": "after", "sub": "ada"})
    assert back.address == f"{site}/form"
    fields = {"csrf": ["a&b"], "how": ["usual"], "said": ["after"], "sub": ["ada"]}
    assert Pages.sent == [("/kept", fields, site, "__Host-s=1")]
    browser.send(form)
    assert Pages.sent[-1][3] == "", "a cookie that was dropped is sent no more"


def test_a_page_that_leads_on_is_followed(site: str) -> None:
    assert Browser().open(f"{site}/leads").address == f"{site}/form?a=1&b=2"


def test_what_is_refused_is_shown_and_what_goes_round_ends(site: str) -> None:
    refused = Browser().open(f"{site}/nothing")
    assert (refused.status, refused.text, refused.form_to("/kept")) == (404, "nothing here", None)
    with pytest.raises(OSError, match="circle"):
        Browser().open(f"{site}/round")
