"""The institution's API credentials: generated, rotated, and ended when they have leaked.

A new secret stands in the answer to the form that made it and nowhere else: not in an address, a cookie or a session.
Asking for that answer again makes nothing, and shows nothing.
"""

from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.config import Settings
from consentry.domain.institution import LONGEST_OVERLAP, Institution
from consentry.domain.refusal import Refusal
from consentry.domain.refusal.institution import ChangedMeanwhile, CredentialsExist, NoCredentials
from consentry.domain.staff import Role
from consentry.usecases.configuration.api_settings import show_api_settings
from consentry.usecases.credentials.generate import generate_credentials
from consentry.usecases.credentials.leaked import end_leaked_credentials
from consentry.usecases.credentials.new_secret import ShownCredentials
from consentry.usecases.credentials.rotate import rotate_credentials
from consentry.usecases.credentials.show import DescribedCredentials, show_credentials
from consentry.usecases.preview.list_test_customers import list_test_customers
from consentry.usecases.services import Services
from consentry.web.errors import page_status
from consentry.web.html.forms import Form, read_form
from consentry.web.portal.configuration import snippets
from consentry.web.portal.configuration.addresses import Addresses
from consentry.web.portal.configuration.dashboard_page import (
    PATH,
    SECTION,
    TITLE,
    example_customer,
    show_dashboard_page,
)
from consentry.web.portal.doors import Page, PortalRoute, portal_route
from consentry.web.portal.rendering import render
from consentry.web.portal.signed_in import SignedIn

_TRAIL: Final = ((PATH, TITLE),)
_HOUR: Final = timedelta(hours=1)
_MOST_HOURS: Final = LONGEST_OVERLAP // _HOUR
_SENTENCES: Final[dict[type[Refusal], str]] = {
    CredentialsExist: (
        "There are credentials already, and nothing was made. Their secret was shown once, to whoever made it; "
        "if nobody has kept it, rotate it."
    ),
    ChangedMeanwhile: (
        "The secret was changed since you looked, by somebody else or by sending the same form again, and nothing "
        "was done. Here is how it is now."
    ),
    NoCredentials: "There are no credentials yet; generate them first.",
}


class CredentialPages:
    """The page, and what is done with the credentials."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._services = services
        self._addresses = Addresses(services, settings)

    async def show(self, request: Request, staff: SignedIn) -> Response:
        """Show everything about the dashboard and its credentials, and no secret."""
        return await show_dashboard_page(self._addresses, request, staff)

    async def generate(self, request: Request, staff: SignedIn) -> Response:
        """Make the first credentials and show their secret, this once."""
        try:
            made = await generate_credentials(self._services, staff.institution_id, actor=staff.actor)
        except CredentialsExist as refusal:
            return await self._refused(request, staff, refusal)
        return await self._handed_out(request, staff, made, title="Your API credentials")

    async def ask_to_rotate(self, request: Request, staff: SignedIn) -> Response:
        """Ask when the previous secret shall end."""
        try:
            return await self._rotation_form(staff)
        except NoCredentials as refusal:
            return await self._refused(request, staff, refusal)

    async def rotate(self, request: Request, staff: SignedIn) -> Response:
        """Make a new secret and show it, this once."""
        form = await read_form(request)
        try:
            overlap, problem = _overlap_of(form)
            if problem:
                return await self._rotation_form(staff, form=form, problem=problem)
            made = await rotate_credentials(
                self._services,
                staff.institution_id,
                actor=staff.actor,
                overlap=overlap,
                newest_seen=form.number("newest"),
            )
        except (NoCredentials, ChangedMeanwhile) as refusal:
            return await self._refused(request, staff, refusal)
        return await self._handed_out(request, staff, made, title="Your new secret")

    async def ask_about_leak(self, request: Request, staff: SignedIn) -> Response:
        """Say what ends when a secret has leaked, and ask for the institution's id."""
        try:
            return await self._leak_form(staff)
        except NoCredentials as refusal:
            return await self._refused(request, staff, refusal)

    async def end_leaked(self, request: Request, staff: SignedIn) -> Response:
        """End everything that a leaked secret could have opened."""
        form = await read_form(request)
        try:
            if form.text("institution") != staff.institution:
                return await self._leak_form(staff, typed=form.text("institution"), newest=form.number("newest"))
            await end_leaked_credentials(
                self._services, staff.institution_id, actor=staff.actor, newest_seen=form.number("newest")
            )
        except (NoCredentials, ChangedMeanwhile) as refusal:
            return await self._refused(request, staff, refusal)
        return RedirectResponse(f"{PATH}?notice=leaked", status_code=303)

    async def _refused(self, request: Request, staff: SignedIn, refusal: Refusal) -> Response:
        return await show_dashboard_page(
            self._addresses, request, staff, status=page_status(refusal), refused=_SENTENCES[type(refusal)]
        )

    async def _handed_out(self, request: Request, staff: SignedIn, made: ShownCredentials, *, title: str) -> Response:
        address = await self._addresses.of(request, staff.institution_id)
        customers = await list_test_customers(self._services, staff.institution_id)
        return render(
            staff,
            "configuration/secret.html",
            title=title,
            section=SECTION,
            trail=_TRAIL,
            path=PATH,
            made=made,
            address=address,
            curl=snippets.token_request(
                address.origin,
                client_id=made.client_id,
                customer_id=example_customer(customers),
                secret=made.client_secret,
            ),
        )

    async def _rotation_form(self, staff: SignedIn, *, form: Form | None = None, problem: str = "") -> Response:
        described, institution = await self._found(staff)
        newest = described.credentials.secrets[0]
        return render(
            staff,
            "configuration/rotate.html",
            title="Rotate the secret",
            section=SECTION,
            trail=_TRAIL,
            status=422 if problem else 200,
            path=PATH,
            newest=newest.number if form is None else form.number("newest"),
            display=newest.display,
            live=described.credentials.live_secrets(described.moment),
            usual=institution.secret_overlap,
            how="usual" if form is None else form.text("how"),
            hours=form.text("hours") if form else "",
            problem=problem,
        )

    async def _leak_form(self, staff: SignedIn, *, typed: str | None = None, newest: int | None = None) -> Response:
        described, _ = await self._found(staff)
        problem = "" if typed is None else f"Type {staff.institution} to end everything; this is something else."
        return render(
            staff,
            "configuration/leaked.html",
            title="The secret has leaked",
            section=SECTION,
            trail=_TRAIL,
            status=422 if problem else 200,
            path=PATH,
            newest=described.credentials.secrets[0].number if newest is None else newest,
            live=described.credentials.live_secrets(described.moment),
            typed=typed or "",
            problem=problem,
        )

    async def _found(self, staff: SignedIn) -> tuple[DescribedCredentials, Institution]:
        described = await show_credentials(self._services, staff.institution_id)
        return described, (await show_api_settings(self._services, staff.institution_id)).institution


def routes(services: Services, settings: Settings) -> list[PortalRoute]:
    """Give the routes of the page and of its credentials; they are for admins alone."""
    pages = CredentialPages(services, settings)
    rotation, leak = f"{PATH}/rotate", f"{PATH}/leaked"

    def step_up(path: str, page: Page, name: str, method: str = "GET") -> PortalRoute:
        return portal_route(path, page, role=Role.ADMIN, methods=(method,), name=f"portal.{name}", step_up=True)

    return [
        portal_route(PATH, pages.show, role=Role.ADMIN, name="portal.consent_dashboard"),
        step_up(PATH, pages.generate, "generate_credentials", "POST"),
        step_up(rotation, pages.ask_to_rotate, "rotation"),
        step_up(rotation, pages.rotate, "rotate_credentials", "POST"),
        step_up(leak, pages.ask_about_leak, "leak"),
        step_up(leak, pages.end_leaked, "end_leaked_credentials", "POST"),
    ]


def _overlap_of(form: Form) -> tuple[timedelta | None, str]:
    """Read how long the previous secret lives on, None for as long as the institution says; or why it can't be read."""
    match form.text("how"):
        case "usual":
            return None, ""
        case "now":
            return timedelta(0), ""
        case "hours":
            hours = form.number("hours")
            if 1 <= hours <= _MOST_HOURS:
                return hours * _HOUR, ""
            return None, f"Give a whole number of hours from 1 to {_MOST_HOURS} (30 days)."
    return None, "Choose when the previous secret ends."
