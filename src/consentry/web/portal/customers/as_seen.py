"""Consents as their customer sees them: in the very words of the dashboard, in English, times in UTC, nothing to press.

Every message here is one of the dashboard's; a test holds them together.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from consentry.domain.consent import CustomerConsents
from consentry.domain.history import HistoryEntry
from consentry.web.embed.cards import Card, Search, card, listing, visible
from consentry.web.embed.languages import USUAL, Language, _, language, ngettext, speak
from consentry.web.embed.story import Event, story
from consentry.web.embed.wording import Cluster, clusters_of

ENGLISH: Final = language(USUAL["en"], None)


@dataclass(frozen=True, slots=True)
class SeenAccount:
    """An account of a consent: its name, the end of its number, and whether it is shared in the customer's words."""

    name: str
    ending: str
    state: str
    is_shared: bool


@dataclass(frozen=True, slots=True)
class SeenConsent:
    """A consent in the customer's words; `dates` are pairs of what and when."""

    card: Card
    via: str
    sharing: str
    accounts: tuple[SeenAccount, ...]
    new_accounts: str
    data_title: str
    clusters: Sequence[Cluster]
    dates: tuple[tuple[str, Markup | str], ...]

    @property
    def is_live(self) -> bool:
        """Tell whether the app still receives data."""
        return self.card.ended_at is None

    @property
    def can_be_stopped(self) -> bool:
        """Tell whether it can be stopped here."""
        return self.is_live and not self.card.consent.read_only


@dataclass(frozen=True, slots=True)
class SeenListing:
    """All of a customer's consents in the order of the dashboard, live ones and ended ones."""

    live: tuple[SeenConsent, ...]
    ended: tuple[SeenConsent, ...]

    @property
    def stoppable(self) -> tuple[SeenConsent, ...]:
        """Give the consents that can be stopped here."""
        return tuple(seen for seen in self.live if seen.can_be_stopped)


def seen_listing(customer: CustomerConsents, *, held: Collection[str]) -> SeenListing:
    """Give a customer's consents in the order of the dashboard's first screen, each with what its own screen says.

    `held` are the ids of apps that the bank does not let in.
    """
    speak(ENGLISH)
    found = listing(customer, Search(), held=held)
    return SeenListing(
        live=tuple(_seen(each, customer) for each in found.live),
        ended=tuple(_seen(each, customer) for each in found.ended),
    )


def seen_consent(customer: CustomerConsents, *, is_held: bool) -> SeenConsent:
    """Give the only consent of these as its customer sees it; `is_held` is whether the bank keeps its app out."""
    speak(ENGLISH)
    (consent,) = customer.consents
    return _seen(card(consent, customer.accounts, customer.moment, is_held=is_held), customer)


def told_story(entries: Sequence[HistoryEntry]) -> list[Event]:
    """Give a history in the customer's words."""
    speak(ENGLISH)
    return story(entries)


def _seen(shown: Card, customer: CustomerConsents) -> SeenConsent:
    consent = shown.consent
    via = consent.intermediary_name
    return SeenConsent(
        card=shown,
        via=_("through %(intermediary)s", intermediary=via) if via else "",
        sharing=ngettext(
            "%(shared)s of one account",
            "%(shared)s of %(number)s accounts",
            shown.accounts,
            shared=ENGLISH.number(shown.shared),
        ),
        accounts=tuple(
            SeenAccount(
                name=visible(account.nickname) or _("Account"),
                ending=account.number_display[-4:],
                state=_("Shared") if account.account_id in consent.shared_accounts else _("Not shared"),
                is_shared=account.account_id in consent.shared_accounts,
            )
            for account in customer.accounts.accounts
        ),
        new_accounts=_("Share new accounts automatically") if shown.ended_at is None else "",
        data_title=_("What is shared") if shown.ended_at is None else _("What was shared"),
        clusters=clusters_of(consent),
        dates=_dates(shown, customer, ENGLISH),
    )


def _dates(shown: Card, customer: CustomerConsents, words: Language) -> tuple[tuple[str, Markup | str], ...]:
    consent = shown.consent
    dates: list[tuple[str, Markup | str]] = [(_("Since"), words.day(consent.consented_on))]
    if shown.ended_at is not None:
        dates.append((shown.status.label, words.moment(shown.ended_at)))
    else:
        until = _("until you stop it") if consent.expires_at is None else words.day(consent.expires_at)
        dates.append((_("Until"), until))
        if consent.paused_at is not None:
            dates.append((_("Paused since"), words.day(consent.paused_at)))
    read = consent.last_accessed
    dates.append((_("Last access"), _("never") if read is None else words.recently(read, customer.moment)))
    return tuple(dates)
