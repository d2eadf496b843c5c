"""Customer authentication: the OpenID provider at which customers sign in, configured and tested. For admins alone."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.domain.customer_provider import USUAL_CLAIM, ConfiguredProvider, CustomerProvider, Endpoints
from consentry.domain.refusal.institution import ChangedMeanwhile, InvalidSettings, NoCustomerProvider
from consentry.domain.staff import Role
from consentry.usecases.configuration.customer_provider import change_customer_provider, show_customer_provider
from consentry.usecases.configuration.try_provider import Outside, ProviderTest, try_customer_provider
from consentry.usecases.services import Services
from consentry.web.html.forms import Form, read_form
from consentry.web.portal.configuration.api_settings import CHANGED
from consentry.web.portal.configuration.ways_back import way_back
from consentry.web.portal.doors import PortalRoute, portal_route
from consentry.web.portal.rendering import render
from consentry.web.portal.signed_in import SignedIn

PATH: Final = "/admin/configuration/customer-authentication"
_DISCOVERY, _ENDPOINTS = "discovery", "endpoints"
_ADDRESSES: Final = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")


class CustomerAuthenticationPage:
    """The page, its form, and the test."""

    def __init__(self, services: Services, outside: Outside) -> None:
        self._services = services
        self._outside = outside

    async def show(self, request: Request, staff: SignedIn) -> Response:
        """Show what is configured, without the secret."""
        told = {"saved": "The provider is saved. Test the connection next."}.get(
            request.query_params.get("notice", ""), ""
        )
        return await self._page(staff, told=told)

    async def save(self, request: Request, staff: SignedIn) -> Response:
        """Configure the provider; the secret stays as it is where its field is left empty."""
        form = await read_form(request)
        try:
            await change_customer_provider(
                self._services,
                staff.institution_id,
                _read(form),
                secret=form.text("client_secret") or None,
                version=form.number("version"),
                actor=staff.actor,
            )
        except InvalidSettings as refusal:
            return await self._page(staff, form=form, problems=refusal.fields, status=422)
        except ChangedMeanwhile:
            return await self._page(staff, form=form, refused=CHANGED, status=409)
        return RedirectResponse(f"{PATH}?notice=saved", status_code=303)

    async def test(self, _: Request, staff: SignedIn) -> Response:
        """Ask the provider everything that a sign-in would need, and show what was found."""
        try:
            tested = await try_customer_provider(self._services, staff.institution_id, self._outside, actor=staff.actor)
        except NoCustomerProvider as refusal:
            return await self._page(staff, refused=refusal.description, status=409)
        return await self._page(staff, tested=tested)

    async def _page(
        self,
        staff: SignedIn,
        *,
        form: Form | None = None,
        problems: Mapping[str, str] | None = None,
        refused: str = "",
        told: str = "",
        tested: ProviderTest | None = None,
        status: int = 200,
    ) -> Response:
        configured = await show_customer_provider(self._services, staff.institution_id)
        values = _values(configured)
        if form is not None:
            # What was changed meanwhile is to be looked at; what was only mistyped keeps the version it was typed for.
            version = values["version"] if refused else form.text("version")
            values = {name: form.text(name) for name in values} | {"version": version}
        return render(
            staff,
            "configuration/customer_authentication.html",
            title="Customer authentication",
            section="configuration.customer_authentication",
            status=status,
            path=PATH,
            told=told,
            refused=refused,
            configured=configured,
            values=values,
            problems=problems or {},
            typed_secret=form is not None and bool(form.text("client_secret")),
            tested=tested,
        )


def routes(services: Services, outside: Outside) -> list[PortalRoute]:
    """Give the routes of the page; `outside` asks the provider."""
    page = CustomerAuthenticationPage(services, outside)
    test, post = f"{PATH}/test", ("POST",)
    return [
        portal_route(PATH, page.show, role=Role.ADMIN, name="portal.customer_authentication"),
        portal_route(
            PATH, page.save, role=Role.ADMIN, methods=post, name="portal.save_customer_authentication", step_up=True
        ),
        way_back(test, PATH, role=Role.ADMIN, name="portal.back_from_test"),
        portal_route(test, page.test, role=Role.ADMIN, methods=post, name="portal.test_customer_authentication"),
    ]


def _values(configured: ConfiguredProvider | None) -> dict[str, str]:
    """Give the fields as the form writes them; the secret is none of them."""
    provider = configured.provider if configured else CustomerProvider(None, None, "")
    given = provider.addresses
    return {
        "by": _ENDPOINTS if provider.endpoints else _DISCOVERY,
        **{name: given.get(name, "") for name in ("discovery_url", *_ADDRESSES)},
        "client_id": provider.client_id,
        "user_id_claim": provider.user_id_claim or USUAL_CLAIM,
        "version": str(configured.version if configured else 0),
    }


def _read(form: Form) -> CustomerProvider:
    by_endpoints = form.text("by") == _ENDPOINTS
    return CustomerProvider(
        discovery_url=None if by_endpoints else form.text("discovery_url"),
        endpoints=Endpoints(**{name: form.text(name) for name in _ADDRESSES}) if by_endpoints else None,
        client_id=form.text("client_id"),
        user_id_claim=form.text("user_id_claim"),
    )
