"""The pages of the bank's app, and the two calls that its script makes: for a new token, and to sign out.

The customer is picked in a bar at the top, because this bank has no passwords; all else is as a bank would do it.
Tokens are `consents`' business, what stands on the pages is the templates'.
"""

from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from consentry.sandbox.bank_app.choices import LOCALES, THEMES, WAYS, Choices, read_choices
from consentry.sandbox.bank_app.consents import Consents, ConsentsUnavailable
from consentry.sandbox.bank_app.customers import bank_customers
from consentry.sandbox.bank_app.visits import Visits
from consentry.web.html.assets import Assets
from consentry.web.html.forms import read_form
from consentry.web.html.pages import templates_of

_ASSETS: Final = Assets("consentry.sandbox.bank_app", "/assets/")
_STANDING_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}


def make_app(consents: Consents) -> Starlette:
    """Give the bank's app; it answers to the names of this machine alone."""
    pages = BankPages(consents)
    return Starlette(
        routes=[
            Route("/", pages.accounts),
            Route("/connected-apps", pages.connected_apps),
            Route("/token", pages.new_token, methods=["POST"]),
            Route("/sign-out", pages.sign_out, methods=["POST"]),
            Route("/signed-out", pages.signed_out),
            _ASSETS.route,
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"])],
    )


class BankPages:
    """The endpoints, and the visits of those who use them."""

    def __init__(self, consents: Consents) -> None:
        self._consents = consents
        self._visits = Visits()
        self._templates = templates_of("consentry.sandbox.bank_app")

    async def accounts(self, request: Request) -> Response:
        """Show a customer's accounts, and how many apps receive their data."""
        try:
            choices = self._choices(request)
            live_apps = await self._consents.live_apps(choices.customer_id)
        except ConsentsUnavailable as unavailable:
            return self._unavailable(unavailable)
        return self._page("accounts.html", choices, live_apps=live_apps)

    async def connected_apps(self, request: Request) -> Response:
        """Show the page that embeds the dashboard, with a token where the page needs one."""
        try:
            choices = self._choices(request)
            visit = self._visits.begin(choices.customer_id)
            if choices.way != "component":  # which asks for tokens itself
                visit.tokens.append(await self._consents.request_token(choices.customer_id))
        except ConsentsUnavailable as unavailable:
            return self._unavailable(unavailable)
        token = visit.tokens[-1] if visit.tokens else ""
        return self._page("connected_apps.html", choices, visit_id=visit.visit_id, token=token)

    async def new_token(self, request: Request) -> Response:
        """Ask for a token for a customer who is signed in: for the web component, or because a dashboard has ended."""
        visit = self._visits.find(request.query_params.get("visit", ""))
        if visit is None or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return JSONResponse({"error": "signed_out"}, status_code=401)
        try:
            token = await self._consents.request_token(visit.customer_id)
        except ConsentsUnavailable as unavailable:
            return JSONResponse({"error": "unavailable", "error_description": str(unavailable)}, status_code=503)
        visit.tokens.append(token)
        return JSONResponse({"access_token": token}, headers=_STANDING_HEADERS)

    async def sign_out(self, request: Request) -> Response:
        """End a visit and revoke its tokens, which ends the dashboards that they opened."""
        visit = self._visits.end((await read_form(request)).text("visit"))
        try:
            for token in visit.tokens if visit is not None else ():
                await self._consents.revoke_token(token)
        except ConsentsUnavailable as unavailable:
            return self._unavailable(unavailable)
        if request.headers.get("sec-fetch-dest") == "empty":  # the script asked, and shows the end on its page
            return Response(status_code=204)
        return RedirectResponse("/signed-out", status_code=303)

    async def signed_out(self, request: Request) -> Response:
        """Say good-bye."""
        try:
            return self._page("signed_out.html", self._choices(request))
        except ConsentsUnavailable as unavailable:
            return self._unavailable(unavailable)

    def _choices(self, request: Request) -> Choices:
        return read_choices(request.query_params, self._consents.demo())

    def _page(self, template: str, choices: Choices, **context: object) -> Response:
        content = self._templates.get_template(template).render(
            choices=choices,
            customers=[(known, bank_customers()[known.customer_id].name) for known in choices.demo.customers],
            customer=bank_customers()[choices.customer_id],
            ways=WAYS,
            locales=LOCALES,
            themes=THEMES,
            asset=_ASSETS.address,
            **context,
        )
        policy = _policy(choices.demo.base_url)
        return HTMLResponse(content, headers={**_STANDING_HEADERS, "Content-Security-Policy": policy})

    def _unavailable(self, unavailable: ConsentsUnavailable) -> Response:
        content = self._templates.get_template("unavailable.html").render(
            reason=str(unavailable), asset=_ASSETS.address
        )
        policy = _policy("'none'")
        headers = {**_STANDING_HEADERS, "Content-Security-Policy": policy, "Retry-After": "2"}
        return HTMLResponse(content, status_code=503, headers=headers)


def _policy(dashboard: str) -> str:
    """Write what this page needs in order to embed the dashboard, and nothing more; the guide says the same."""
    embedding = {"script-src": f"'self' {dashboard}", "frame-src": dashboard, "form-action": f"'self' {dashboard}"}
    own = {"default-src": "'none'", "style-src": "'self'", "img-src": "'self' data:", "connect-src": "'self'"}
    return "; ".join(f"{name} {value}" for name, value in {**own, **embedding}.items()) + (
        "; base-uri 'none'; frame-ancestors 'none'"
    )
