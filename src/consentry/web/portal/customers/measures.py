"""What staff do about a customer as a whole: stop all sharing, block new connections, gather evidence."""

import re
from datetime import UTC
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.refusal.request import ConsentNotActive, InvalidRequest, UnknownConsent
from consentry.domain.refusal.staff import EvidenceBusy
from consentry.domain.staff import check_reason
from consentry.usecases.consent.evidence import EvidenceOrder, make_evidence
from consentry.usecases.customer.block import block_customer, unblock_customer
from consentry.usecases.customer.get import get_customer
from consentry.usecases.customer.stop_all import stop_all_for_customer
from consentry.usecases.receipt.make import SignedReceipt
from consentry.usecases.services import Services
from consentry.web.embed.wording import DashboardNames
from consentry.web.errors import page_status
from consentry.web.html.forms import read_form
from consentry.web.portal.customers.as_seen import ENGLISH, seen_listing
from consentry.web.portal.customers.looked import Visit
from consentry.web.portal.refusing import headers_of
from consentry.web.receipts.composing import wording_of
from consentry.web.receipts.files import pdf_of
from consentry.web.safety.places import EvidencePlaces

_NOTHING = "Nothing is kept of this customer's consents, so there is no evidence."
_BLOCKING: Final = {"blocked": (block_customer, "blocked"), "allowed": (unblock_customer, "unblocked")}


class MeasurePages:
    """Forms that ask why, and do it."""

    def __init__(self, services: Services, places: EvidencePlaces) -> None:
        self._services = services
        self._places = places

    async def ask_to_stop_all(self, _: Request, visit: Visit) -> Response:
        """Say what stopping all does, with all that it stops, and ask why."""
        return await self._ask_to_stop_all(visit)

    async def stop_all(self, request: Request, visit: Visit) -> Response:
        """Stop all sharing on the customer's behalf."""
        reason = (await read_form(request)).text("reason")
        staff = visit.staff
        try:
            done = await stop_all_for_customer(
                self._services, staff.institution_id, visit.customer_id, reason=reason, actor=staff.actor
            )
        except InvalidSettings as refusal:
            return await self._ask_to_stop_all(visit, reason=reason, problem=refusal.fields["reason"])
        except ConsentNotActive:
            return await self._ask_to_stop_all(visit, reason=reason, has_ended=True)
        return visit.back("some_stopped" if done.still_live else "stopped_all")

    async def ask_to_block(self, _: Request, visit: Visit) -> Response:
        """Say what a block does, or what lifting it does, and ask why."""
        return await self._ask_to_block(visit)

    async def block(self, request: Request, visit: Visit) -> Response:
        """Block new connections, or allow them again: `wanted` is `blocked` or `allowed`.

        Raises:
            InvalidRequest: it is neither.
        """
        form = await read_form(request)
        reason, wanted, staff = form.text("reason"), form.text("wanted"), visit.staff
        if wanted not in _BLOCKING:
            raise InvalidRequest("The form says neither to block nor to allow; reload the page and try again.")
        act, done = _BLOCKING[wanted]
        try:
            changed = await act(
                self._services, staff.institution_id, visit.customer_id, reason=reason, actor=staff.actor
            )
        except InvalidSettings as refusal:
            return await self._ask_to_block(visit, wanted=wanted, reason=reason, problem=refusal.fields["reason"])
        return visit.back(done if changed else f"{done}_already")

    async def ask_for_evidence(self, _: Request, visit: Visit) -> Response:
        """Say what evidence is, and ask what for."""
        return _ask_for_evidence(visit)

    async def evidence(self, request: Request, visit: Visit) -> Response:
        """Give everything about the customer's consents as one signed file."""
        given = (await read_form(request)).text("reason")
        names = DashboardNames()

        def draw(signed: SignedReceipt) -> bytes:
            return pdf_of(signed, ENGLISH, names)

        try:
            order = EvidenceOrder(
                institution_id=visit.staff.institution_id,
                customer_id=visit.customer_id,
                actor=visit.staff.actor,
                reason=check_reason(given),
                wording=wording_of(ENGLISH, names),
                draw=draw,
            )
            with self._places.taken(str(visit.staff.member_id)):
                made = await make_evidence(self._services, order)
        except InvalidSettings as refusal:
            return _ask_for_evidence(visit, reason=given, problem=refusal.fields["reason"])
        except UnknownConsent:
            return _ask_for_evidence(visit, reason=given, problem=_NOTHING)
        except EvidenceBusy as refusal:
            return _ask_for_evidence(visit, reason=given, refused=refusal)
        return Response(made.archive, media_type="application/zip", headers=_file_headers(visit))

    async def _ask_to_stop_all(
        self, visit: Visit, *, reason: str = "", problem: str = "", has_ended: bool = False
    ) -> Response:
        found = await get_customer(self._services, visit.staff.institution_id, visit.customer_id)
        seen = seen_listing(found.customer, held=found.held)
        return visit.show(
            "customers/stop_all.html",
            title="Stop all sharing",
            block=found.block,
            status=409 if has_ended else 422 if problem else 200,
            seen=seen,
            reason=reason,
            problem=problem,
            has_ended=has_ended or not seen.stoppable,
        )

    async def _ask_to_block(self, visit: Visit, *, wanted: str = "", reason: str = "", problem: str = "") -> Response:
        """Ask for what was wanted, whatever colleagues did meanwhile; of who opens the page, for the other state."""
        found = await get_customer(self._services, visit.staff.institution_id, visit.customer_id)
        wanted = wanted or ("blocked" if found.block is None else "allowed")
        return visit.show(
            "customers/block.html",
            title="Block new connections" if wanted == "blocked" else "Allow new connections",
            status=422 if problem else 200,
            wanted=wanted,
            block=found.block,
            reason=reason,
            problem=problem,
        )


def _ask_for_evidence(
    visit: Visit, *, reason: str = "", problem: str = "", refused: EvidenceBusy | None = None
) -> Response:
    return visit.show(
        "customers/evidence.html",
        title="Download evidence",
        status=page_status(refused) if refused else 422 if problem else 200,
        headers=headers_of(refused) if refused else None,
        refused=refused,
        reason=reason,
        problem=problem,
    )


def _file_headers(visit: Visit) -> dict[str, str]:
    """Give the headers of the file; its name has of the customer's id what every system of files takes."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", visit.customer_id)[:60].strip("-") or "customer"
    day = visit.staff.moment.astimezone(UTC)
    return {
        "Content-Disposition": f'attachment; filename="evidence-{safe}-{day:%Y%m%d}.zip"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    }
