"""The pages of the inbox: a list, one e-mail, and the same as JSON for programs.

E-mails are text from elsewhere: everything is escaped, and only addresses on this very machine become links.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from consentry.sandbox.inbox.mailbox import Mail, Mailbox
from consentry.web.html.assets import Assets
from consentry.web.html.pages import templates_of

_ASSETS: Final = Assets("consentry.sandbox.inbox", "/assets/")
_LOCAL: Final = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1)(?::\d{1,5})?(?:/(?:[\w\-./?&=%~+#]*[\w\-/=%~+])?)?(?![\w@:]|\.\w)"
)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an e-mail's text, and whether it is an address on this machine."""

    text: str
    is_link: bool


def make_app(mailbox: Mailbox) -> Starlette:
    """Give the inbox's pages; they answer to the names of this machine alone."""
    templates = templates_of("consentry.sandbox.inbox")

    def page(template: str, **context: object) -> Response:
        content = templates.get_template(template).render(asset=_ASSETS.address, **context)
        return HTMLResponse(content, headers=_HEADERS)

    async def show_all(_: Request) -> Response:
        return page("inbox.html", mails=mailbox.newest_first())

    async def show_one(request: Request) -> Response:
        mail = mailbox.find(request.path_params["number"])
        if mail is None:
            raise HTTPException(404, headers=_HEADERS)
        return page("mail.html", mail=mail, pieces=pieces_of(mail.text))

    async def tell_all(_: Request) -> Response:
        return JSONResponse([_told(mail) for mail in mailbox.newest_first()], headers=_HEADERS)

    return Starlette(
        routes=[
            Route("/", show_all),
            Route("/mails.json", tell_all),
            Route("/mails/{number:int}", show_one),
            _ASSETS.route,
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"])],
    )


def pieces_of(text: str) -> list[Piece]:
    """Cut a text into addresses on this machine, which may become links, and the rest."""
    pieces = []
    edges = [0, *(edge for found in _LOCAL.finditer(text) for edge in found.span()), len(text)]
    for number, (begin, end) in enumerate(pairwise(edges)):
        if begin < end:
            pieces.append(Piece(text[begin:end], is_link=number % 2 == 1))
    return pieces


def _told(mail: Mail) -> dict[str, object]:
    return {
        "number": mail.number,
        "from": mail.sender,
        "to": list(mail.recipients),
        "subject": mail.subject,
        "text": mail.text,
        "arrived": mail.arrived.isoformat(timespec="seconds"),
    }
