"""Changing an institution of a partner: name and status, with what a stop stops, and inviting its first admin anew."""

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.config import Settings
from consentry.domain.counting import day_of
from consentry.domain.institution import InstitutionStatus
from consentry.domain.overview import named_period
from consentry.domain.refusal.institution import ChangedMeanwhile, InvalidSettings
from consentry.domain.refusal.staff import ProviderInForce, StaffWereThere, TooManyInvitations, UnknownPortalAddress
from consentry.domain.staff import Role
from consentry.usecases.overview.read import read_overview
from consentry.usecases.partner.change_institution import PartnersChange, change_partner_institution
from consentry.usecases.partner.invite_admin import invite_admin
from consentry.usecases.partner.list_institutions import FoundInstitution, find_partner_institution
from consentry.usecases.services import Services
from consentry.web.html.forms import read_form
from consentry.web.partner.institutions import PATH, SECTION, STATUS_WORDS, TRAIL, answered
from consentry.web.portal.doors import PortalRoute, partner_route
from consentry.web.portal.origins import linked_origin
from consentry.web.portal.rendering import render
from consentry.web.portal.signed_in import SignedIn

_ONE: Final = f"{PATH}/{{institution}}"


class ChangingPages:
    """The forms that change an institution."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._services = services
        self._settings = settings

    async def ask(self, request: Request, staff: SignedIn) -> Response:
        """Show the form with name and status."""
        found = await self._found(request, staff)
        now = found.institution
        return await self._form(staff, found, PartnersChange(name=now.name, status=now.status.value, reason=""))

    async def change(self, request: Request, staff: SignedIn) -> Response:
        """Change name and status; before a stop, show what it stops and ask once more."""
        found = await self._found(request, staff)
        form = await read_form(request)
        typed = PartnersChange(name=form.text("name"), status=form.text("status"), reason=form.text("reason"))
        seen = (form.text("seen_name"), form.text("seen_status"))
        try:
            status, _ = typed.checked()
            stops = status is not InstitutionStatus.ENABLED and seen[1] == InstitutionStatus.ENABLED.value
            if stops and form.text("confirmed") != "yes":
                return await self._form(staff, found, typed, seen=seen, template="partner/stop.html")
            before = found.institution
            after = await change_partner_institution(
                self._services, staff.institution_id, before.public_id, typed, seen=seen, actor=staff.actor
            )
        except InvalidSettings as refusal:
            return await self._form(staff, found, typed, seen=seen, problems=refusal.fields)
        except ChangedMeanwhile as refusal:
            return await self._form(staff, found, typed, problems={"": refusal.description})
        notice = "same" if after == before else "changed"
        return RedirectResponse(f"{PATH}/{after.public_id}?notice={notice}", status_code=303)

    async def ask_whom(self, request: Request, staff: SignedIn) -> Response:
        """Show the form that invites the first admin anew."""
        found = await self._found(request, staff)
        if found.has_provider:
            raise ProviderInForce
        if found.had_staff:
            raise StaffWereThere
        return self._invitation(staff, found)

    async def invite(self, request: Request, staff: SignedIn) -> Response:
        """Invite the first admin anew."""
        found = await self._found(request, staff)
        email = (await read_form(request)).text("email")
        institution = found.institution
        try:
            invited = await invite_admin(
                self._services,
                staff.institution_id,
                institution.public_id,
                email=email,
                origin=await linked_origin(self._services, self._settings, request, institution.institution_id),
                actor=staff.actor,
            )
        except InvalidSettings as refusal:
            return self._invitation(staff, found, email=email, problem=refusal.fields["email"])
        except (TooManyInvitations, UnknownPortalAddress) as refusal:
            return self._invitation(staff, found, email=email, problem=refusal.description)
        return answered(self._settings, staff, invited, notice="invited")

    async def _found(self, request: Request, staff: SignedIn) -> FoundInstitution:
        return await find_partner_institution(self._services, staff.institution_id, request.path_params["institution"])

    async def _form(
        self,
        staff: SignedIn,
        found: FoundInstitution,
        typed: PartnersChange,
        *,
        problems: dict[str, str] | None = None,
        seen: tuple[str, str] | None = None,
        template: str = "partner/edit.html",
    ) -> Response:
        """Show a form; what is seen on it is how the institution is now, or how it was when the form was begun."""
        institution = found.institution
        period = named_period("7d", today=day_of(staff.moment))
        overview = await read_overview(self._services, [institution.institution_id], period)
        is_stop = template == "partner/stop.html"
        return render(
            staff,
            template,
            title=f"Stop {institution.name}?" if is_stop else "Change name and status",
            section=SECTION,
            trail=(*TRAIL, (f"{PATH}/{institution.public_id}", institution.name)),
            status=422 if problems else 200,
            typed=typed,
            seen=seen or (institution.name, institution.status.value),
            problems=problems or {},
            statuses=list(STATUS_WORDS.items()),
            overview=overview,
            path=f"{PATH}/{institution.public_id}",
        )

    def _invitation(self, staff: SignedIn, found: FoundInstitution, *, email: str = "", problem: str = "") -> Response:
        institution = found.institution
        return render(
            staff,
            "partner/invite.html",
            title="Invite the first admin",
            section=SECTION,
            trail=(*TRAIL, (f"{PATH}/{institution.public_id}", institution.name)),
            status=422 if problem else 200,
            email=email,
            problem=problem,
            has_mail=self._settings.mail_server is not None,
            path=f"{PATH}/{institution.public_id}",
        )


def routes(services: Services, settings: Settings) -> list[PortalRoute]:
    """Give the routes of these pages, which are for admins."""
    pages = ChangingPages(services, settings)
    edit, invite = f"{_ONE}/edit", f"{_ONE}/first-admin"
    return [
        partner_route(edit, pages.ask, role=Role.ADMIN, name="partner.edit_institution"),
        partner_route(edit, pages.change, role=Role.ADMIN, methods=("POST",), name="partner.change_institution"),
        partner_route(invite, pages.ask_whom, role=Role.ADMIN, name="partner.first_admin", step_up=True),
        partner_route(
            invite, pages.invite, role=Role.ADMIN, methods=("POST",), name="partner.invite_first_admin", step_up=True
        ),
    ]
