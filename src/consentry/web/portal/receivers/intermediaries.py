"""Intermediaries: the list, and each of them with what is set, its apps, its tokens and what was done about it."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from consentry.domain.application import IntermediaryStatus
from consentry.domain.intermediary import Approval, Intermediary
from consentry.domain.staff import ROLES, House, Role
from consentry.store.applications import AppSearch
from consentry.store.intermediaries import IntermediaryOrder, IntermediarySearch
from consentry.usecases.application.list_all import ListedApps, list_apps
from consentry.usecases.intermediary.list_all import list_intermediaries
from consentry.usecases.intermediary.show import ShownAct, ShownIntermediary, show_intermediary
from consentry.usecases.services import Services
from consentry.web.embed.cards import visible
from consentry.web.portal.audit_words import action_words
from consentry.web.portal.doors import PortalRoute, portal_route
from consentry.web.portal.lists import (
    MOST_IN_CSV,
    PAGE,
    after_of,
    csv_answer,
    filters,
    following_of,
    moment_of,
    told_of,
)
from consentry.web.portal.rendering import render
from consentry.web.portal.segments import id_of, segment
from consentry.web.portal.signed_in import SignedIn
from consentry.web.portal.words import actor_words, second

PATH: Final = "/admin/intermediaries"
TRAIL: Final = ((PATH, "Intermediaries"),)
STATUS_WORDS: Final = {IntermediaryStatus.ACTIVE: "Active", IntermediaryStatus.DISABLED: "Disabled"}
APPROVAL_WORDS: Final = {Approval.BY_HAND: "By hand", Approval.AUTOMATIC: "Automatically"}
_ORDER_WORDS: Final = {IntermediaryOrder.NAME: "Name", IntermediaryOrder.NEWEST: "Newest first"}
_TOLD: Final = {
    "added": "The intermediary is added. Issue its token when it is to register apps.",
    "changed": "What you set is saved.",
    "disable": "The intermediary is disabled: nothing is answered to its apps from now on. Consents stay.",
    "enable": "The intermediary is enabled: its active apps are answered again.",
}
_FIELDS: Final = {
    "name": "name",
    "logo_url": "logo",
    "contacts": "number of contacts",
    "contacts_changed": "contacts",
    "request_limit": "request limit",
    "allowed_networks": "allowed networks",
    "approval": "approval of new apps",
}


class IntermediaryPages:
    """The list of intermediaries, and one of them, for everybody on the staff."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def show_list(self, request: Request, staff: SignedIn) -> Response:
        """Show a page of the intermediaries that are asked for."""
        asked = filters(request, "name", "status", "approval", "sort")
        order = _order_of(asked["sort"])
        found = await list_intermediaries(
            self._services,
            staff.institution_id,
            _search_of(asked),
            order=order,
            after=after_of(request, str if order is IntermediaryOrder.NAME else moment_of),
            most=PAGE,
        )
        return render(
            staff,
            "receivers/intermediaries.html",
            title="Intermediaries",
            section="intermediaries",
            told=told_of(request, _TOLD),
            asked=asked,
            order=order,
            found=found,
            is_filtered=any(asked[name] for name in ("name", "status", "approval")),
            statuses=STATUS_WORDS,
            approvals=APPROVAL_WORDS,
            orders=_ORDER_WORDS,
            may_change=staff.role is Role.ADMIN,
            following=following_of(found.after),
        )

    async def list_csv(self, request: Request, staff: SignedIn) -> Response:
        """Answer with the intermediaries that are asked for, as a file."""
        asked = filters(request, "name", "status", "approval", "sort")
        found = await list_intermediaries(
            self._services,
            staff.institution_id,
            _search_of(asked),
            order=_order_of(asked["sort"]),
            most=MOST_IN_CSV,
            download=staff.takes("intermediaries", asked),
        )
        headings = ("Intermediary", "Name", "Status", "Apps", "New apps", "Added (UTC)")
        return csv_answer(
            "intermediaries.csv",
            headings,
            (
                (
                    each.intermediary_id,
                    each.name,
                    each.status.value,
                    "more than 1000" if each.apps > 1000 else each.apps,
                    each.approval.value,
                    second(each.created_at),
                )
                for each in found.intermediaries
            ),
        )

    async def show_one(self, request: Request, staff: SignedIn) -> Response:
        """Show an intermediary."""
        intermediary_id = id_of(request.path_params["intermediary"])
        shown = await show_intermediary(self._services, staff.institution_id, intermediary_id)
        its_apps = await list_apps(
            self._services,
            staff.institution_id,
            AppSearch(intermediary_id=intermediary_id),
            after=after_of(request, str),
            most=PAGE,
        )
        return intermediary_page(staff, shown, its_apps, told=told_of(request, _TOLD))


def routes(services: Services) -> list[PortalRoute]:
    """Give the routes of the pages that only show intermediaries."""
    pages = IntermediaryPages(services)
    everybody = ROLES[House.INSTITUTION]
    return [
        portal_route(PATH, pages.show_list, role=everybody, name="portal.intermediaries"),
        portal_route(f"{PATH}.csv", pages.list_csv, role=everybody, name="portal.intermediaries_csv"),
        portal_route(f"{PATH}/{{intermediary}}", pages.show_one, role=everybody, name="portal.intermediary"),
    ]


async def changed_page(
    services: Services, staff: SignedIn, intermediary_id: str, *, problem: str, status: int
) -> Response:
    """Show an intermediary as it is now to somebody whose decision was refused."""
    shown = await show_intermediary(services, staff.institution_id, intermediary_id)
    its_apps = await list_apps(services, staff.institution_id, AppSearch(intermediary_id=intermediary_id), most=PAGE)
    return intermediary_page(staff, shown, its_apps, problem=problem, status=status)


def intermediary_page(
    staff: SignedIn,
    shown: ShownIntermediary,
    its_apps: ListedApps,
    *,
    told: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    """Give the page of one intermediary; `problem` is why something was refused."""
    return render(
        staff,
        "receivers/intermediary.html",
        title=name_of(shown.intermediary),
        section="intermediaries",
        status=status,
        trail=TRAIL,
        told=told,
        problem=problem,
        shown=shown,
        one=shown.intermediary,
        its_apps=its_apps,
        statuses=STATUS_WORDS,
        approvals=APPROVAL_WORDS,
        acts=[(act, action_words(act.action), _what(act), _who(act)) for act in shown.acts],
        may_change=staff.role is Role.ADMIN,
        following=following_of(its_apps.after),
    )


def name_of(one: Intermediary) -> str:
    """Give the name of an intermediary without controls (R83); its id if it is none."""
    return visible(one.settings.name) or one.intermediary_id


def place_of(intermediary_id: str) -> str:
    """Give the path of an intermediary's page."""
    return f"{PATH}/{segment(intermediary_id)}"


def trail_to(one: Intermediary) -> tuple[tuple[str, str], ...]:
    """Give the trail of the pages below an intermediary's own."""
    return (*TRAIL, (place_of(one.intermediary_id), name_of(one)))


def _what(act: ShownAct) -> str:
    if act.changed:
        return ", ".join(_FIELDS.get(name, name) for name in act.changed).capitalize()
    return act.reason


def _who(act: ShownAct) -> str:
    return act.who or actor_words(act.actor_kind)


def _search_of(asked: Mapping[str, str]) -> IntermediarySearch:
    return IntermediarySearch(
        name=asked["name"] or None,
        status=next((known for known in IntermediaryStatus if known.value == asked["status"]), None),
        approval=next((known for known in Approval if known.value == asked["approval"]), None),
    )


def _order_of(text: str) -> IntermediaryOrder:
    return next((order for order in IntermediaryOrder if order.value == text), IntermediaryOrder.NAME)
