"""The first admin's set-up: a code opens it, the provider is given and tried, and the first sign-in completes it."""

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from consentry.domain.refusal import Refusal
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.refusal.provider import ProviderUnusable, SignInFailed
from consentry.domain.refusal.staff import EmailUnverified, NotInvited, SetupLinkDead
from consentry.domain.staff_provider import CALLBACK
from consentry.store.staff_sessions import LiveSession
from consentry.usecases.staff.ask_provider import begin_sign_in
from consentry.usecases.staff.attempts import Purpose, Wish
from consentry.usecases.staff.provider import propose_provider, show_provider
from consentry.usecases.staff.set_up import SETUP, check_set_up, open_set_up
from consentry.web.hosts import host_of
from consentry.web.html.forms import read_form
from consentry.web.portal import cookies
from consentry.web.portal.doors import check_origin
from consentry.web.portal.origins import portal_origin
from consentry.web.portal.outside import Outside, check_token
from consentry.web.portal.rendering import render_outside

FIELDS: Final = ("discovery_url", "client_id", "client_secret")
SETUP_LASTS: Final = 12 * 3600


def field_of(refusal: Refusal) -> str:
    """Name the field beside which it is said that a test sign-in failed; empty for above them all."""
    return "client_secret" if isinstance(refusal, ProviderUnusable) and "secret" in refusal.description else ""


class SetUpPages:
    """The pages that a code for a first admin opens."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def ask(self, request: Request) -> Response:
        """Ask for the code."""
        return self._asked(going="" if await self._live(request) is None else "yes")

    async def open(self, request: Request) -> Response:
        """Open the set-up with a code."""
        check_origin(request)
        code = (await read_form(request)).text("code")
        outside = self._outside
        try:
            begun = await open_set_up(outside.services, code, host=host_of(request), visit=outside.visit(request))
        except SetupLinkDead as refusal:
            return self._asked(problem=refusal.description, status=403)
        response = RedirectResponse(f"{outside.prefix}/set-up/provider", status_code=303)
        cookies.put(response, cookies.SETUP[outside.house], begun.secret, seconds=SETUP_LASTS)
        return response

    async def show(self, request: Request) -> Response:
        """Ask for the provider."""
        live = await self._live(request)
        if live is None:
            return self._begin_again()
        pending = await show_provider(self._outside.services, live.institution_id, state="pending")
        typed = {} if pending is None else {"discovery_url": pending.discovery_url, "client_id": pending.client_id}
        return await self._form(request, live, typed=typed, secret_kept=pending is not None)

    async def test(self, request: Request) -> Response:
        """Read the provider's metadata, and send the browser there for the first sign-in."""
        check_origin(request)
        live = await self._live(request)
        if live is None:
            return self._begin_again()
        form = await read_form(request)
        check_token(form, live)
        outside = self._outside
        typed = {name: form.text(name) for name in FIELDS}
        try:
            await check_set_up(outside.services, live)
            await propose_provider(
                outside.services,
                outside.outbound,
                live.institution_id,
                **typed,
                house=outside.house,
                actor=outside.visit(request).actor_of(live.member_id),
            )
            begun = await begin_sign_in(
                outside.services, outside.outbound, await self._wish(request, live), house=outside.house
            )
        except InvalidSettings as refusal:
            return await self._form(request, live, typed=typed, problems=dict(refusal.fields), status=422)
        return outside.go_on(begun)

    async def refused(self, request: Request, refusal: Refusal) -> Response:
        """Show the form again, and what kept the first sign-in from completing the set-up."""
        live = await self._live(request)
        if live is None or isinstance(refusal, SetupLinkDead):
            return self._outside.refuse(request, refusal, back=f"{self._outside.prefix}/set-up")
        pending = await show_provider(self._outside.services, live.institution_id, state="pending")
        typed = {} if pending is None else {"discovery_url": pending.discovery_url, "client_id": pending.client_id}
        sentence = refusal.description
        if isinstance(refusal, EmailUnverified | NotInvited | SignInFailed):
            sentence = f"{sentence} Nothing was put in force."
        return await self._form(
            request,
            live,
            typed=typed,
            problems={field_of(refusal): sentence},
            status=422,
            secret_kept=pending is not None and not field_of(refusal),
        )

    def routes(self, name: str) -> list[BaseRoute]:
        """Give the routes of the set-up."""
        outside = self._outside
        return [
            outside.route("/set-up", self.ask, name=f"{name}.set_up"),
            outside.route("/set-up", self.open, name=f"{name}.open_set_up", methods=("POST",)),
            outside.route("/set-up/provider", self.show, name=f"{name}.set_up_provider"),
            outside.route("/set-up/provider", self.test, name=f"{name}.test_set_up", methods=("POST",)),
        ]

    async def _live(self, request: Request) -> LiveSession | None:
        return await self._outside.session(request, kind=SETUP)

    async def _wish(self, request: Request, live: LiveSession) -> Wish:
        return Wish(
            institution_id=live.institution_id,
            public_id=live.public_id,
            redirect_uri=await self._redirect_uri(request, live),
            purpose=Purpose.SET_UP,
            session_id=str(live.session_id),
            login_hint=live.email,
        )

    async def _redirect_uri(self, request: Request, live: LiveSession) -> str:
        outside = self._outside
        origin = await portal_origin(outside.services, outside.settings, request, live.institution_id)
        return f"{origin}{outside.prefix}{CALLBACK}"

    async def _form(
        self,
        request: Request,
        live: LiveSession,
        *,
        typed: dict[str, str],
        problems: dict[str, str] | None = None,
        status: int = 200,
        secret_kept: bool = False,
    ) -> Response:
        return render_outside(
            "set_up_provider.html",
            title=f"Set up the sign-in of {live.house_name}",
            status=status,
            prefix=self._outside.prefix,
            token=live.csrf,
            email=live.email,
            redirect_uri=await self._redirect_uri(request, live),
            typed={name: typed.get(name, "") for name in FIELDS},
            problems={name: (problems or {}).get(name, "") for name in ("", *FIELDS)},
            secret_kept=secret_kept,
        )

    def _asked(self, *, problem: str = "", status: int = 200, going: str = "") -> Response:
        return render_outside(
            "set_up.html",
            title="Set up the staff's sign-in",
            status=status,
            prefix=self._outside.prefix,
            problem=problem,
            going=going,
        )

    def _begin_again(self) -> Response:
        return RedirectResponse(f"{self._outside.prefix}/set-up", status_code=303)
