"""What a request for the dashboard says: its token or secret, how it wishes to be shown, and what sent it.

A page is proven by its secret alone. What browsers tell of a request's origin is checked as well, before anything else.
"""

from typing import Final

from starlette.requests import Request

from consentry.domain.page import Mode, Wishes
from consentry.domain.refusal.dashboard import ForeignOrigin, NotOnThisRequest
from consentry.usecases.page.open import Visit
from consentry.web.embed.languages import chosen_locale, known_zone
from consentry.web.front import seen
from consentry.web.hosts import host_of, leads_here
from consentry.web.html.forms import Form

SECRET_HEADER: Final = "Consentry-Page"  # noqa: S105 - a header's name
SECRET_FIELD: Final = "session"  # noqa: S105 - a field's name
_BEFOREHAND: Final = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_SHOWN: Final = frozenset({"", "document", "iframe", "frame", "fencedframe", "embed", "object"})


def visit_of(request: Request) -> Visit:
    """Give what is checked and recorded of a request."""
    known = seen(request)
    return Visit(host=host_of(request), source=known.source, request_id=known.request_id)


def wishes_of(request: Request) -> Wishes:
    """Read how a page is to be shown: `locale`, `time_zone` and `theme` of the query, then the browser's languages."""
    query = request.query_params
    mode = query.get("theme", "")
    return Wishes(
        locale=chosen_locale(query.get("locale", ""), request.headers.get("accept-language", "")),
        time_zone=known_zone(query.get("time_zone", "")),
        mode=Mode(mode) if mode in set(Mode) else Mode.AUTO,
    )


def refuse_beforehand(request: Request) -> None:
    """Refuse what is no customer opening a page: a browser fetching ahead, a picture, a script.

    Raises:
        NotOnThisRequest: it is one of these; the token stays good.
    """
    headers = request.headers
    if any("pre" in headers.get(name, "").lower() for name in _BEFOREHAND):
        raise NotOnThisRequest
    if headers.get("sec-fetch-dest", "").lower() not in _SHOWN:
        raise NotOnThisRequest


def refuse_others(request: Request) -> None:
    """Refuse an action that another site sent, where the browser tells: what it posts is never a page's own.

    Raises:
        ForeignOrigin: it was another site.
    """
    site = request.headers.get("sec-fetch-site", "").lower()
    if site not in ("", "same-origin"):
        raise ForeignOrigin
    if not site and not _is_own(request, request.headers.get("origin", "null")):
        raise ForeignOrigin


def refuse_strangers(request: Request, origins: tuple[str, ...]) -> None:
    """Refuse a page's opening that a site posts which is not registered; a page without a referrer tells no origin.

    Raises:
        ForeignOrigin: it is none of these, nor our own.
    """
    origin = request.headers.get("origin", "null")
    if origin not in ("null", *origins) and not _is_own(request, origin):
        raise ForeignOrigin


def secret_of(request: Request, form: Form) -> str:
    """Give the secret of the page that a request comes from, from its header or a hidden field; else an empty text."""
    return request.headers.get(SECRET_HEADER.lower(), "") or form.text(SECRET_FIELD)


def _is_own(request: Request, origin: str) -> bool:
    # Behind a proxy that ends TLS the scheme is not ours to know.
    return origin == "null" or leads_here(request, origin)
