"""One app: what it receives, switches for it, and the ways to stop it."""

from starlette.responses import Response

from consentry.domain.consent import CustomerConsents
from consentry.domain.refusal.request import UnknownConsent
from consentry.usecases.consent.changes import ShownConsent
from consentry.usecases.consent.dispute import dispute
from consentry.usecases.consent.get import get_consent
from consentry.usecases.consent.history import customer_history
from consentry.usecases.consent.share_account import share_account
from consentry.usecases.consent.share_new_accounts import share_new_accounts
from consentry.usecases.consent.stop_sharing import stop_sharing
from consentry.usecases.page.app_facts import get_app_facts
from consentry.web.embed.cards import card, is_last, visible
from consentry.web.embed.languages import _
from consentry.web.embed.listing import show_listing
from consentry.web.embed.screens import Notice, Told, Undo, show
from consentry.web.embed.story import story
from consentry.web.embed.turns import Turn
from consentry.web.embed.wording import clusters_of

_YES, _NO = "true", "false"


async def show_app(turn: Turn) -> Response:
    """Answer with the app that the path names."""
    return await _show(turn, await _get(turn))


async def switch_account(turn: Turn) -> Response:
    """Share an account or stop sharing it; the last one only after it was said what that means."""
    account_id, enabled = turn.form.text("account"), turn.form.text("enabled") == _YES
    if not enabled and turn.form.text("confirmed") != _YES:
        shown = await _get(turn)
        if is_last(shown.consent, shown.customer.accounts, account_id) and not shown.consent.has_ended(
            shown.customer.moment
        ):
            return _ask_about_last(turn, shown, account_id)
    shown = await share_account(turn.services.changes, turn.change(), account_id=account_id, enabled=enabled)
    said = _("%(app)s receives %(account)s now.") if enabled else _("%(app)s no longer receives %(account)s.")
    (account,) = (a for a in shown.customer.accounts.accounts if a.account_id == account_id)
    undo = Undo(
        f"{_path(turn)}/accounts",
        (
            ("account", account_id),
            ("enabled", _NO if enabled else _YES),
            ("confirmed", _YES),
            ("etag", _etag(shown)),
        ),
    )
    notice = Notice(said % {"app": _name(shown), "account": visible(account.nickname)}, undo=undo)
    return await _show(turn, shown, notice=notice, told=_told(shown, "updated"), focus=account_id)


async def switch_new_accounts(turn: Turn) -> Response:
    """Share accounts that are opened later by themselves, or ask for each."""
    automatic = turn.form.text("automatic") == _YES
    shown = await share_new_accounts(turn.services.changes, turn.change(), automatic=automatic)
    said = (
        _("%(app)s will receive new accounts by itself.")
        if automatic
        else _("%(app)s will not receive new accounts by itself.")
    )
    undo = Undo(f"{_path(turn)}/new-accounts", (("automatic", _NO if automatic else _YES), ("etag", _etag(shown))))
    notice = Notice(said % {"app": _name(shown)}, undo=undo)
    return await _show(turn, shown, notice=notice, told=_told(shown, "updated"), focus="new-accounts")


async def ask_to_stop(turn: Turn) -> Response:
    """Say what stopping will do, and ask."""
    return await _ask(turn, "stop.html")


async def do_stop(turn: Turn) -> Response:
    """Stop sharing and show the list, with what was done on top."""
    shown = await stop_sharing(turn.services.changes, turn.change())
    said = _("You have stopped sharing with %(app)s. It can no longer read anything.")
    notice = Notice(said % {"app": _name(shown)})
    return await show_listing(turn, notice=notice, told=_told(shown, "stopped"))


async def ask_to_dispute(turn: Turn) -> Response:
    """Say what happens to an app that the customer does not recognise, and ask."""
    return await _ask(turn, "dispute.html")


async def do_dispute(turn: Turn) -> Response:
    """Stop an app that the customer does not recognise, tell the bank, and say how to reach it."""
    shown = await dispute(turn.services.changes, turn.change())
    return show(
        turn.frame,
        "disputed.html",
        card=card(shown.consent, shown.customer.accounts, shown.customer.moment),
        told=_told(shown, "disputed"),
    )


async def show_conflict(turn: Turn, *, sentence: str, status: int) -> Response:
    """Answer with the app as it is now, because it is not as the page knew it."""
    try:
        return await _show(turn, await _get(turn), notice=Notice(sentence, "warn"), status=status)
    except UnknownConsent:
        return await show_listing(turn, notice=Notice(_("This app is not on your list any more."), "warn"), status=404)


async def _ask(turn: Turn, template: str) -> Response:
    shown = await _get(turn)
    if template == "stop.html" and (shown.consent.read_only or shown.consent.has_ended(shown.customer.moment)):
        return await _show(turn, shown)
    return show(
        turn.frame,
        template,
        card=card(shown.consent, shown.customer.accounts, shown.customer.moment),
        etag=_etag(shown),
        path=_path(turn),
    )


async def _get(turn: Turn) -> ShownConsent:
    return await get_consent(turn.services.reader, turn.subject, consent_id=turn.consent_id)


async def _show(
    turn: Turn,
    shown: ShownConsent,
    *,
    notice: Notice | None = None,
    told: Told | None = None,
    focus: str = "",
    status: int = 200,
) -> Response:
    consent, customer = shown.consent, shown.customer
    told_so_far = await customer_history(turn.services, turn.subject, consent_id=consent.consent_id)
    facts = await get_app_facts(turn.services, turn.subject.institution_id, consent.application_id)
    return show(
        turn.frame,
        "app.html",
        status=status,
        card=card(consent, customer.accounts, customer.moment, is_held=not facts.has_access),
        accounts=[a._replace(nickname=visible(a.nickname)) for a in customer.accounts.accounts],
        facts=facts,
        clusters=clusters_of(consent),
        story=story(told_so_far.entries),
        etag=_etag(shown),
        path=_path(turn),
        can_change=not consent.read_only and not consent.has_ended(customer.moment),
        notice=notice,
        told=told,
        focus=focus,
    )


def _ask_about_last(turn: Turn, shown: ShownConsent, account_id: str) -> Response:
    (account,) = (a for a in shown.customer.accounts.accounts if a.account_id == account_id)
    return show(
        turn.frame,
        "last_account.html",
        card=card(shown.consent, shown.customer.accounts, shown.customer.moment),
        account=account._replace(nickname=visible(account.nickname)),
        etag=_etag(shown),
        path=_path(turn),
    )


def _etag(shown: ShownConsent) -> str:
    customer: CustomerConsents = shown.customer
    return shown.consent.etag(customer.accounts)


def _name(shown: ShownConsent) -> str:
    return visible(shown.consent.application_name)


def _told(shown: ShownConsent, kind: str) -> Told:
    return Told(shown.consent.consent_id, kind)


def _path(turn: Turn) -> str:
    return f"/embed/apps/{turn.consent_id}"
