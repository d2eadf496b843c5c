"""Consents as the screens show them: counted, named and put in order."""

import unicodedata
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consentry.domain.account import CustomerAccounts
from consentry.domain.consent import Consent, CustomerConsents, newest_first
from consentry.web.embed.wording import Status, status_of

MANY: Final = 7
"""From so many apps on, there is something to search, filter and sort by."""
HUES: Final = 6
_JOINERS: Final = "\u200c\u200d"
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co"})
FILTERS: Final = ("all", "active", "ends_soon", "paused")
ORDERS: Final = ("newest", "name", "used")


@dataclass(frozen=True, slots=True)
class Card:
    """One consent as the list shows it."""

    consent: Consent
    status: Status
    initials: str
    hue: int
    shared: int
    accounts: int
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Search:
    """What of the list is asked for: a part of a name, a status, an order."""

    text: str = ""
    status: str = "all"
    order: str = "newest"

    @property
    def is_narrow(self) -> bool:
        """Tell whether it leaves anything out."""
        return bool(self.text) or self.status != "all"


@dataclass(frozen=True, slots=True)
class Listing:
    """The first screen: live cards and ended ones as asked for, and how many there are in all."""

    live: Sequence[Card]
    ended: Sequence[Card]
    all_live: int
    all_cards: int
    stoppable: int
    search: Search

    @property
    def is_searchable(self) -> bool:
        """Tell whether there are so many apps that searching helps."""
        return self.all_cards >= MANY


def listing(customer: CustomerConsents, search: Search, *, held: Collection[str] = ()) -> Listing:
    """Put a customer's consents in order: live ones, then ended ones, each as asked for.

    `held` are the ids of apps that the bank does not let in.
    """
    now = customer.moment
    cards = [
        card(consent, customer.accounts, now, is_held=consent.application_id in held)
        for consent in newest_first(customer.consents)
    ]
    live = [found for found in cards if found.ended_at is None]
    ended = sorted((found for found in cards if found.ended_at is not None), key=_end, reverse=True)
    return Listing(
        live=_ordered([found for found in live if _fits(found, search)], search.order),
        ended=[found for found in ended if _fits(found, search)] if search.status == "all" else [],
        all_live=len(live),
        all_cards=len(cards),
        stoppable=sum(not found.consent.read_only for found in live),
        search=search,
    )


def card(consent: Consent, accounts: CustomerAccounts, now: datetime, *, is_held: bool = False) -> Card:
    """Give what is shown of a consent."""
    ended_at = consent.revoked_at
    if ended_at is None and consent.has_ended(now):
        ended_at = consent.expires_at
    shown = consent._replace(
        application_name=visible(consent.application_name),
        intermediary_name=visible(consent.intermediary_name or "") or None,
    )
    return Card(
        consent=shown,
        status=status_of(consent, now, is_held=is_held),
        initials=initials(shown.application_name),
        hue=zlib.crc32(consent.application_id.encode()) % HUES,
        shared=sum(account.account_id in consent.shared_accounts for account in accounts.accounts),
        accounts=len(accounts.accounts),
        ended_at=ended_at,
    )


def visible(name: str) -> str:
    """Give a name without controls, such as those that turn the direction of the sentence it stands in (R83)."""
    return "".join(c for c in name if c in _JOINERS or unicodedata.category(c) not in _UNSEEN)


def initials(name: str) -> str:
    """Give up to two letters that stand for a name; a name without any has a dot."""
    words = ["".join(letter for letter in word if letter.isalnum()) for word in _plain(name).split()]
    letters = [word[0] for word in words if word]
    return "".join(letters[:1] + letters[-1:] if len(letters) > 1 else letters).upper() or "•"


def is_last(consent: Consent, accounts: CustomerAccounts, account_id: str) -> bool:
    """Tell whether an account is the only one of the customer's that is still shared."""
    return {a.account_id for a in accounts.accounts if a.account_id in consent.shared_accounts} == {account_id}


def _ordered(cards: list[Card], order: str) -> list[Card]:
    if order == "name":
        return sorted(cards, key=lambda card: _plain(card.consent.application_name).casefold())
    if order == "used":
        return sorted(cards, key=lambda card: card.consent.last_accessed or card.consent.created_at, reverse=True)
    return cards


def _fits(card: Card, search: Search) -> bool:
    if search.status not in ("all", card.status.key):
        return False
    wanted = _plain(search.text).casefold()
    names = (card.consent.application_name, card.consent.intermediary_name or "")
    return any(wanted in _plain(name).casefold() for name in names)


def _plain(text: str) -> str:
    """Give a text without accents, so that it is found without them, too."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _end(card: Card) -> datetime:
    if card.ended_at is None:
        raise AssertionError
    return card.ended_at
