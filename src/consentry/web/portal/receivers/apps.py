"""Apps: the list of those that receive data or want to, and each of them with the log of its access."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from consentry.domain.application import AppDecision, ApplicationStatus, decisions_about
from consentry.domain.importing import is_visible_id
from consentry.domain.staff import ROLES, House, Role
from consentry.store.applications import AppOrder, AppSearch, ListedApp
from consentry.usecases.application.list_all import list_app_filters, list_apps
from consentry.usecases.application.show import ShownApp, ShownDecision, show_app
from consentry.usecases.services import Services
from consentry.web.embed.cards import visible
from consentry.web.portal.doors import PortalRoute, portal_route
from consentry.web.portal.lists import (
    MOST_IN_CSV,
    PAGE,
    after_of,
    csv_answer,
    filters,
    following_of,
    id_in,
    moment_of,
    told_of,
)
from consentry.web.portal.rendering import render
from consentry.web.portal.segments import id_of
from consentry.web.portal.signed_in import SignedIn
from consentry.web.portal.words import actor_words, second

STATUS_WORDS: Final = {
    ApplicationStatus.ACTIVE: "Active",
    ApplicationStatus.NEEDS_REVIEW: "Needs review",
    ApplicationStatus.DISABLED: "Disabled",
}
DECISION_WORDS: Final = {
    AppDecision.APPROVE: "Approve",
    AppDecision.REFUSE: "Refuse",
    AppDecision.ENABLE: "Enable",
    AppDecision.DISABLE: "Disable",
}
ORDER_WORDS: Final = {
    AppOrder.NAME: "Name",
    AppOrder.NEWEST: "Newest first",
    AppOrder.CUSTOMERS: "Most customers first",
}
_TOLD: Final = {
    "disable": "The app is disabled: nothing is answered to it from now on. Its customers' consents stay.",
    "enable": "The app is enabled: it is answered again, with the consents that its customers have given.",
    "approve": "The app is approved, and is answered from now on.",
    "refuse": "The app is refused: nothing is answered to it. You can enable it later.",
}
_LOG_PAGE: Final = 20
_READ: Final[Mapping[AppOrder, Callable[[str], str | int | datetime]]] = {
    AppOrder.NAME: str,
    AppOrder.NEWEST: moment_of,
    AppOrder.CUSTOMERS: lambda text: int(text[:18]),
}


class AppPages:
    """The list of apps, and one of them, for everybody on the staff."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def show_list(self, request: Request, staff: SignedIn) -> Response:
        """Show a page of the apps that are asked for."""
        asked = asked_of(request)
        order = order_of(asked["sort"])
        found = await list_apps(
            self._services,
            staff.institution_id,
            search_of(asked),
            order=order,
            after=after_of(request, _READ[order]),
            most=PAGE,
        )
        choices = await list_app_filters(self._services, staff.institution_id)
        return render(
            staff,
            "receivers/apps.html",
            title="Apps",
            section="apps",
            asked=asked,
            order=order,
            found=found,
            intermediary_choices=_named(choices.intermediaries, asked["intermediary"]),
            category_choices=[(each, each) for each in choices.categories if each.isprintable()],
            is_filtered=any(asked[name] for name in ("name", "status", "intermediary", "category")),
            statuses=STATUS_WORDS,
            orders=ORDER_WORDS,
            most_in_csv=MOST_IN_CSV,
            following=following_of(found.after),
        )

    async def list_csv(self, request: Request, staff: SignedIn) -> Response:
        """Answer with the apps that are asked for, as a file."""
        asked = asked_of(request)
        found = await list_apps(
            self._services,
            staff.institution_id,
            search_of(asked),
            order=order_of(asked["sort"]),
            most=MOST_IN_CSV,
            download=staff.takes("apps", asked),
        )
        as_of = second(found.counted_until)
        return csv_answer("apps.csv", APP_HEADINGS, (app_row(app, as_of) for app in found.apps))

    async def show_one(self, request: Request, staff: SignedIn) -> Response:
        """Show an app with its log."""
        shown = await show_app(
            self._services,
            staff.institution_id,
            id_of(request.path_params["app"]),
            before=id_in(request.query_params.get("after", "")),
            most=_LOG_PAGE,
        )
        return app_page(staff, shown, told=told_of(request, _TOLD))

    async def log_csv(self, request: Request, staff: SignedIn) -> Response:
        """Answer with the log of an app, as a file."""
        app_id = id_of(request.path_params["app"])
        shown = await show_app(
            self._services,
            staff.institution_id,
            app_id,
            most=MOST_IN_CSV,
            download=staff.takes("log of an app", subject=("application", app_id)),
        )
        app = shown.details.app
        headings = ("App", "Name", "At (UTC)", "Before", "After", "Reason", "Customers", "By", "Who")
        return csv_answer(
            "app-log.csv",
            headings,
            (
                (
                    app.application_id,
                    app.name,
                    second(each.decision.at),
                    each.decision.status_before.value,
                    each.decision.status_after.value,
                    each.decision.reason,
                    each.decision.customers,
                    each.decision.actor_kind,
                    each.who or each.decision.actor_id,
                )
                for each in shown.log
            ),
        )


APP_HEADINGS: Final = (
    "App",
    "Name",
    "Status",
    "Reason",
    "Intermediary",
    "Intermediary's name",
    "Intermediary's status",
    "Category",
    "Customers",
    "Live consents",
    "Counted (UTC)",
    "Added (UTC)",
)


def routes(services: Services) -> list[PortalRoute]:
    """Give the routes of the pages that only show apps."""
    pages = AppPages(services)
    everybody = ROLES[House.INSTITUTION]
    return [
        portal_route("/admin/apps", pages.show_list, role=everybody, name="portal.apps"),
        portal_route("/admin/apps.csv", pages.list_csv, role=everybody, name="portal.apps_csv"),
        portal_route("/admin/apps/{app}", pages.show_one, role=everybody, name="portal.app"),
        portal_route("/admin/apps/{app}/log.csv", pages.log_csv, role=everybody, name="portal.app_log_csv"),
    ]


def app_page(staff: SignedIn, shown: ShownApp, *, told: str = "", problem: str = "", status: int = 200) -> Response:
    """Give the page of one app; `problem` is why something was refused."""
    app = shown.details.app
    return render(
        staff,
        "receivers/app.html",
        title=shown_name(app),
        section="apps",
        status=status,
        trail=((f"{staff.prefix}/apps", "Apps"),),
        told=told,
        problem=problem,
        details=shown.details,
        app=app,
        log=shown.log,
        who=who,
        counted_until=shown.counted_until,
        decisions=decisions_about(app.status) if staff.role is Role.ADMIN else (),
        decision_words=DECISION_WORDS,
        statuses=STATUS_WORDS,
        following=None if shown.before is None else {"after": shown.before},
    )


def shown_name(app: ListedApp) -> str:
    """Give the name of an app without controls, which could turn a sentence around (R83); its id if that is empty."""
    return visible(app.name) or app.application_id


def who(shown: ShownDecision) -> str:
    """Say who took a decision."""
    return shown.who or actor_words(shown.decision.actor_kind)


def asked_of(request: Request) -> dict[str, str]:
    """Give what a list's address asks for, as texts; an intermediary is named by its id."""
    asked = filters(request, "name", "status", "category", "sort")
    wanted = request.query_params.get("intermediary", "")
    return {**asked, "intermediary": wanted if is_visible_id(wanted) else ""}


def search_of(asked: Mapping[str, str]) -> AppSearch:
    """Give what a list's address asks for; what it can't be is left out."""
    return AppSearch(
        name=asked["name"] or None,
        status=next((known for known in ApplicationStatus if known.value == asked["status"]), None),
        intermediary_id=asked["intermediary"] or None,
        category=asked["category"] or None,
    )


def order_of(text: str) -> AppOrder:
    """Give the order that a list's address asks for."""
    return next((order for order in AppOrder if order.value == text), AppOrder.NAME)


def app_row(app: ListedApp, as_of: str) -> tuple[object, ...]:
    """Give an app as a row of a file."""
    return (
        app.application_id,
        app.name,
        app.status.value,
        app.status_reason,
        app.intermediary_id,
        app.intermediary,
        app.intermediary_status,
        app.category,
        app.customers,
        app.live_consents,
        as_of,
        second(app.created_at),
    )


def _named(intermediaries: Iterable[tuple[str, str]], wanted: str) -> list[tuple[str, str]]:
    """Give intermediaries to choose from, by their ids; the one that is asked for is always among them."""
    named = {intermediary_id: visible(name) or intermediary_id for intermediary_id, name in intermediaries}
    return list((named if not wanted else {wanted: wanted, **named}).items())
