"""One consent: as its customer sees it, its timeline, its receipt; and the form that stops it."""

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.domain.consent import CustomerConsents
from consentry.domain.refusal import Refusal
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.refusal.request import ConsentNotActive, ReadOnlyConsent
from consentry.usecases.customer.stop import stop_for_customer
from consentry.usecases.customer.timeline import ConsentTimeline, consent_timeline
from consentry.usecases.services import Services
from consentry.web.embed.downloads import receipt_answer
from consentry.web.embed.wording import DashboardNames
from consentry.web.html.forms import read_form
from consentry.web.portal.customers.as_seen import ENGLISH, SeenConsent, seen_consent
from consentry.web.portal.customers.looked import Visit
from consentry.web.portal.customers.one import MAY_CHANGE
from consentry.web.portal.customers.timeline import timeline_of, who
from consentry.web.portal.lists import told_of
from consentry.web.receipts.files import OfInstitution, make_receipt

_TOLD: Final = {
    "stopped": "Sharing has stopped. The app reads nothing more; the customer sees that the bank did it, and why."
}


class ConsentPages:
    """The pages of one consent."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def show(self, request: Request, visit: Visit) -> Response:
        """Show a consent with all that happened to it."""
        found = await self._find(request, visit)
        consent = found.history.consent
        return visit.show(
            "customers/consent.html",
            title=_seen(found).card.consent.application_name or consent.application_id,
            told=told_of(request, _TOLD),
            seen=_seen(found),
            consent=consent,
            app=found.app,
            lines=timeline_of(found),
            ended_by=who(consent.revoked_by, None, {}) if consent.revoked_by else "",
            path=_path(visit, consent.consent_id),
            may_change=visit.staff.role in MAY_CHANGE,
        )

    async def receipt_pdf(self, request: Request, visit: Visit) -> Response:
        """Give the receipt as PDF."""
        return await self._receipt(request, visit, is_pdf=True)

    async def receipt_json(self, request: Request, visit: Visit) -> Response:
        """Give the receipt as signed data."""
        return await self._receipt(request, visit, is_pdf=False)

    async def ask_to_stop(self, request: Request, visit: Visit) -> Response:
        """Say what stopping does, and ask why."""
        found = await self._find(request, visit)
        if not _seen(found).can_be_stopped:
            return RedirectResponse(_path(visit, found.history.consent.consent_id), status_code=303)
        return _ask(visit, found, reason="", problem="")

    async def stop(self, request: Request, visit: Visit) -> Response:
        """Stop sharing on the customer's behalf."""
        found = await self._find(request, visit)
        consent_id, reason = found.history.consent.consent_id, (await read_form(request)).text("reason")
        try:
            await stop_for_customer(
                self._services,
                visit.staff.institution_id,
                visit.customer_id,
                consent_id=consent_id,
                reason=reason,
                actor=visit.staff.actor,
            )
        except InvalidSettings as refusal:
            return _ask(visit, found, reason=reason, problem=refusal.fields["reason"])
        except (ConsentNotActive, ReadOnlyConsent) as refusal:
            return _ask(visit, await self._find(request, visit), reason=reason, refused=refusal)
        return RedirectResponse(f"{_path(visit, consent_id)}?notice=stopped", status_code=303)

    async def _find(self, request: Request, visit: Visit) -> ConsentTimeline:
        return await consent_timeline(
            self._services,
            visit.staff.institution_id,
            visit.customer_id,
            consent_id=request.path_params["consent"],
        )

    async def _receipt(self, request: Request, visit: Visit, *, is_pdf: bool) -> Response:
        found = await self._find(request, visit)
        made = await make_receipt(
            self._services,
            OfInstitution(visit.staff.institution_id),
            found.history.consent.consent_id,
            actor=visit.staff.actor,
            language=ENGLISH,
            names=DashboardNames(),
        )
        return receipt_answer(made, is_pdf=is_pdf)


def _ask(
    visit: Visit, found: ConsentTimeline, *, reason: str, problem: str = "", refused: Refusal | None = None
) -> Response:
    """Ask to stop a consent, or say why that can't be done any more."""
    seen = _seen(found)
    return visit.show(
        "customers/stop.html",
        title=f"Stop sharing with {seen.card.consent.application_name}",
        status=409 if refused else 422 if problem else 200,
        seen=seen,
        block=found.block,
        path=_path(visit, found.history.consent.consent_id),
        reason=reason,
        problem=problem,
        refused=refused,
    )


def _seen(found: ConsentTimeline) -> SeenConsent:
    told = found.history.found
    return seen_consent(CustomerConsents((told.consent,), told.accounts, told.moment), is_held=not found.app.has_access)


def _path(visit: Visit, consent_id: str) -> str:
    return f"{visit.path}/consents/{consent_id}"
