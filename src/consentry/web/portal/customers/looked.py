"""The second door of a customer's pages: behind it is who has said why they look, not longer than half an hour ago."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.domain.customer import Look
from consentry.usecases.customer.look import live_look
from consentry.usecases.services import Services
from consentry.web.portal.customers.paths import SEARCH, customer_of, customer_path, open_path
from consentry.web.portal.doors import Page
from consentry.web.portal.rendering import render
from consentry.web.portal.signed_in import SignedIn

SECTION: Final = "customers"


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit of a member of staff at a customer's page: who, whose page, and the look that lets them."""

    staff: SignedIn
    customer_id: str
    look: Look

    @property
    def path(self) -> str:
        """Give the path of the customer's own page."""
        return customer_path(self.customer_id)

    def show(
        self,
        template: str,
        *,
        title: str = "",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: object,
    ) -> Response:
        """Render a page below the customer's own; without a title of its own, that one."""
        own = f"Customer {self.customer_id}"
        return render(
            self.staff,
            template,
            title=title or own,
            section=SECTION,
            status=status,
            headers=headers,
            trail=((SEARCH, "Customers"), *(((self.path, own),) if title else ())),
            visit=self,
            **context,
        )

    def back(self, notice: str, *, below: str = "") -> Response:
        """Lead to the customer's page, or one below it, which tells what was done."""
        return RedirectResponse(f"{self.path}{below}?notice={notice}", status_code=303)


CustomerPage = Callable[[Request, Visit], Awaitable[Response]]


def looked(services: Services, page: CustomerPage) -> Page:
    """Put a page behind the second door: without a look one is asked why, told if a form was sent, and led on."""

    async def answer(request: Request, staff: SignedIn) -> Response:
        customer_id = customer_of(request.path_params["customer"])
        look = await live_look(services, staff.institution_id, staff.member_id, customer_id=customer_id)
        if look is None:
            ended = request.method not in ("GET", "HEAD")  # what was sent is not kept
            return RedirectResponse(open_path(customer_id, then=_wanted(request), ended=ended), status_code=303)
        return await page(request, Visit(staff, customer_id, look))

    return answer


def _wanted(request: Request) -> str:
    """Give where one goes on: the page itself, whose form can be sent again, or that of a file that was asked for."""
    return request.url.path.partition("/receipt.")[0]
