"""The overview: figures and charts of what has been counted, in both portals, with the numbers beside them.

Pages, pictures and files of one address are of the same period; a partner's are of all its institutions or of one.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from consentry.domain.counting import day_of
from consentry.domain.institution import Institution
from consentry.domain.overview import PERIODS, Period, check_period
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.refusal.request import NotFound
from consentry.domain.staff import PORTAL_PATH, ROLES, House
from consentry.usecases.audit.download import Download
from consentry.usecases.institution.of_partner import institutions_of_partner
from consentry.usecases.overview.read import Overview, read_overview
from consentry.usecases.services import Services
from consentry.web.portal import lists
from consentry.web.portal.doors import PortalRoute, route_of
from consentry.web.portal.overview import charts
from consentry.web.portal.overview.figures import Panel, panels
from consentry.web.portal.rendering import render
from consentry.web.portal.signed_in import PORTAL, SignedIn

_OTHERWISE: Final = {House.INSTITUTION: "30d", House.PARTNER: "12m"}
_PERIOD_WORDS: Final = {"7d": "7 days", "30d": "30 days", "90d": "90 days", "12m": "12 months"}
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": charts.POLICY,
}


@dataclass(frozen=True, slots=True)
class _Scope:
    """Whose overview it is: of these institutions, of which `chosen` is the only one if it is not None."""

    institutions: tuple[Institution, ...]
    chosen: Institution | None
    ids: tuple[int, ...]

    @property
    def query(self) -> list[tuple[str, str]]:
        """Give what an address must hold to be of the same institutions."""
        return [("institution", self.chosen.public_id)] if self.chosen else []

    @property
    def choices(self) -> list[tuple[str, str]]:
        """Give what can be chosen; nothing where there is but one institution."""
        if not self.institutions:
            return []
        return [("", "All institutions"), *((one.public_id, one.name) for one in self.institutions)]

    def panels(self, overview: Overview) -> list[Panel]:
        """Give all that an overview of them shows."""
        return panels(overview, names={one.institution_id: one.name for one in self.institutions})


class OverviewPages:
    """The overview of a portal: page, pictures, files."""

    def __init__(self, services: Services, house: House) -> None:
        self._services = services
        self._house = house

    async def show(self, request: Request, staff: SignedIn) -> Response:
        """Show the figures and charts of a period."""
        problems: dict[str, str] = {}
        try:
            period = self._period(request, staff)
        except InvalidSettings as refusal:
            problems = refusal.fields
            period = check_period(name="", first="", last="", today=_today(staff), otherwise=_OTHERWISE[self._house])
        scope = await self._scope(request, staff)
        overview = await self._read(scope, period)
        asked = lists.filters(request, "from", "to")
        return render(
            staff,
            "overview/overview.html",
            title="Overview",
            section="overview",
            status=422 if problems else 200,
            overview=overview,
            period=period,
            whole=overview.whole,
            panels=scope.panels(overview),
            period_links=[(name, _PERIOD_WORDS[name]) for name in PERIODS],
            problems=problems,
            asked=asked if problems or not period.name else {},
            of_whom=scope.query,
            choices=scope.choices,
            kept=_kept(scope, period),
            path=f"{staff.prefix}/overview",
        )

    async def picture(self, request: Request, staff: SignedIn) -> Response:
        """Draw a chart."""
        panel = await self._panel(request, staff, by_day=False)
        is_wide = request.query_params.get("size") != "narrow"
        drawn = await asyncio.to_thread(charts.draw, panel.chart, is_wide=is_wide)
        return Response(drawn, media_type="image/svg+xml", headers=_HEADERS)

    async def file(self, request: Request, staff: SignedIn) -> Response:
        """Give the numbers of a chart, day by day, as a file."""
        panel = await self._panel(request, staff, by_day=True, is_taken=True)
        return lists.csv_answer(f"overview-{panel.key}.csv", panel.file_headings, panel.file_rows())

    async def _panel(self, request: Request, staff: SignedIn, *, by_day: bool, is_taken: bool = False) -> Panel:
        name = request.path_params["name"]
        period = self._period(request, staff)
        scope = await self._scope(request, staff)

        def named(overview: Overview) -> Panel:
            for panel in scope.panels(overview):
                if panel.key == name:
                    return panel
            raise NotFound

        return named(
            await self._read(
                scope,
                period,
                by_day=by_day,
                one_by_one=name == "institutions",
                download=staff.takes(f"overview, {name}", dict(_kept(scope, period))) if is_taken else None,
                rows_of=lambda overview: len(list(named(overview).file_rows())),
            )
        )

    async def _read(
        self,
        scope: _Scope,
        period: Period,
        *,
        by_day: bool = False,
        one_by_one: bool = True,
        download: Download | None = None,
        rows_of: Callable[[Overview], int] = lambda _: 0,
    ) -> Overview:
        several = one_by_one and self._house is House.PARTNER and scope.chosen is None
        return await read_overview(
            self._services,
            scope.ids,
            period,
            one_by_one=several,
            by_day=by_day,
            download=download,
            rows_of=rows_of,
        )

    async def _scope(self, request: Request, staff: SignedIn) -> _Scope:
        if self._house is House.INSTITUTION:
            return _Scope(institutions=(), chosen=None, ids=(staff.institution_id,))
        found = tuple(await institutions_of_partner(self._services, staff.institution_id))
        wanted = request.query_params.get("institution", "")
        if not wanted:
            return _Scope(institutions=found, chosen=None, ids=tuple(one.institution_id for one in found))
        for one in found:
            if one.public_id == wanted:
                return _Scope(institutions=found, chosen=one, ids=(one.institution_id,))
        raise NotFound

    def _period(self, request: Request, staff: SignedIn) -> Period:
        asked = lists.filters(request, "range", "from", "to")
        return check_period(
            name=asked["range"],
            first=asked["from"],
            last=asked["to"],
            today=_today(staff),
            otherwise=_OTHERWISE[self._house],
        )


def routes(services: Services, house: House) -> list[PortalRoute]:
    """Give the routes of the overview, for a portal."""
    pages = OverviewPages(services, house)
    path, name = f"{PORTAL_PATH[house]}/overview", PORTAL[house]
    everybody = ROLES[house]
    return [
        route_of(house, path, pages.show, role=everybody, name=f"{name}.overview"),
        route_of(house, f"{path}/chart/{{name}}.svg", pages.picture, role=everybody, name=f"{name}.overview_chart"),
        route_of(house, f"{path}/{{name}}.csv", pages.file, role=everybody, name=f"{name}.overview_csv"),
    ]


def _today(staff: SignedIn) -> date:
    return day_of(staff.moment)


def _kept(scope: _Scope, period: Period) -> list[tuple[str, str]]:
    """Give the query of pictures and files that are of the same period and institution."""
    if period.name:
        return [*scope.query, ("range", period.name)]
    return [*scope.query, ("from", period.first.isoformat()), ("to", period.last.isoformat())]
