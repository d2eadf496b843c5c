"""Pages that say no: with the portal around them for who is signed in, plain for everybody else."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.domain.refusal import Refusal
from consentry.domain.refusal.request import NotFound, TemporarilyUnavailable
from consentry.domain.refusal.staff import InsufficientUserAuthentication, NotAllowed
from consentry.domain.staff import PORTAL_PATH, House
from consentry.web.errors import RETRY_AFTER_SECONDS, error_headers
from consentry.web.front import seen
from consentry.web.portal.rendering import ROLE_WORDS, render, render_outside
from consentry.web.portal.signed_in import SignedIn

_TITLES = {
    NotAllowed: "Your role does not allow this",
    InsufficientUserAuthentication: "Sign in again to go on",
    NotFound: "There is nothing here",
    TemporarilyUnavailable: "Not just now",
}
_SENTENCES = {
    NotFound: "This page does not exist, or what it showed is not yours to see or is gone.",
    TemporarilyUnavailable: "The service cannot answer at the moment. Nothing was changed; try again in a few seconds.",
}


def refused_page(staff: SignedIn | None, refusal: Refusal, *, status: int, back: str = "") -> Response:
    """Say no to somebody who is signed in; if their sign-in is too old, with the way to another, and `back`."""
    if staff is None:
        return RedirectResponse(f"{PORTAL_PATH[House.INSTITUTION]}/sign-in", status_code=303)
    return render(
        staff,
        "refused.html",
        title=_TITLES.get(type(refusal), "This was refused"),
        section="",
        status=status,
        headers=headers_of(refusal),
        sentence=_sentence_for(staff, refusal),
        code=refusal.code,
        back=back if isinstance(refusal, InsufficientUserAuthentication) else "",
    )


def refused_outside(request: Request, refusal: Refusal, *, house: House, status: int) -> Response:
    """Say no to somebody who is not signed in."""
    return render_outside(
        "refused_outside.html",
        title=_TITLES.get(type(refusal), "This was refused"),
        status=status,
        headers=headers_of(refusal),
        sentence=_SENTENCES.get(type(refusal), refusal.description),
        code=refusal.code,
        prefix=PORTAL_PATH[house],
        request_id=seen(request).request_id,
    )


def _sentence_for(staff: SignedIn, refusal: Refusal) -> str:
    if isinstance(refusal, NotAllowed):
        return f"Your role here is {ROLE_WORDS[staff.role]}. An admin of your team can do it, or give you another role."
    return _SENTENCES.get(type(refusal), refusal.description)


def headers_of(refusal: Refusal) -> dict[str, str]:
    """Give the headers that a refusal brings to a page."""
    if isinstance(refusal, TemporarilyUnavailable):
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return {name.decode(): value.decode() for name, value in error_headers(refusal)}
