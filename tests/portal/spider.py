"""A browser that follows every link of a portal and remembers every form, as somebody does who looks for a way in."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx

from tests.portal.visiting import PREFIX, Visitor

MOST_PAGES = 400
LEFT_ALONE = ("/sign-out", "/sign-in")


@dataclass(frozen=True, slots=True)
class FoundForm:
    """A form as a page has it: where it posts to, and what it would send beside the token of its session."""

    action: str
    fields: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Crawled:
    """What there is to be found: each page by its address, and all forms that change something."""

    pages: dict[str, httpx.Response] = field(default_factory=dict)
    forms: set[FoundForm] = field(default_factory=set)


def crawl(visitor: Visitor, *beginnings: str, until: tuple[str, ...] = ()) -> Crawled:
    """Follow all links from these addresses, each once, within the visitor's portal, or until a page shows a text."""
    crawled = Crawled()
    waiting = deque(beginnings)
    seen = set(beginnings)
    while waiting and len(crawled.pages) < MOST_PAGES:
        address = waiting.popleft()
        answer = visitor.get(address)
        crawled.pages[address] = answer
        if any(text in answer.text for text in until):
            return crawled
        found = _Found(address)
        if "location" in answer.headers:
            found.addresses.append(urljoin(address, answer.headers["location"]))
        elif answer.headers.get("content-type", "").startswith("text/html"):
            found.feed(answer.text)
        crawled.forms |= set(found.forms())
        for link in found.addresses:
            if link not in seen and _is_within(link, visitor):
                seen.add(link)
                waiting.append(link)
    assert len(crawled.pages) < MOST_PAGES, "the portal is larger than the spider is patient"
    return crawled


def _is_within(link: str, visitor: Visitor) -> bool:
    parts = urlsplit(link)
    prefix = PREFIX[visitor.house]
    return (
        not parts.netloc
        and (parts.path == prefix or parts.path.startswith(f"{prefix}/"))
        and not any(name in parts.path for name in LEFT_ALONE)
        and "/assets/" not in parts.path
    )


class _Found(HTMLParser):
    """Reads addresses and forms out of a page."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self._address = address
        self._forms: list[tuple[str, str, dict[str, str]]] = []
        self._select = ""

    def forms(self) -> Iterator[FoundForm]:
        for method, action, fields in self._forms:
            if method == "post":
                kept = {name: value for name, value in fields.items() if name and name != "csrf"}
                yield FoundForm(action, tuple(sorted(kept.items())))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        got = {name: value or "" for name, value in attrs}
        match tag:
            case "a" | "img" | "iframe" if got.get("href") or got.get("src"):
                self.addresses.append(_clean(urljoin(self._address, got.get("href") or got["src"])))
            case "form":
                action = _clean(urljoin(self._address, got.get("action") or self._address))
                self._forms.append((got.get("method", "get").lower(), action, {}))
                if got.get("method", "get").lower() == "get":
                    self.addresses.append(action)
            case "input" | "textarea" if self._forms and got.get("type") not in ("checkbox", "radio"):
                self._forms[-1][2][got.get("name", "")] = got.get("value", "")
            case "select":
                self._select = got.get("name", "")
            case "option" if self._forms and ("selected" in got or self._select not in self._forms[-1][2]):
                self._forms[-1][2][self._select] = got.get("value", "")


def _clean(address: str) -> str:
    return urlsplit(address)._replace(fragment="").geturl()
