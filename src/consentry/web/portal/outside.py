"""Pages for people who are not signed in: what they have in common, and how they say no.

Signing in is signing_in.py's business, the first admin's set-up setting_up.py's.
"""

import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consentry.config import Settings
from consentry.connectors.outbound import Outbound
from consentry.domain.refusal import Refusal
from consentry.domain.refusal.provider import ProviderUnusable, SignInFailed
from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.domain.refusal.staff import EmailUnverified, ForgedRequest, NoStaffProvider, NotInvited, SetupLinkDead
from consentry.domain.staff import PORTAL_PATH, House
from consentry.store.staff_sessions import LiveSession
from consentry.usecases.services import Services
from consentry.usecases.staff.ask_provider import BegunSignIn
from consentry.usecases.staff.come_in import Visit
from consentry.usecases.staff.sessions import Browser, use_session
from consentry.usecases.staff.set_up import SETUP
from consentry.web import errors
from consentry.web.front import seen
from consentry.web.hosts import host_of
from consentry.web.html.forms import Form
from consentry.web.portal import cookies
from consentry.web.portal.rendering import render_outside
from consentry.web.safety.admission import Admission

Handler = Callable[[Request], Awaitable[Response]]
TITLES: Final[dict[type[Refusal], str]] = {
    NotInvited: "You are not on this team yet",
    EmailUnverified: "Your e-mail address is not confirmed",
    NoStaffProvider: "Sign-in is not set up yet",
    SetupLinkDead: "This code opens nothing",
    SignInFailed: "The sign-in was not completed",
    ProviderUnusable: "The identity provider can't be used",
    TemporarilyUnavailable: "Not just now",
}
_LONGEST_PATH: Final = 1000
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Outside:
    """What the pages outside of a portal work with."""

    services: Services
    settings: Settings
    outbound: Outbound
    house: House
    admission: Admission | None = None

    @property
    def prefix(self) -> str:
        """Give the path of the portal."""
        return PORTAL_PATH[self.house]

    def route(
        self, path: str, handler: Handler, *, name: str, methods: tuple[str, ...] = ("GET",), is_counted: bool = False
    ) -> Route:
        """Give a route below the portal's prefix; what it refuses becomes a page.

        What `is_counted`, and what is not to be read alone, is asked so often by one source and no more (R104).
        """
        guarded = self._guarded(handler, is_counted=is_counted or "GET" not in methods)
        return Route(f"{self.prefix}{path}", guarded, methods=list(methods), name=name)

    def knock(self, request: Request) -> None:
        """Count a try to come in.

        Raises:
            RateLimited: its source tries too often.
        """
        if self.admission is not None:
            self.admission.knock(seen(request).source)

    def knocked_rightly(self, request: Request) -> None:
        """Take back a try that was right."""
        if self.admission is not None:
            self.admission.knocked_rightly(seen(request).source)

    def visit(self, request: Request) -> Visit:
        """Tell who asks, as far as that is known."""
        where = seen(request)
        browser = Browser(source=where.source, name=request.headers.get("user-agent"))
        return Visit(house=self.house, browser=browser, request_id=where.request_id)

    async def session(self, request: Request, *, kind: str = "staff") -> LiveSession | None:
        """Find the session of this browser: of a member, or of kind `setup`."""
        names = cookies.SETUP if kind == SETUP else cookies.SESSION
        secret = cookies.read(request, names[self.house])
        if not secret:
            return None
        return await use_session(self.services, secret, house=self.house, host=host_of(request), kind=kind)

    def refuse(
        self, request: Request, refusal: Refusal, *, back: str = "", whom: str = "", title: str = ""
    ) -> Response:
        """Say no, with a way to begin again at `back`; `whom` names the house, `title` is another than usual."""
        return render_outside(
            "sign_in_refused.html",
            title=title or TITLES.get(type(refusal), "This was refused"),
            status=errors.page_status(refusal),
            headers={name.decode(): value.decode() for name, value in errors.error_headers(refusal)},
            sentence=refusal.description,
            code=refusal.code,
            whom=whom if isinstance(refusal, NotInvited) else "",
            request_id=seen(request).request_id,
            back=back or f"{self.prefix}/sign-in",
            back_words="Go back" if back and "/sign-in" not in back else "Begin again",
        )

    def go_on(self, begun: BegunSignIn) -> Response:
        """Send the browser on to the provider, by a page: a form may lead to no other origin (CSP form-action)."""
        answer = render_outside("going_on.html", title="On to your identity provider", address=begun.address)
        cookies.put(answer, cookies.SIGN_IN[self.house], begun.sealed, seconds=cookies.SIGN_IN_LASTS)
        return answer

    def _guarded(self, handler: Handler, *, is_counted: bool) -> Handler:
        async def answer(request: Request) -> Response:
            try:
                if is_counted:
                    self.knock(request)
                return await handler(request)
            except Refusal as refusal:
                return self.refuse(request, refusal)

        return answer


def local_path(text: str, *, prefix: str) -> str:
    """Give a path to go to after the sign-in if it is one below the portal's prefix, else the portal itself."""
    path = text.partition("?")[0]
    fits = (
        path.startswith(f"{prefix}/")
        and len(text) <= _LONGEST_PATH
        and text.isascii()
        and text.isprintable()
        and not any(odd in text for odd in ("\\", " ", "#"))
        and not any(odd in path.lower() for odd in ("//", "/.", "%2e", "%2f", "%5c"))
    )
    own = any(path.startswith(f"{prefix}/{page}") for page in ("sign-", "signed-", "set-up"))
    return text if fits and not own else prefix


def house_id(text: str) -> str:
    """Give a house's public id as it may be, or nothing."""
    text = text.strip()
    return text if _ID.fullmatch(text) else ""


def check_token(form: Form, live: LiveSession) -> None:
    """Check that a form is of this session.

    Raises:
        ForgedRequest: it is not.
    """
    if not hmac.compare_digest(form.text("csrf").encode(), live.csrf.encode()):
        raise ForgedRequest
