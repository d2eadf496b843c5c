"""Deciding about an app's access: a page that says what it stops and what is expected of it, and asks for a reason."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.domain.application import MOVES, AppDecision, decisions_about
from consentry.domain.refusal.institution import ChangedMeanwhile, InvalidSettings
from consentry.domain.refusal.request import NotFound
from consentry.domain.staff import Role
from consentry.usecases.application.decide import decide_about_app
from consentry.usecases.application.show import ShownApp, show_app
from consentry.usecases.services import Services
from consentry.web.errors import page_status
from consentry.web.html.forms import read_form
from consentry.web.portal.doors import PortalRoute, portal_route
from consentry.web.portal.receivers.apps import DECISION_WORDS, app_page, shown_name
from consentry.web.portal.rendering import render
from consentry.web.portal.segments import id_of, segment
from consentry.web.portal.signed_in import SignedIn

_STOPS: Final = frozenset({AppDecision.DISABLE, AppDecision.REFUSE})


@dataclass(frozen=True, slots=True)
class _Typed:
    reason: str = ""
    problem: str = ""


class AppDecisionPages:
    """The pages on which admins let apps in or stop them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def ask(self, request: Request, staff: SignedIn) -> Response:
        """Show what a decision would do, and ask for the reason."""
        decision, shown = await self._asked(request, staff)
        if decision not in decisions_about(shown.details.app.status):
            return _changed(staff, shown)
        return _question(staff, shown, decision, _Typed())

    async def decide(self, request: Request, staff: SignedIn) -> Response:
        """Take a decision."""
        decision, shown = await self._asked(request, staff)
        app = shown.details.app
        reason = (await read_form(request)).text("reason")
        try:
            await decide_about_app(
                self._services, staff.institution_id, app.application_id, decision, reason=reason, actor=staff.actor
            )
        except InvalidSettings as refusal:
            return _question(staff, shown, decision, _Typed(reason, refusal.fields["reason"]))
        except ChangedMeanwhile:
            return _changed(staff, await show_app(self._services, staff.institution_id, app.application_id))
        path = f"{staff.prefix}/apps/{segment(app.application_id)}?notice={decision}"
        return RedirectResponse(path, status_code=303)

    async def _asked(self, request: Request, staff: SignedIn) -> tuple[AppDecision, ShownApp]:
        decision = next((known for known in AppDecision if known.value == request.path_params["decision"]), None)
        if decision is None:
            raise NotFound
        shown = await show_app(self._services, staff.institution_id, id_of(request.path_params["app"]), most=1)
        return decision, shown


def routes(services: Services) -> list[PortalRoute]:
    """Give the routes of the pages that decide."""
    pages = AppDecisionPages(services)
    path = "/admin/apps/{app}/{decision}"
    return [
        portal_route(path, pages.ask, role=Role.ADMIN, name="portal.app_decision"),
        portal_route(path, pages.decide, role=Role.ADMIN, methods=("POST",), name="portal.decide_about_app"),
    ]


def _question(staff: SignedIn, shown: ShownApp, decision: AppDecision, typed: _Typed) -> Response:
    app = shown.details.app
    place = f"{staff.prefix}/apps/{segment(app.application_id)}"
    return render(
        staff,
        "receivers/app_decision.html",
        title=f"{DECISION_WORDS[decision]} {shown_name(app)}?",
        section="apps",
        status=422 if typed.problem else 200,
        trail=((f"{staff.prefix}/apps", "Apps"), (place, shown_name(app))),
        app=app,
        place=place,
        decision=decision,
        move=MOVES[decision],
        button=DECISION_WORDS[decision],
        stops=decision in _STOPS,
        counted_until=shown.counted_until,
        typed=typed,
    )


def _changed(staff: SignedIn, shown: ShownApp) -> Response:
    """Show an app as it is now to somebody who decided about how it was."""
    refusal = ChangedMeanwhile()
    return app_page(staff, shown, problem=refusal.description, status=page_status(refusal))
