"""Who may embed the dashboard, and the dashboard as staff try it: opened for a customer that is no person."""

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.config import Settings
from consentry.domain.refusal.dashboard import InvalidOrigin
from consentry.domain.refusal.institution import TooManyTestCustomers
from consentry.domain.staff import Role
from consentry.usecases.institution.change_origins import add_origin, remove_origin
from consentry.usecases.preview.add_test_customer import add_test_customer
from consentry.usecases.preview.open_dashboard import issue_preview_token
from consentry.usecases.services import Services
from consentry.web.errors import page_status
from consentry.web.hosts import host_of
from consentry.web.html.forms import read_form
from consentry.web.html.pages import content_policy
from consentry.web.portal.configuration.addresses import Addresses
from consentry.web.portal.configuration.dashboard_page import PATH, show_dashboard_page
from consentry.web.portal.configuration.ways_back import way_back
from consentry.web.portal.doors import PortalRoute, portal_route
from consentry.web.portal.origins import is_on_this_machine
from consentry.web.portal.rendering import render_outside
from consentry.web.portal.signed_in import SignedIn

_POST: Final = ("POST",)


class EmbeddingPages:
    """What the forms about embedding and the preview do."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._services = services
        self._addresses = Addresses(services, settings)

    async def add(self, request: Request, staff: SignedIn) -> Response:
        """Let a site embed the dashboard."""
        origin = (await read_form(request)).text("origin")
        try:
            await add_origin(
                self._services,
                staff.institution_id,
                origin,
                actor=staff.actor,
                allow_loopback=is_on_this_machine(host_of(request)),
            )
        except InvalidOrigin as refusal:
            return await show_dashboard_page(
                self._addresses, request, staff, status=422, origin=origin, origin_problem=refusal.description
            )
        return RedirectResponse(f"{PATH}?notice=origin#sites", status_code=303)

    async def remove(self, request: Request, staff: SignedIn) -> Response:
        """Let a site embed the dashboard no longer."""
        origin = (await read_form(request)).text("origin")
        await remove_origin(self._services, staff.institution_id, origin, actor=staff.actor)
        return RedirectResponse(f"{PATH}?notice=origin-removed#sites", status_code=303)

    async def add_customer(self, request: Request, staff: SignedIn) -> Response:
        """Add a test customer to look at the dashboard with."""
        try:
            await add_test_customer(self._services, staff.institution_id, actor=staff.actor)
        except TooManyTestCustomers as refusal:
            return await show_dashboard_page(
                self._addresses, request, staff, status=page_status(refusal), refused=refusal.description
            )
        return RedirectResponse(f"{PATH}?notice=customer#preview", status_code=303)

    async def open_preview(self, request: Request, staff: SignedIn) -> Response:
        """Lead to the dashboard of a test customer, by a form that bears the token and goes to its origin alone."""
        customer_id = (await read_form(request)).text("customer")
        token = await issue_preview_token(
            self._services, staff.institution_id, customer_id=customer_id, actor=staff.actor
        )
        address = await self._addresses.of(request, staff.institution_id)
        return render_outside(
            "configuration/preview.html",
            title="The dashboard",
            headers={"Content-Security-Policy": content_policy(form_action=(address.origin,))},
            origin=address.origin,
            token=token.access_token,
            customer_id=customer_id,
        )


def routes(services: Services, settings: Settings) -> list[PortalRoute]:
    """Give the routes of the forms; they are for admins alone, as the page is on which they stand."""
    pages = EmbeddingPages(services, settings)
    return [
        portal_route(
            f"{PATH}/sites", pages.add, role=Role.ADMIN, methods=_POST, name="portal.add_origin", step_up=True
        ),
        portal_route(f"{PATH}/sites/remove", pages.remove, role=Role.ADMIN, methods=_POST, name="portal.remove_origin"),
        portal_route(
            f"{PATH}/customers", pages.add_customer, role=Role.ADMIN, methods=_POST, name="portal.add_preview_customer"
        ),
        *(
            way_back(f"{PATH}/{part}", PATH, role=Role.ADMIN, name=f"portal.back_from_{part}")
            for part in ("sites", "customers", "preview")
        ),
        portal_route(f"{PATH}/preview", pages.open_preview, role=Role.ADMIN, methods=_POST, name="portal.open_preview"),
    ]
