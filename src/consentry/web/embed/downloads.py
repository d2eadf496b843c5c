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
    made = await _made(turn)
    return _file(made.pdf, name=f"{made.receipt_id}.pdf", media_type="application/pdf")


async def download_signed(turn: Turn) -> Response:
    """Answer with the receipt as JSON, signed with the institution's key."""
    made = await _made(turn)
    return _file(made.json, name=f"{made.receipt_id}.json", media_type="application/json")


async def _made(turn: Turn) -> ReceiptFiles:
    language = turn.frame.language
    return await make_receipt(
        turn.services, turn.subject, turn.consent_id, actor=turn.actor, language=language, names=DashboardNames()
    )


def _file(content: bytes, *, name: str, media_type: str) -> Response:
    headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="receipt-{name}"'}
    return Response(content, media_type=media_type, headers=headers)
