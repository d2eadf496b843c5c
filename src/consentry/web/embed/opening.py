"""Opening the dashboard: a token becomes a page; everything else gets a plain page that says why not."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from consentry.domain.refusal import Refusal
from consentry.domain.refusal.dashboard import PageEnded
from consentry.domain.refusal.institution import UnknownInstitution
from consentry.domain.refusal.request import InsufficientScope, InvalidRequest, InvalidToken
from consentry.store.branding import Look
from consentry.usecases.branding.get import find_look, get_look
from consentry.usecases.page.open import OpenedPage, open_page, verify_opening
from consentry.usecases.page.use import use_page
from consentry.usecases.services import Services
from consentry.web import errors
from consentry.web.embed import requests
from consentry.web.embed.languages import speak
from consentry.web.embed.listing import show_listing
from consentry.web.embed.screens import Frame, show
from consentry.web.embed.turns import Turn
from consentry.web.hosts import host_of
from consentry.web.html.forms import Form, read_form
from consentry.web.safety.admission import Admission


@dataclass(frozen=True, slots=True)
class Opening:
    """`/embed/authorizations`: GET, POST, and HEAD, which opens nothing."""

    services: Services
    admission: Admission

    async def __call__(self, request: Request) -> Response:
        """Open a page for a token, or say why not."""
        wishes = requests.wishes_of(request)
        try:
            requests.refuse_beforehand(request)
            if request.method == "HEAD":
                return show(Frame(None, wishes), "opening.html")
            form = await read_form(request) if request.method == "POST" else Form(())
            return await self._open(request, form.text("access_token") or _only_token_of_query(request))
        except PageEnded as ended:
            return await self.ended(request, ended)
        except Refusal as refusal:
            return refused(Frame(None, wishes), refusal)

    async def _open(self, request: Request, token: str) -> Response:
        visit, wishes = requests.visit_of(request), requests.wishes_of(request)
        if not token:
            raise PageEnded
        try:
            subject = await verify_opening(self.services, token, visit)
        except (InvalidToken, InsufficientScope):
            raise PageEnded from None
        self.admission.institution(subject.institution_id)
        look = await get_look(self.services, subject.institution_id)
        requests.refuse_strangers(request, look.origins)
        opened = await open_page(self.services, subject, wishes=wishes, visit=visit)
        return await self._first_screen(request, opened, look)

    async def _first_screen(self, request: Request, opened: OpenedPage, look: Look) -> Response:
        visit = requests.visit_of(request)
        used = await use_page(self.services, opened.secret, visit)
        frame = Frame(look, used.page.wishes, used.page, opened.secret)
        speak(frame.language)
        return await show_listing(Turn(self.services, request, visit, Form(()), used, frame))

    async def ended(self, request: Request, ended: PageEnded) -> Response:
        """Answer that there is no page, in the institution's look where it is known whose it was."""
        look = None
        try:
            if ended.institution_id is not None:
                look = await get_look(self.services, ended.institution_id)
            else:
                public_id = request.query_params.get("institution", "")
                look = await find_look(self.services, public_id=public_id, host=host_of(request))
        except (UnknownInstitution, Refusal):
            look = None
        return show(Frame(look, requests.wishes_of(request)), "ended.html", status=errors.page_status(ended))


def refused(frame: Frame, refusal: Refusal) -> Response:
    """Answer a refusal that leaves no screen to go back to."""
    headers = {name.decode(): value.decode() for name, value in errors.error_headers(refusal)}
    headers.pop("www-authenticate", None)
    return show(frame, "refused.html", status=errors.page_status(refusal), headers=headers, refusal=refusal)


def _only_token_of_query(request: Request) -> str:
    tokens = request.query_params.getlist("access_token")
    if len(tokens) > 1:
        raise InvalidRequest("Send one access_token only.")
    return tokens[0] if tokens else ""
