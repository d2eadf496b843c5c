"""Signing in at the institution's own identity provider, and the page after signing out.

What was begun in a browser is completed in that browser: the answer is read here, for a set-up and a changed provider,
too, and handed to the use case that it is for.
"""

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from consentry.connectors.openid import Identity
from consentry.domain.refusal import Refusal
from consentry.domain.refusal.provider import SignInFailed
from consentry.domain.refusal.request import NotFound, TemporarilyUnavailable
from consentry.domain.refusal.staff import NoStaffProvider
from consentry.domain.staff import House
from consentry.domain.staff_provider import CALLBACK
from consentry.store.houses import FoundHouse
from consentry.usecases.staff.ask_provider import begin_sign_in, identify
from consentry.usecases.staff.attempts import Attempt, Purpose, Wish, read_attempt
from consentry.usecases.staff.change_provider import finish_change
from consentry.usecases.staff.come_in import come_in
from consentry.usecases.staff.find_house import find_house
from consentry.usecases.staff.provider import show_provider
from consentry.usecases.staff.sessions import BegunSession, sign_out
from consentry.usecases.staff.set_up import SETUP, finish_set_up
from consentry.web.hosts import host_of
from consentry.web.html.forms import read_form
from consentry.web.portal import cookies
from consentry.web.portal.doors import check_origin
from consentry.web.portal.origins import portal_origin
from consentry.web.portal.outside import Outside, house_id, local_path
from consentry.web.portal.rendering import render_outside
from consentry.web.portal.setting_up import SetUpPages
from consentry.web.portal.signed_in import PORTAL

_WORDS: Final = {House.INSTITUTION: "institution", House.PARTNER: "partner"}
_UNKNOWN: Final = "There is none with this id; ask whoever invited you, or the admins of your team."


class SignInPages:
    """The pages of a portal through which its staff come and go."""

    def __init__(self, outside: Outside, set_up: SetUpPages) -> None:
        self._outside = outside
        self._set_up = set_up

    async def show(self, request: Request) -> Response:
        """Show the sign-in of a house, or ask for which house it is to be."""
        typed = request.query_params.get("institution")
        remembered = cookies.read(request, cookies.HOUSE[self._outside.house]) if typed is None else typed
        then = local_path(request.query_params.get("next", ""), prefix=self._outside.prefix)
        found = await self._find(request, house_id(remembered))
        if found is None:
            return self._ask_where(then, typed=typed or "", problem=_UNKNOWN if typed else "")
        provider = await show_provider(self._outside.services, found.institution_id)
        if provider is None or not provider.has_secret:
            raise NoStaffProvider
        return render_outside(
            "sign_in.html",
            title=f"Sign in to {found.name}",
            prefix=self._outside.prefix,
            institution=found.public_id,
            then=then,
            by_host=found.host is not None and found.host == host_of(request),
            ended="ended" in request.query_params,
            what=_WORDS[self._outside.house],
        )

    async def begin(self, request: Request) -> Response:
        """Begin a sign-in, and send the browser on to the provider."""
        check_origin(request)
        form = await read_form(request)
        found = await self._find(request, house_id(form.text("institution")))
        if found is None:
            raise NotFound(_UNKNOWN)
        then = local_path(form.text("next"), prefix=self._outside.prefix)
        live = await self._outside.session(request) if form.text("again") else None
        wish = Wish(
            institution_id=found.institution_id,
            public_id=found.public_id,
            redirect_uri=await self.redirect_uri(request, found.institution_id),
            then=then,
            login_hint=None if live is None else live.email,
            again=bool(form.text("again")),
        )
        try:
            begun = await begin_sign_in(self._outside.services, self._outside.outbound, wish, house=self._outside.house)
        except Refusal as refusal:
            return self._outside.refuse(request, refusal, back=self._again(found.public_id, then))
        return self._outside.go_on(begun)

    async def redirect_uri(self, request: Request, institution_id: int) -> str:
        """Give the address at which the provider is to answer."""
        outside = self._outside
        origin = await portal_origin(outside.services, outside.settings, request, institution_id)
        return f"{origin}{outside.prefix}{CALLBACK}"

    async def answered(self, request: Request) -> Response:
        """Read the provider's answer, and let in who it says has signed in."""
        sealed = cookies.read(request, cookies.SIGN_IN[self._outside.house])
        attempt = read_attempt(self._outside.services.keyring, sealed, house=self._outside.house)
        if attempt is None or request.method != "GET":
            raise SignInFailed("This sign-in was begun in another browser, or too long ago; begin again here.")
        pairs = request.query_params.multi_items()
        answer = dict(pairs)
        if len(answer) < len(pairs):  # RFC 6749, section 3.1: no parameter more than once
            answer = {}
        try:
            response = await self._answered(request, attempt, answer)
        except Refusal as refusal:
            response = await self._refused(request, attempt, refusal)
        if answer.get("state") == attempt.state:
            cookies.drop(response, cookies.SIGN_IN[self._outside.house])
        return response

    async def signed_out(self, request: Request) -> Response:
        """Say that one is signed out."""
        return render_outside("signed_out.html", title="You are signed out", prefix=self._outside.prefix)

    async def _answered(self, request: Request, attempt: Attempt, answer: dict[str, str]) -> Response:
        outside, visit = self._outside, self._outside.visit(request)
        identity = await identify(outside.services, outside.outbound, attempt, answer, actor=visit.actor)
        begun = await self._finish(request, attempt, identity)
        old = await outside.session(request)
        if old is not None:
            await sign_out(outside.services, old.institution_id, old.session_id, actor=visit.actor_of(old.member_id))
        response = RedirectResponse(attempt.then or outside.prefix, status_code=303)
        response.headers["Cache-Control"] = "no-store"
        cookies.put(response, cookies.SESSION[outside.house], begun.secret)
        cookies.put(response, cookies.HOUSE[outside.house], attempt.public_id, seconds=cookies.HOUSE_LASTS)
        if attempt.purpose is Purpose.SET_UP:
            cookies.drop(response, cookies.SETUP[outside.house])
        return response

    async def _finish(self, request: Request, attempt: Attempt, identity: Identity) -> BegunSession:
        outside, visit = self._outside, self._outside.visit(request)
        match attempt.purpose:
            case Purpose.COME_IN:
                return await come_in(outside.services, attempt, identity, visit=visit)
            case Purpose.SET_UP:
                live = await outside.session(request, kind=SETUP)
                return await finish_set_up(outside.services, attempt, identity, live=live, visit=visit)
            case Purpose.CHANGE:
                live = await outside.session(request)
                return await finish_change(outside.services, attempt, identity, live=live, visit=visit)

    async def _refused(self, request: Request, attempt: Attempt, refusal: Refusal) -> Response:
        """Say why nobody came in, where whatever was begun can be begun again."""
        outside = self._outside
        if attempt.purpose is Purpose.SET_UP and not isinstance(refusal, TemporarilyUnavailable):
            return await self._set_up.refused(request, refusal)
        if attempt.purpose is Purpose.CHANGE:
            title = "The change was not completed" if isinstance(refusal, NoStaffProvider) else ""
            return outside.refuse(request, refusal, back=f"{outside.prefix}/settings/authentication", title=title)
        found = await self._find(request, attempt.public_id)
        whom = "" if found is None else found.name
        return outside.refuse(request, refusal, back=self._again(attempt.public_id, attempt.then), whom=whom)

    async def _find(self, request: Request, public_id: str) -> FoundHouse | None:
        outside = self._outside
        return await find_house(outside.services, public_id, host=host_of(request), house=outside.house)

    def _ask_where(self, then: str, *, typed: str, problem: str) -> Response:
        return render_outside(
            "sign_in_where.html",
            title="Where do you work?",
            status=404 if problem else 200,
            prefix=self._outside.prefix,
            then=then,
            typed=typed,
            problem=problem,
            what=_WORDS[self._outside.house],
        )

    def _again(self, public_id: str, then: str) -> str:
        query = {"institution": public_id} | ({"next": then} if then != self._outside.prefix else {})
        return f"{self._outside.prefix}/sign-in?{urlencode(query)}"


def routes(outside: Outside) -> list[BaseRoute]:
    """Give the routes of a portal that need nobody to be signed in."""
    set_up = SetUpPages(outside)
    pages = SignInPages(outside, set_up)
    name = PORTAL[outside.house]
    return [
        outside.route("/sign-in", pages.show, name=f"{name}.sign_in"),
        outside.route("/sign-in", pages.begin, name=f"{name}.begin_sign_in", methods=("POST",)),
        outside.route(CALLBACK, pages.answered, name=f"{name}.answered", is_counted=True),
        outside.route("/signed-out", pages.signed_out, name=f"{name}.signed_out"),
        *set_up.routes(name),
    ]
