"""Stopping an intermediary and letting it in again, and the tokens with which it registers apps: for admins.

A new token stands in the answer to the form that made it and nowhere else; asking for that answer again makes nothing.
"""

from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.domain.application import IntermediaryStatus
from consentry.domain.refusal.institution import ChangedMeanwhile, InvalidSettings
from consentry.domain.refusal.request import NotFound
from consentry.domain.staff import Role
from consentry.usecases.intermediary.issue_token import issue_registration_token
from consentry.usecases.intermediary.set_status import set_intermediary_status
from consentry.usecases.intermediary.show import ShownIntermediary, show_intermediary
from consentry.usecases.services import Services
from consentry.web.errors import page_status
from consentry.web.html.forms import read_form
from consentry.web.portal.doors import PortalRoute, portal_route
from consentry.web.portal.receivers.intermediaries import PATH, changed_page, name_of, place_of, trail_to
from consentry.web.portal.rendering import render
from consentry.web.portal.segments import id_of
from consentry.web.portal.signed_in import SignedIn

_DECISIONS: Final = {"disable": IntermediaryStatus.DISABLED, "enable": IntermediaryStatus.ACTIVE}
_OVERLAPS: Final = {"day": timedelta(hours=24), "none": timedelta(0)}


class IntermediaryDecisionPages:
    """The pages on which admins stop intermediaries, let them in, and hand out tokens."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def ask(self, request: Request, staff: SignedIn) -> Response:
        """Show what stopping or letting in would do, and ask for the reason."""
        decision, shown = await self._asked(request, staff)
        if shown.intermediary.status is _DECISIONS[decision]:
            return await self._changed(staff, shown.intermediary.intermediary_id)
        return _question(staff, shown, decision)

    async def decide(self, request: Request, staff: SignedIn) -> Response:
        """Stop an intermediary, or let it in."""
        decision, shown = await self._asked(request, staff)
        reason = (await read_form(request)).text("reason")
        intermediary_id = shown.intermediary.intermediary_id
        try:
            await set_intermediary_status(
                self._services,
                staff.institution_id,
                intermediary_id,
                _DECISIONS[decision],
                reason=reason,
                actor=staff.actor,
            )
        except InvalidSettings as refusal:
            return _question(staff, shown, decision, reason=reason, problem=refusal.fields["reason"])
        except ChangedMeanwhile:
            return await self._changed(staff, intermediary_id)
        return RedirectResponse(f"{place_of(intermediary_id)}?notice={decision}", status_code=303)

    async def ask_about_token(self, request: Request, staff: SignedIn) -> Response:
        """Ask how a token is to be issued or replaced."""
        return _token_form(staff, await self._find(request, staff))

    async def issue_token(self, request: Request, staff: SignedIn) -> Response:
        """Make a token and show it, this once."""
        shown = await self._find(request, staff)
        form = await read_form(request)
        overlap = _OVERLAPS.get(form.text("overlap"))
        if overlap is None:
            return _token_form(staff, shown, problem="Choose when the previous token ends.")
        intermediary_id = shown.intermediary.intermediary_id
        try:
            issued = await issue_registration_token(
                self._services,
                staff.institution_id,
                intermediary_id,
                newest_seen=form.number("newest"),
                overlap=overlap,
                actor=staff.actor,
            )
        except ChangedMeanwhile:
            return await self._changed(staff, intermediary_id)
        return render(
            staff,
            "receivers/intermediary_token_shown.html",
            title="The new token",
            section="intermediaries",
            trail=trail_to(shown.intermediary),
            place=place_of(intermediary_id),
            one=shown.intermediary,
            issued=issued,
        )

    async def _find(self, request: Request, staff: SignedIn) -> ShownIntermediary:
        return await show_intermediary(self._services, staff.institution_id, id_of(request.path_params["intermediary"]))

    async def _asked(self, request: Request, staff: SignedIn) -> tuple[str, ShownIntermediary]:
        decision = request.path_params["decision"]
        if decision not in _DECISIONS:
            raise NotFound
        return decision, await self._find(request, staff)

    async def _changed(self, staff: SignedIn, intermediary_id: str) -> Response:
        refusal = ChangedMeanwhile()
        return await changed_page(
            self._services, staff, intermediary_id, problem=refusal.description, status=page_status(refusal)
        )


def routes(services: Services) -> list[PortalRoute]:
    """Give the routes of the pages; those about tokens go first, because the others take any word."""
    pages = IntermediaryDecisionPages(services)
    token, decision = f"{PATH}/{{intermediary}}/token", f"{PATH}/{{intermediary}}/{{decision}}"
    only, post = Role.ADMIN, ("POST",)
    return [
        portal_route(token, pages.ask_about_token, role=only, name="portal.registration_token", step_up=True),
        portal_route(
            token, pages.issue_token, role=only, methods=post, name="portal.issue_registration_token", step_up=True
        ),
        portal_route(decision, pages.ask, role=only, name="portal.intermediary_decision"),
        portal_route(decision, pages.decide, role=only, methods=post, name="portal.decide_about_intermediary"),
    ]


def _question(
    staff: SignedIn, shown: ShownIntermediary, decision: str, *, reason: str = "", problem: str = ""
) -> Response:
    one = shown.intermediary
    return render(
        staff,
        "receivers/intermediary_decision.html",
        title=f"{decision.capitalize()} {name_of(one)}?",
        section="intermediaries",
        status=422 if problem else 200,
        trail=trail_to(shown.intermediary),
        place=place_of(one.intermediary_id),
        decision=decision,
        stops=decision == "disable",
        one=one,
        reach=shown.reach,
        counted_until=shown.counted_until,
        reason=reason,
        problem=problem,
    )


def _token_form(staff: SignedIn, shown: ShownIntermediary, *, problem: str = "") -> Response:
    return render(
        staff,
        "receivers/intermediary_token.html",
        title="Rotate the token" if shown.live_tokens else "Issue a token",
        section="intermediaries",
        status=422 if problem else 200,
        trail=trail_to(shown.intermediary),
        place=place_of(shown.intermediary.intermediary_id),
        one=shown.intermediary,
        live=shown.live_tokens,
        newest=shown.newest_token,
        problem=problem,
    )
