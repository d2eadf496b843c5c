"""The first screen: every app that receives the customer's data, and what became of others."""

from starlette.responses import Response

from consentry.usecases.consent.stop_all import stop_all
from consentry.usecases.page.app_facts import apps_without_access
from consentry.web.embed.cards import FILTERS, ORDERS, Search, listing
from consentry.web.embed.languages import _, ngettext, noted
from consentry.web.embed.screens import Notice, Told, show
from consentry.web.embed.turns import Turn

_LONGEST_SEARCH = 100
_STATUS_NAMES = {
    "all": noted("All"),
    "active": noted("Active"),
    "ends_soon": noted("Ends soon"),
    "paused": noted("Paused"),
}
_ORDER_NAMES = {"newest": noted("Newest first"), "name": noted("Name"), "used": noted("Last used")}


async def show_listing(
    turn: Turn, *, notice: Notice | None = None, told: Told | None = None, status: int = 200
) -> Response:
    """Answer with the list, as far as it was asked for."""
    customer = await turn.consents()
    apps = {consent.application_id for consent in customer.consents if not consent.has_ended(customer.moment)}
    held = await apps_without_access(turn.services, turn.subject.institution_id, apps)
    found = listing(customer, _search(turn), held=held)
    return show(
        turn.frame,
        "list.html",
        status=status,
        listing=found,
        notice=notice,
        told=told,
        statuses=_STATUS_NAMES,
        orders=_ORDER_NAMES,
    )


async def ask_to_stop_all(turn: Turn) -> Response:
    """Say what stopping all apps will do, and ask."""
    found = listing(await turn.consents(), Search())
    if not found.stoppable:
        return await show_listing(turn)
    cards = [card for card in found.live if not card.consent.read_only]
    return show(turn.frame, "stop_all.html", cards=cards)


async def do_stop_all(turn: Turn) -> Response:
    """Stop all apps and show what is left."""
    done = await stop_all(turn.services.changes, turn.subject, actor=turn.actor)
    if not done.stopped:
        return await show_listing(turn, notice=Notice(_("Nothing was shared any more."), "calm"))
    said = ngettext(
        "You have stopped sharing with one app. It can no longer read anything.",
        "You have stopped sharing with %(number)s apps. They can no longer read anything.",
        len(done.stopped),
    )
    return await show_listing(turn, notice=Notice(said), told=Told("", "all_stopped"))


def _search(turn: Turn) -> Search:
    status, order = turn.form.text("status"), turn.form.text("order")
    return Search(
        text=turn.form.text("q")[:_LONGEST_SEARCH],
        status=status if status in FILTERS else "all",
        order=order if order in ORDERS else "newest",
    )
