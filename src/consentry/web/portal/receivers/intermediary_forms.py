"""Adding an intermediary, and changing what is set for it: forms for admins."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.domain.intermediary import (
    MOST_CONTACTS,
    Approval,
    Contact,
    Intermediary,
    Period,
    TypedSettings,
)
from consentry.domain.refusal.institution import ChangedMeanwhile, InvalidSettings
from consentry.domain.staff import Role
from consentry.usecases.intermediary.add import add_intermediary
from consentry.usecases.intermediary.change import change_intermediary
from consentry.usecases.intermediary.settings_of import Addresses
from consentry.usecases.intermediary.show import show_intermediary
from consentry.usecases.services import Services
from consentry.web.errors import page_status
from consentry.web.html.forms import Form, read_form
from consentry.web.portal.doors import PortalRoute, portal_route
from consentry.web.portal.receivers.intermediaries import APPROVAL_WORDS, PATH, TRAIL, name_of, place_of, trail_to
from consentry.web.portal.rendering import render
from consentry.web.portal.segments import id_of
from consentry.web.portal.signed_in import SignedIn

_PERIOD_WORDS: Final = {
    Period.SECOND: "a second",
    Period.MINUTE: "a minute",
    Period.HOUR: "an hour",
    Period.DAY: "a day",
}
_FREE_CONTACTS: Final = 2
_NEW_PATH: Final = "/admin/new-intermediary"


@dataclass(frozen=True, slots=True)
class _Filled:
    """A form with what stands in it, and what of that was refused."""

    typed: TypedSettings
    intermediary_id: str = ""
    version: int = 0
    problems: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""


class IntermediaryForms:
    """The forms of intermediaries."""

    def __init__(self, services: Services, addresses: Addresses) -> None:
        self._services = services
        self._addresses = addresses

    async def ask_to_add(self, _: Request, staff: SignedIn) -> Response:
        """Show the form for a new intermediary."""
        return _new_form(staff, _Filled(TypedSettings(approval=Approval.BY_HAND.value)))

    async def add(self, request: Request, staff: SignedIn) -> Response:
        """Add an intermediary."""
        form = await read_form(request)
        wanted, typed = form.text("intermediary_id"), _typed(form)
        try:
            added = await add_intermediary(
                self._services, staff.institution_id, wanted, typed, addresses=self._addresses, actor=staff.actor
            )
        except InvalidSettings as refusal:
            return _new_form(staff, _Filled(typed, intermediary_id=wanted, problems=refusal.fields), status=422)
        return RedirectResponse(f"{place_of(added)}?notice=added", status_code=303)

    async def ask_to_change(self, request: Request, staff: SignedIn) -> Response:
        """Show the form with what is set."""
        found = await self._find(request, staff)
        return _form(staff, found, _Filled(_as_typed(found), version=found.version))

    async def change(self, request: Request, staff: SignedIn) -> Response:
        """Set what was typed."""
        found = await self._find(request, staff)
        form = await read_form(request)
        filled = _Filled(_typed(form), version=form.number("version"))
        try:
            await change_intermediary(
                self._services,
                staff.institution_id,
                found.intermediary_id,
                filled.typed,
                version=filled.version,
                addresses=self._addresses,
                actor=staff.actor,
            )
        except InvalidSettings as refusal:
            refused = _Filled(filled.typed, version=filled.version, problems=refusal.fields)
            return _form(staff, found, refused, status=422)
        except ChangedMeanwhile as refusal:
            refused = _Filled(filled.typed, version=filled.version, refused=refusal.description)
            return _form(staff, found, refused, status=page_status(refusal))
        return RedirectResponse(f"{place_of(found.intermediary_id)}?notice=changed", status_code=303)

    async def _find(self, request: Request, staff: SignedIn) -> Intermediary:
        intermediary_id = id_of(request.path_params["intermediary"])
        return (await show_intermediary(self._services, staff.institution_id, intermediary_id)).intermediary


def routes(services: Services, addresses: Addresses) -> list[PortalRoute]:
    """Give the routes of the forms."""
    forms = IntermediaryForms(services, addresses)
    edit = f"{PATH}/{{intermediary}}/edit"
    only = Role.ADMIN
    return [
        portal_route(_NEW_PATH, forms.ask_to_add, role=only, name="portal.new_intermediary"),
        portal_route(_NEW_PATH, forms.add, role=only, methods=("POST",), name="portal.add_intermediary"),
        portal_route(edit, forms.ask_to_change, role=only, name="portal.edit_intermediary"),
        portal_route(edit, forms.change, role=only, methods=("POST",), name="portal.change_intermediary"),
    ]


def _new_form(staff: SignedIn, filled: _Filled, *, status: int = 200) -> Response:
    return _render(
        staff,
        filled,
        title="Add an intermediary",
        action=_NEW_PATH,
        back=PATH,
        is_new=True,
        trail=TRAIL,
        status=status,
    )


def _form(staff: SignedIn, found: Intermediary, filled: _Filled, *, status: int = 200) -> Response:
    place = place_of(found.intermediary_id)
    return _render(
        staff,
        filled,
        title=f"Change {name_of(found)}",
        action=f"{place}/edit",
        back=place,
        is_new=False,
        trail=trail_to(found),
        status=status,
    )


def _render(
    staff: SignedIn,
    filled: _Filled,
    *,
    title: str,
    action: str,
    back: str,
    is_new: bool,
    trail: tuple[tuple[str, str], ...],
    status: int,
) -> Response:
    contacts = (*filled.typed.contacts, *(Contact("") for _ in range(_FREE_CONTACTS)))[:MOST_CONTACTS]
    return render(
        staff,
        "receivers/intermediary_form.html",
        title=title,
        section="intermediaries",
        status=status,
        trail=trail,
        filled=filled,
        typed=filled.typed,
        problems=filled.problems,
        contacts=contacts,
        periods=_PERIOD_WORDS,
        approvals=APPROVAL_WORDS,
        action=action,
        back=back,
        is_new=is_new,
    )


def _typed(form: Form) -> TypedSettings:
    numbers = range(1, MOST_CONTACTS + 1)
    contacts = [
        Contact(*(form.text(f"contact_{number}_{part}") for part in ("name", "role", "email", "phone")))
        for number in numbers
    ]
    while contacts and contacts[-1] == Contact(""):
        contacts.pop()
    return TypedSettings(
        name=form.text("name"),
        logo_url=form.text("logo_url"),
        contacts=tuple(contacts),
        request_limit=form.text("request_limit"),
        request_period=form.text("request_period"),
        networks=form.text("networks"),
        approval=form.text("approval"),
    )


def _as_typed(found: Intermediary) -> TypedSettings:
    settings = found.settings
    return TypedSettings(
        name=settings.name,
        logo_url=settings.logo_url or "",
        contacts=settings.contacts,
        request_limit="" if settings.limit is None else str(settings.limit.requests),
        request_period="" if settings.limit is None else settings.limit.period.value,
        networks="\n".join(settings.allowed_networks),
        approval=settings.approval.value,
    )
