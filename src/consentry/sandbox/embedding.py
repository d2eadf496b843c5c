"""Whether the bank's app answers and embeds the dashboard, as far as that can be told without a browser.

Owns what is looked for in the app's page; that the dashboard works in a browser is the browser tests' to show.
"""

import html
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Final

from consentry.sandbox.checking import CheckedStep, Failure
from consentry.sandbox.demo_file import Demo
from consentry.sandbox.walkthrough import Step

_SECONDS: Final = 30
_STEP: Final = Step("Embed the dashboard in the bank's app", "", ())
_TOKEN: Final = re.compile(r'access_token(?:=|" value=")([\w.-]+)|token-url="([^"]+)"')
_WAYS: Final = ("get", "post", "component")


@dataclass(frozen=True, slots=True)
class _Page:
    status: int
    policy: str
    text: str


def await_answer(origin: str) -> None:
    """Wait until a neighbour has started: its socket is open already, and lets callers wait.

    Raises:
        OSError: it does not answer.
    """
    _fetch(f"{origin}/")


def check_embedding(demo: Demo) -> CheckedStep:
    """Look at the page that embeds the dashboard, in each way; each must bear a token of its own."""
    tokens: set[str] = set()
    for way in _WAYS:
        address = f"{demo.bank_app}/connected-apps?way={way}"
        try:
            page = _fetch(address)
        except OSError as error:
            return _failed(address, str(error), "an answer")
        if page.status != 200:
            return _failed(address, f"status {page.status}", "status 200")
        found = _TOKEN.search(html.unescape(page.text))
        if found is None or found[0] in tokens:
            return _failed(address, "a page without a new token", "a page that bears a new token")
        if f"frame-src {demo.base_url};" not in page.policy:
            return _failed(address, page.policy, f"a policy that lets {demo.base_url} be framed")
        tokens.add(found[0])
    return CheckedStep(_STEP, "", None)


def _failed(address: str, said: str, expected: str) -> CheckedStep:
    remedy = "Stop the demo and start it again; its log is demo.log in the data folder."
    return CheckedStep(_STEP, "", Failure(command=f"GET {address}", said=said, expected=expected, remedy=remedy))


def _fetch(address: str) -> _Page:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        answer = direct.open(address, timeout=_SECONDS)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        return _Page(answer.status, answer.headers.get("Content-Security-Policy", ""), answer.read().decode())
