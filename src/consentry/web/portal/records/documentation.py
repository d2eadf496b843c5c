"""API documentation: the OpenAPI document rendered with the institution's own addresses, and its test customers.

Everybody of the staff reads it; admins add test customers. The document itself is `web.openapi`'s, which is loaded when
somebody first asks for it.
"""

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.config import Settings
from consentry.domain.refusal.institution import TooManyTestCustomers
from consentry.domain.refusal.request import NotFound
from consentry.domain.staff import ROLES, House, Role
from consentry.domain.test_customer import MOST_TEST_CUSTOMERS
from consentry.usecases.preview.add_test_customer import add_test_customer
from consentry.usecases.preview.list_test_customers import list_test_customers
from consentry.usecases.services import Services
from consentry.web.errors import page_status
from consentry.web.html.assets import Assets
from consentry.web.openapi.page import HEADERS
from consentry.web.portal.configuration.addresses import Addresses
from consentry.web.portal.configuration.ways_back import way_back
from consentry.web.portal.doors import PortalRoute, portal_route
from consentry.web.portal.rendering import render
from consentry.web.portal.signed_in import SignedIn

PATH: Final = "/admin/documentation"
ASSETS: Final = Assets("consentry.web.openapi", f"{PATH}/assets/", headers=HEADERS)
"""The reference's own style sheets, which no page of /docs has to be served for."""
_SHEETS: Final = ("operation.css", "code.css")
_FORMS: Final = {"yaml": "application/yaml", "json": "application/json"}


class DocumentationPages:
    """The page, the document to download, and the form for test customers."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._services = services
        self._addresses = Addresses(services, settings)

    async def show(self, request: Request, staff: SignedIn) -> Response:
        """Show the reference and the test customers."""
        return await self._page(request, staff)

    async def add_customer(self, request: Request, staff: SignedIn) -> Response:
        """Add a test customer."""
        try:
            await add_test_customer(self._services, staff.institution_id, actor=staff.actor)
        except TooManyTestCustomers as refusal:
            return await self._page(request, staff, refused=refusal.description, status=page_status(refusal))
        return RedirectResponse(f"{PATH}?notice=added#test-customers", status_code=303)

    async def download(self, request: Request, staff: SignedIn) -> Response:
        """Give the document with the institution's own address in it, as a file."""
        from consentry.web.openapi import reference

        form = request.path_params["form"]
        if form not in _FORMS:
            raise NotFound
        address = await self._addresses.of(request, staff.institution_id)
        document = await run_in_threadpool(reference.load)
        written = document.yaml if form == "yaml" else document.json
        return Response(
            written.replace(reference.EXAMPLE_BASE.encode(), address.origin.encode()),
            media_type=_FORMS[form],
            headers={
                **HEADERS,
                "Cache-Control": "no-store",
                "Content-Disposition": f'attachment; filename="consent-api.{form}"',
            },
        )

    async def _page(self, request: Request, staff: SignedIn, *, refused: str = "", status: int = 200) -> Response:
        from consentry.web.openapi import rendering

        address = await self._addresses.of(request, staff.institution_id)
        customers = await list_test_customers(self._services, staff.institution_id)
        added = request.query_params.get("notice") == "added"
        return render(
            staff,
            "records/documentation.html",
            title="API documentation",
            section="documentation",
            status=status,
            path=PATH,
            reference_sheets=[ASSETS.address(name) for name in _SHEETS],
            parts=await run_in_threadpool(rendering.parts, address.origin),
            address=address,
            told="The test customer was added." if added and not refused else "",
            refused=refused,
            customers=customers,
            may_add=staff.role is Role.ADMIN and len(customers) < MOST_TEST_CUSTOMERS,
            is_admin=staff.role is Role.ADMIN,
        )


def routes(services: Services, settings: Settings) -> list[PortalRoute]:
    """Give the routes of the page; the files that it names are served by `ASSETS.route`."""
    pages = DocumentationPages(services, settings)
    everybody = ROLES[House.INSTITUTION]
    return [
        way_back(f"{PATH}/test-customers", PATH, role=everybody, name="portal.back_from_test_customers"),
        portal_route(PATH, pages.show, role=everybody, name="portal.documentation"),
        portal_route(f"{PATH}/consent-api.{{form}}", pages.download, role=everybody, name="portal.openapi_document"),
        portal_route(
            f"{PATH}/test-customers",
            pages.add_customer,
            role=Role.ADMIN,
            methods=("POST",),
            name="portal.add_test_customer",
        ),
    ]
