"""The routes of the dashboard: all but the opening are POSTs that bear the page's secret, answered by a screen."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from consentry.domain.refusal import Refusal
from consentry.domain.refusal.dashboard import PageEnded
from consentry.domain.refusal.request import (
    ConsentNotActive,
    InvalidToken,
    ReadOnlyConsent,
    StaleEtag,
    UnknownAccount,
    UnknownConsent,
)
from consentry.usecases.branding.get import get_look
from consentry.usecases.page.end import end_page
from consentry.usecases.page.use import use_page
from consentry.usecases.services import Services
from consentry.web import errors
from consentry.web.embed import app_screen, component, downloads, listing, pictures, requests
from consentry.web.embed.languages import _, noted, speak
from consentry.web.embed.opening import Opening, refused
from consentry.web.embed.screens import ASSETS, Frame, environment, show
from consentry.web.embed.turns import Action, Turn
from consentry.web.html.forms import read_form
from consentry.web.safety.admission import Admission

_CONFLICTS: Final[dict[type[Refusal], str]] = {
    StaleEtag: noted(
        "This was changed in another window in the meantime. Nothing was overwritten: here is how it is now."
    ),
    ConsentNotActive: noted("Sharing with this app has ended, so there is nothing to switch any more."),
    ReadOnlyConsent: noted("This app can't be changed here for the moment. Please ask your bank."),
    UnknownAccount: noted("This account is not on your list any more."),
    UnknownConsent: noted("This app is not on your list any more."),
}


def routes(services: Services, admission: Admission) -> list[BaseRoute]:
    """Give the routes of the dashboard, its files, and the web component."""
    environment()
    opening = Opening(services, admission)

    def action(path: str, do: Action, name: str) -> Route:
        return Route(path, _turn(opening, do), methods=["POST"], name=name)

    app = "/embed/apps/{consent_id}"
    return [
        Route("/embed/authorizations", opening.__call__, methods=["GET", "HEAD", "POST"], name="open_page"),
        action("/embed/apps", listing.show_listing, "list_apps"),
        action("/embed/stop-all", listing.ask_to_stop_all, "ask_to_stop_all"),
        action("/embed/stop-all/confirmed", listing.do_stop_all, "stop_all"),
        action("/embed/continue", _continue, "continue_page"),
        action("/embed/done", _done, "end_page"),
        action(app, app_screen.show_app, "show_app"),
        action(f"{app}/accounts", app_screen.switch_account, "switch_account"),
        action(f"{app}/new-accounts", app_screen.switch_new_accounts, "switch_new_accounts"),
        action(f"{app}/stop", app_screen.ask_to_stop, "ask_to_stop"),
        action(f"{app}/stop/confirmed", app_screen.do_stop, "stop_app"),
        action(f"{app}/receipt.pdf", downloads.download_pdf, "download_receipt"),
        action(f"{app}/receipt.json", downloads.download_signed, "download_signed_receipt"),
        action(f"{app}/dispute", app_screen.ask_to_dispute, "ask_to_dispute"),
        action(f"{app}/dispute/confirmed", app_screen.do_dispute, "dispute_app"),
        *pictures.routes(services),
        component.route(),
        ASSETS.route,
    ]


def _turn(opening: Opening, do: Action) -> Callable[[Request], Awaitable[Response]]:
    """Make the endpoint of an action: whose page asks is found out first, and refusals become screens."""

    async def answer(request: Request) -> Response:
        frame = Frame(None, requests.wishes_of(request))
        try:
            requests.refuse_others(request)
            form = await read_form(request)
            visit, secret = requests.visit_of(request), requests.secret_of(request, form)
            used = await use_page(opening.services, secret, visit)
            institution_id = used.page.institution_id
            opening.admission.institution(institution_id)
            look = await get_look(opening.services, institution_id)
            frame = Frame(look, used.page.wishes, used.page, secret)
            turn = Turn(opening.services, request, visit, form, used, frame)
            return await _answered(turn, do)
        except PageEnded as ended:
            return await opening.ended(request, ended)
        except Refusal as refusal:
            return refused(frame, refusal)

    return answer


async def _answered(turn: Turn, do: Action) -> Response:
    speak(turn.frame.language)
    try:
        return await do(turn)
    except InvalidToken:
        raise PageEnded(turn.used.page.institution_id) from None
    except (StaleEtag, ConsentNotActive, ReadOnlyConsent, UnknownAccount, UnknownConsent) as conflict:
        sentence = _(_CONFLICTS[type(conflict)])
        return await app_screen.show_conflict(turn, sentence=sentence, status=errors.page_status(conflict))


async def _continue(turn: Turn) -> Response:
    """Answer that the page lives on; using it was enough."""
    return show(turn.frame, "continued.html")


async def _done(turn: Turn) -> Response:
    """End the page because the customer is done."""
    await end_page(turn.services, turn.used.page, turn.visit)
    frame = Frame(turn.frame.look, turn.frame.wishes)
    # Where script asked, the answer is no page's, and nothing is kept anywhere that could be cleared.
    by_script = requests.SECRET_HEADER in turn.request.headers
    return show(frame, "done.html", headers={} if by_script else {"Clear-Site-Data": '"storage"'})
