"""A partner's institutions: the list of them, and adding one with its first admin."""

from dataclasses import asdict
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.config import Settings
from consentry.domain.institution import InstitutionStatus
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.refusal.staff import UnknownPortalAddress
from consentry.domain.staff import ROLES, House, Role
from consentry.store.partner_institutions import InstitutionSearch
from consentry.usecases.partner.add_institution import NewInstitution, SetUpInvitation, add_partner_institution
from consentry.usecases.partner.list_institutions import list_partner_institutions
from consentry.usecases.services import Services
from consentry.web.html.forms import read_form
from consentry.web.portal.doors import PortalRoute, partner_route
from consentry.web.portal.lists import MOST_IN_CSV, PAGE, after_of, csv_answer, filters, following_of
from consentry.web.portal.origins import linked_origin
from consentry.web.portal.rendering import render
from consentry.web.portal.signed_in import SignedIn
from consentry.web.portal.words import second

PATH: Final = "/partner/institutions"
NEW: Final = "/partner/new-institution"
SECTION: Final = "institutions"
STATUS_WORDS: Final = {
    InstitutionStatus.ENABLED: "Enabled",
    InstitutionStatus.NEEDS_REVIEW: "Needs review",
    InstitutionStatus.DISABLED: "Disabled",
}
_NO_ADDRESS: Final = (
    "Ask whoever runs consentry to set CONSENTRY_PORTAL_URL: no e-mail can be written as long as it is not certain at"
    " which address the portal is."
)
TRAIL: Final = ((PATH, "Institutions"),)


class InstitutionListPages:
    """The list of a partner's institutions, and the form that adds one."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._services = services
        self._settings = settings

    async def show_list(self, request: Request, staff: SignedIn) -> Response:
        """Show a page of the institutions that are asked for."""
        asked, after = filters(request, "q", "status"), after_of(request, str)
        found = await list_partner_institutions(
            self._services,
            staff.institution_id,
            _search_of(asked),
            after=after,
            most=PAGE,
        )
        return render(
            staff,
            "partner/institutions.html",
            title="Institutions",
            section=SECTION,
            asked=asked,
            found=found,
            is_filtered=bool(asked["q"] or asked["status"]),
            is_first=after is None,
            statuses=list(STATUS_WORDS.items()),
            may_change=staff.role is Role.ADMIN,
            new=NEW,
            following=following_of(found.after),
        )

    async def list_csv(self, request: Request, staff: SignedIn) -> Response:
        """Answer with the institutions that are asked for, as a file."""
        asked = filters(request, "q", "status")
        found = await list_partner_institutions(
            self._services,
            staff.institution_id,
            _search_of(asked),
            most=MOST_IN_CSV,
            download=staff.takes("institutions", {"name": asked["q"], "status": asked["status"]}),
        )
        return csv_answer(
            "institutions.csv",
            ("Institution", "Name", "Status", "Connected customers", "Live consents", "Added (UTC)"),
            (
                (one.public_id, one.name, one.status.value, one.customers, one.live_consents, second(one.created_at))
                for one in found.institutions
            ),
        )

    async def ask(self, _: Request, staff: SignedIn) -> Response:
        """Show the form that adds an institution."""
        return self._form(staff, NewInstitution(public_id="", name="", host="", email=""))

    async def add(self, request: Request, staff: SignedIn) -> Response:
        """Add an institution and invite its first admin."""
        form = await read_form(request)
        typed = NewInstitution(
            public_id=form.text("public_id"), name=form.text("name"), host=form.text("host"), email=form.text("email")
        )
        try:
            invited = await add_partner_institution(
                self._services,
                staff.institution_id,
                typed,
                origin="" if typed.host else await self._origin(request, staff),
                portal_host=None if self._settings.portal_url is None else urlsplit(self._settings.portal_url).hostname,
                actor=staff.actor,
            )
        except UnknownPortalAddress:
            return self._form(staff, typed, problems={"host": _NO_ADDRESS})
        except InvalidSettings as refusal:
            return self._form(staff, typed, problems=refusal.fields)
        return answered(self._settings, staff, invited, notice="added")

    async def _origin(self, request: Request, staff: SignedIn) -> str:
        return await linked_origin(self._services, self._settings, request, staff.institution_id)

    def _form(self, staff: SignedIn, typed: NewInstitution, *, problems: dict[str, str] | None = None) -> Response:
        return render(
            staff,
            "partner/add.html",
            title="Add an institution",
            section=SECTION,
            trail=TRAIL,
            status=422 if problems else 200,
            typed=asdict(typed),
            problems=problems or {},
            has_mail=self._settings.mail_server is not None,
            place=PATH,
        )


def answered(settings: Settings, staff: SignedIn, invited: SetUpInvitation, *, notice: str) -> Response:
    """Lead to the institution; where no e-mail is sent, show the link this one time instead."""
    path = f"{PATH}/{invited.institution.public_id}"
    if settings.mail_server is not None:
        return RedirectResponse(f"{path}?notice={notice}", status_code=303)
    return render(
        staff,
        "partner/link.html",
        title="The first admin's link",
        section=SECTION,
        trail=TRAIL,
        invited=invited,
        path=path,
    )


def routes(services: Services, settings: Settings) -> list[PortalRoute]:
    """Give the routes of these pages; adding is for admins."""
    pages = InstitutionListPages(services, settings)
    everybody = ROLES[House.PARTNER]
    return [
        partner_route(PATH, pages.show_list, role=everybody, name="partner.institutions"),
        partner_route(f"{PATH}.csv", pages.list_csv, role=everybody, name="partner.institutions_csv"),
        partner_route(NEW, pages.ask, role=Role.ADMIN, name="partner.new_institution", step_up=True),
        partner_route(NEW, pages.add, role=Role.ADMIN, methods=("POST",), name="partner.add_institution", step_up=True),
    ]


def _search_of(asked: dict[str, str]) -> InstitutionSearch:
    status = asked["status"]
    return InstitutionSearch(
        letters=asked["q"], status=InstitutionStatus(status) if status in set(InstitutionStatus) else None
    )
