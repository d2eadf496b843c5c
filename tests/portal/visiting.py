"""Staff at their browsers: a real session, made by the use case that a sign-in ends with, and pages over real HTTP."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import httpx

from consentry.domain.staff import House, Role
from consentry.store import clock, staff
from consentry.usecases.services import Services
from consentry.usecases.staff.sessions import Browser, begin_session
from consentry.web.portal import cookies

FORM = re.compile(r'name="csrf" value="([^"]+)"')
_DAY = timedelta(days=1)
_NONE = timedelta(0)
PREFIX = {House.INSTITUTION: "/admin", House.PARTNER: "/partner"}


@dataclass(slots=True)
class Visitor:
    """A browser at a portal; without a `session` nobody is signed in. It follows no redirects by itself."""

    client: httpx.Client = field(repr=False)
    base_url: str
    house: House = House.INSTITUTION
    session: str = ""
    member_id: UUID | None = None
    email: str = ""
    kept_csrf: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.send("GET", path, **arguments)

    def post(self, path: str, fields: Mapping[str, Any] | None = None, **arguments: Any) -> httpx.Response:
        """Post a form as a page of the portal would: with its token, from its origin."""
        return self.send("POST", path, data={"csrf": self.csrf, **(fields or {})}, **arguments)

    def send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = {"Origin": self.base_url, "Sec-Fetch-Site": "same-origin"} if method != "GET" else {}
        headers |= {"Cookie": self._cookie()} if self._cookie() else {}
        headers |= arguments.pop("headers", {})
        answer = self.client.request(
            method, f"{self.base_url}{path}", headers=headers, follow_redirects=False, **arguments
        )
        self._keep(answer)
        return answer

    @property
    def csrf(self) -> str:
        """The token of this session's forms, as its pages have it."""
        if not self.kept_csrf and self.session:
            found = FORM.search(self.get(f"{PREFIX[self.house]}/account").text)
            assert found is not None
            self.kept_csrf = found[1]
        return self.kept_csrf

    def _cookie(self) -> str:
        held = dict(self.cookies)
        if self.session:
            held[cookies.SESSION[self.house]] = self.session
        return "; ".join(f"{name}={value}" for name, value in held.items())

    def _keep(self, answer: httpx.Response) -> None:
        """Keep cookies as a browser does that counts this machine as secure."""
        for header in answer.headers.get_list("set-cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            gone = "max-age=0" in header.lower() or value in ("", '""')
            if name == cookies.SESSION[self.house]:
                self.session, self.kept_csrf = "" if gone else value, ""
            elif gone:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


async def make_member(
    services: Services, institution_id: int, role: Role, *, email: str, subject: str | None = None
) -> UUID:
    """Add a member who has signed in before."""
    async with services.session.begin(institution_id) as connection:
        member = await staff.add(connection, institution_id, email=email, role=role, valid=_DAY)
        bound = await staff.bind(
            connection,
            institution_id,
            member.member_id,
            issuer="https://idp.bank.example",
            subject=subject or email,
            name=email.partition("@")[0].title(),
        )
        assert bound
    return member.member_id


async def begin(services: Services, institution_id: int, member_id: UUID, *, age: timedelta | None = _NONE) -> str:
    """Begin a session of a member and give the cookie's secret; so long ago they have signed in, or nobody knows."""
    async with services.session.begin(institution_id) as connection:
        begun = await begin_session(
            services,
            connection,
            institution_id,
            member_id=member_id,
            browser=Browser(source="127.0.0.1", name="httpx"),
            authenticated_at=None if age is None else await clock.now(connection) - age,
        )
    return begun.secret


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def text_of(page: httpx.Response) -> str:
    """Give what a page says, without its markup and with single blanks."""
    parser = _Text()
    parser.feed(page.text)
    return " ".join(" ".join(parser.parts).split())
