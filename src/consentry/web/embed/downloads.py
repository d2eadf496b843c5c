"""Receipts for the customer to keep: the PDF to read, or the signed file for programs."""

from typing import Final

from starlette.responses import Response

from consentry.web.embed.turns import Turn
from consentry.web.embed.wording import DashboardNames
from consentry.web.receipts.files import ReceiptFiles, make_receipt

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}


async def download_pdf(turn: Turn) -> Response:
    """Answer with the receipt as PDF, in the page's language."""
    return receipt_answer(await _made(turn), is_pdf=True)


async def download_signed(turn: Turn) -> Response:
    """Answer with the receipt as JSON, signed with the institution's key."""
    return receipt_answer(await _made(turn), is_pdf=False)


async def _made(turn: Turn) -> ReceiptFiles:
    language = turn.frame.language
    return await make_receipt(
        turn.services, turn.subject, turn.consent_id, actor=turn.actor, language=language, names=DashboardNames()
    )


def receipt_answer(made: ReceiptFiles, *, is_pdf: bool) -> Response:
    """Answer with a receipt as a file to keep: the PDF, or the signed JSON."""
    kind = "pdf" if is_pdf else "json"
    headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="receipt-{made.receipt_id}.{kind}"'}
    return Response(made.pdf if is_pdf else made.json, media_type=f"application/{kind}", headers=headers)
