"""One institution of a partner: what it is, who works there, its apps, intermediaries and settings, all to be read.

Nothing here is about a customer but counts. What can be changed is changing.py's business.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from consentry.domain.counting import day_of
from consentry.domain.institution import Institution
from consentry.domain.overview import named_period
from consentry.domain.staff import ROLES, House, Role
from consentry.store.applications import AppSearch
from consentry.store.intermediaries import IntermediarySearch
from consentry.store.staff import MemberFilter
from consentry.usecases.application.list_all import list_apps
from consentry.usecases.audit.download import Download
from consentry.usecases.configuration.api_settings import show_api_settings
from consentry.usecases.intermediary.list_all import list_intermediaries
from consentry.usecases.overview.read import read_overview
from consentry.usecases.partner.list_institutions import FoundInstitution, find_partner_institution
from consentry.usecases.services import Services
from consentry.usecases.staff.list_members import list_members
from consentry.web.partner.institutions import PATH, SECTION, TRAIL
from consentry.web.portal.doors import PortalRoute, partner_route
from consentry.web.portal.lists import MOST_IN_CSV, PAGE, after_of, csv_answer, filters, following_of, told_of
from consentry.web.portal.receivers.apps import APP_HEADINGS, app_row
from consentry.web.portal.rendering import render
from consentry.web.portal.signed_in import SignedIn
from consentry.web.portal.words import second

_ONE: Final = f"{PATH}/{{institution}}"
_TOLD: Final = {
    "added": "The institution is added, and its first admin is invited by e-mail.",
    "invited": "Another invitation is on its way; links sent before open nothing any more.",
    "changed": "The change is in force, and stands in the logs of both houses.",
    "same": "Nothing was different, so nothing was changed.",
}


class InstitutionPages:
    """The pages about one institution."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def show(self, request: Request, staff: SignedIn) -> Response:
        """Show what an institution is, its counts and its settings."""
        found = await self._found(request, staff)
        institution = found.institution
        period = named_period("12m", today=day_of(staff.moment))
        overview = await read_overview(self._services, [institution.institution_id], period)
        shown = await show_api_settings(self._services, institution.institution_id)
        return render(
            staff,
            "partner/institution.html",
            title=institution.name,
            section=SECTION,
            trail=TRAIL,
            told=told_of(request, _TOLD),
            found=found,
            institution=institution,
            settings=shown.settings,
            overview=overview,
            whole=overview.whole,
            may_change=staff.role is Role.ADMIN,
            path=f"{PATH}/{institution.public_id}",
            tab="",
        )

    async def members(self, request: Request, staff: SignedIn) -> Response:
        """List the institution's staff."""
        institution = (await self._found(request, staff)).institution
        after = filters(request, "after")["after"]
        team = await list_members(
            self._services, institution.institution_id, wanted=MemberFilter(), after=after, limit=PAGE
        )
        return self._listed(
            staff,
            institution,
            tab="members",
            listed=team,
            following={"after": team.members[-1].email} if team.has_more else None,
        )

    async def members_csv(self, request: Request, staff: SignedIn) -> Response:
        """Answer with the institution's staff, as a file."""
        institution = (await self._found(request, staff)).institution
        team = await list_members(
            self._services,
            institution.institution_id,
            wanted=MemberFilter(),
            limit=MOST_IN_CSV,
            download=_takes(staff, institution, "members"),
        )
        return _file(
            institution,
            "members",
            ("E-mail", "Name", "Role", "Status", "Last signed in (UTC)"),
            (
                (one.email, one.name, one.role.value, one.status(team.moment).value, second(one.last_signed_in_at))
                for one in team.members
            ),
        )

    async def apps(self, request: Request, staff: SignedIn) -> Response:
        """List the institution's apps."""
        institution = (await self._found(request, staff)).institution
        found = await list_apps(
            self._services,
            institution.institution_id,
            AppSearch(),
            after=after_of(request, str),
            most=PAGE,
        )
        return self._listed(staff, institution, tab="apps", listed=found, following=following_of(found.after))

    async def apps_csv(self, request: Request, staff: SignedIn) -> Response:
        """Answer with the institution's apps, as a file."""
        institution = (await self._found(request, staff)).institution
        found = await list_apps(
            self._services,
            institution.institution_id,
            AppSearch(),
            most=MOST_IN_CSV,
            download=_takes(staff, institution, "apps"),
        )
        as_of = second(found.counted_until)
        return _file(institution, "apps", APP_HEADINGS, (app_row(app, as_of) for app in found.apps))

    async def intermediaries(self, request: Request, staff: SignedIn) -> Response:
        """List the institution's intermediaries."""
        institution = (await self._found(request, staff)).institution
        found = await list_intermediaries(
            self._services,
            institution.institution_id,
            IntermediarySearch(),
            after=after_of(request, str),
            most=PAGE,
        )
        return self._listed(staff, institution, tab="intermediaries", listed=found, following=following_of(found.after))

    async def intermediaries_csv(self, request: Request, staff: SignedIn) -> Response:
        """Answer with the institution's intermediaries, as a file."""
        institution = (await self._found(request, staff)).institution
        found = await list_intermediaries(
            self._services,
            institution.institution_id,
            IntermediarySearch(),
            most=MOST_IN_CSV,
            download=_takes(staff, institution, "intermediaries"),
        )
        return _file(
            institution,
            "intermediaries",
            ("Intermediary", "Name", "Status", "New apps", "Added (UTC)"),
            (
                (one.intermediary_id, one.name, one.status.value, one.approval.value, second(one.created_at))
                for one in found.intermediaries
            ),
        )

    async def _found(self, request: Request, staff: SignedIn) -> FoundInstitution:
        return await find_partner_institution(self._services, staff.institution_id, request.path_params["institution"])

    def _listed(
        self,
        staff: SignedIn,
        institution: Institution,
        *,
        tab: str,
        listed: object,
        following: Mapping[str, object] | None,
    ) -> Response:
        path = f"{PATH}/{institution.public_id}"
        return render(
            staff,
            f"partner/{tab}.html",
            title=tab.capitalize(),
            section=SECTION,
            trail=(*TRAIL, (path, institution.name)),
            institution=institution,
            path=path,
            tab=tab,
            listed=listed,
            following=following,
        )


def routes(services: Services) -> list[PortalRoute]:
    """Give the routes of these pages, which everybody may read."""
    pages = InstitutionPages(services)
    everybody = ROLES[House.PARTNER]
    return [
        partner_route(_ONE, pages.show, role=everybody, name="partner.institution"),
        partner_route(f"{_ONE}/members", pages.members, role=everybody, name="partner.members"),
        partner_route(f"{_ONE}/members.csv", pages.members_csv, role=everybody, name="partner.members_csv"),
        partner_route(f"{_ONE}/apps", pages.apps, role=everybody, name="partner.apps"),
        partner_route(f"{_ONE}/apps.csv", pages.apps_csv, role=everybody, name="partner.apps_csv"),
        partner_route(f"{_ONE}/intermediaries", pages.intermediaries, role=everybody, name="partner.intermediaries"),
        partner_route(
            f"{_ONE}/intermediaries.csv", pages.intermediaries_csv, role=everybody, name="partner.intermediaries_csv"
        ),
    ]


def _takes(staff: SignedIn, institution: Institution, what: str) -> Download:
    return staff.takes(what, subject=("institution", institution.public_id))


def _file(institution: Institution, what: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    return csv_answer(f"{institution.public_id}-{what}.csv", headings, rows)
