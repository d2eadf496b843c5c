"""Serves the public keys of an institution's receipts, as a JSON Web Key Set (RFC 7517): with them anybody verifies."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consentry.domain.refusal.institution import UnknownInstitution
from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.store.session import Session
from consentry.usecases.receipt.keys import receipt_public_keys
from consentry.web import errors
from consentry.web.consent_api.answers import refusal_body

_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
_FRESH: Final = "public, max-age=300"


def routes(session: Session) -> list[Route]:
    """Give `/receipts/{institution}/keys`; it needs no credentials and tells nothing of any customer."""
    return [Route("/receipts/{institution}/keys", _keys(session), methods=["GET"], name="receipt_keys")]


def _keys(session: Session) -> Callable[[Request], Awaitable[Response]]:
    async def keys(request: Request) -> Response:
        try:
            found = await receipt_public_keys(session, institution=request.path_params["institution"])
        except UnknownInstitution:
            raise HTTPException(404) from None
        except TemporarilyUnavailable as refusal:
            return _answer(
                refusal_body(refusal),
                status=errors.CONSENT_API[TemporarilyUnavailable],
                headers={"Cache-Control": "no-store", "Retry-After": str(errors.RETRY_AFTER_SECONDS)},
                media_type="application/json; charset=utf-8",
            )
        body = msgspec.json.encode({"keys": [msgspec.Raw(key.encode()) for key in found.values()]})
        return _answer(body, status=200, headers={"Cache-Control": _FRESH}, media_type="application/jwk-set+json")

    return keys


def _answer(body: bytes, *, status: int, headers: dict[str, str], media_type: str) -> Response:
    return Response(body, status_code=status, headers={**_HEADERS, **headers}, media_type=media_type)
