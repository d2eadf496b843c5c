"""Search for a customer, and say why one wants to look at them."""

from dataclasses import fields
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.domain.customer import CustomerSearch, check_search
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.refusal.request import NotFound
from consentry.domain.scope import is_customer_id
from consentry.usecases.customer.find import FoundCustomers, find_customers
from consentry.usecases.customer.look import begin_look
from consentry.usecases.services import Services
from consentry.web.html.forms import read_form
from consentry.web.portal.customers.looked import SECTION
from consentry.web.portal.customers.paths import SEARCH, customer_path, place_of
from consentry.web.portal.lists import filters
from consentry.web.portal.rendering import render
from consentry.web.portal.signed_in import SignedIn

_FILTERS: Final = tuple(known.name for known in fields(CustomerSearch))
_NO_CUSTOMER: Final = "Nothing is kept of a customer with this id. Search for the customer first."


class SearchPages:
    """The search, and the form that opens a customer."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def search(self, request: Request, staff: SignedIn) -> Response:
        """Show the form and, if anything is looked for, whom it fits."""
        given = filters(request, *_FILTERS)
        after = filters(request, "after")["after"]
        problems: dict[str, str] = {}
        found: FoundCustomers | None = None
        try:
            wanted = check_search(given)
            if not wanted.is_empty:
                after = after if is_customer_id(after) else ""
                found = await find_customers(
                    self._services, staff.institution_id, wanted, actor=staff.actor, after=after
                )
        except InvalidSettings as refusal:
            problems = refusal.fields
        return render(
            staff,
            "customers/search.html",
            title="Customers",
            section=SECTION,
            status=422 if problems else 200,
            given=given,
            problems=problems,
            found=found,
            customer_path=customer_path,
            following={"after": found.following} if found is not None and found.following else None,
        )

    async def ask(self, request: Request, staff: SignedIn) -> Response:
        """Ask why somebody wants to look at a customer."""
        asked = request.query_params
        given = {"customer": asked.get("customer", ""), "next": asked.get("next", ""), "reason": ""}
        return _ask(staff, given, {}, ended="ended" in asked)

    async def open(self, request: Request, staff: SignedIn) -> Response:
        """Begin a look at a customer, and go on to where one wanted to go."""
        form = await read_form(request)
        given = {name: form.text(name) for name in ("customer", "next", "reason")}
        try:
            await begin_look(
                self._services,
                staff.institution_id,
                staff.member_id,
                customer_id=given["customer"],
                reason=given["reason"],
                actor=staff.actor,
            )
        except InvalidSettings as refusal:
            return _ask(staff, given, refusal.fields)
        except NotFound:
            return _ask(staff, given, {"customer": _NO_CUSTOMER})
        return RedirectResponse(place_of(given["customer"], given["next"]), status_code=303)


def _ask(staff: SignedIn, given: dict[str, str], problems: dict[str, str], *, ended: bool = False) -> Response:
    return render(
        staff,
        "customers/open.html",
        title="Look at a customer",
        section=SECTION,
        status=422 if problems else 200,
        trail=((SEARCH, "Customers"),),
        given=given,
        problems=problems,
        ended=ended,
    )
