"""Customers as an institution's staff deals with them: searched for, looked at for a reason, blocked.

What is kept of a customer is theirs: a look lasts for a while, and whoever takes one says why.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timedelta
from typing import Final

from consentry.domain.refusal.access import ConnectionsBlocked
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.scope import is_customer_id

LOOK_VALID: Final = timedelta(minutes=30)
"""So long after saying why may a member of staff look at a customer."""
SHORTEST_BEGINNING: Final = 3
"""So many characters of an id are needed to look for all that begin with them."""
_CONSENT_ID: Final = re.compile(r"_[A-Za-z0-9_-]{1,63}")
_ENDING: Final = re.compile(r"[0-9]{4}")
_PAST_ALL: Final = "\x7f"
_BEFORE_ALL: Final = " "
_SEARCH_PURPOSE: Final = b"customer-search:"
_LONG_ENOUGH: Final = 8


@dataclass(frozen=True, slots=True)
class Look:
    """Why somebody may look at a customer, and until when."""

    reason: str
    opened_at: datetime

    @property
    def ends_at(self) -> datetime:
        """Give the moment at which the look is over."""
        return self.opened_at + LOOK_VALID


@dataclass(frozen=True, slots=True)
class Block:
    """That a customer connects no further app: why, since when, and which member of staff decided it."""

    reason: str
    blocked_at: datetime
    blocked_by: str | None


def check_may_connect(block: Block | None) -> None:
    """Check that a customer may connect an app; what is connected already stays, whatever this says.

    Raises:
        ConnectionsBlocked: the institution's staff has blocked new connections.
    """
    if block is not None:
        raise ConnectionsBlocked


@dataclass(frozen=True, slots=True)
class CustomerSearch:
    """What staff knows of a customer; all that is given has to fit, and empty texts say nothing."""

    customer: str = ""
    consent: str = ""
    request: str = ""
    ending: str = ""
    app: str = ""

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is known."""
        return not (self.customer or self.consent or self.request or self.ending or self.app)

    def told(self) -> dict[str, str]:
        """Give what may be told of it: by what was searched, of an app its name, of what names a person only a hint."""
        of_persons = {
            "customer_id": self.customer,
            "consent_id": self.consent,
            "request_id": self.request,
            "account_ending": self.ending,
        }
        hints = {name: _hint(value) for name, value in of_persons.items() if value}
        return {**hints, "app": self.app} if self.app else hints

    def ids_from(self, after: str) -> tuple[str, str]:
        """Give the ids that fit, as a half-open range in the order of their characters; `after` is left out itself.

        Ids are visible ASCII, so that a blank comes before and DEL after all that can follow in one. An id that is
        too short to be a beginning stands for itself.
        """
        is_beginning = len(self.customer) >= SHORTEST_BEGINNING
        low = max(self.customer, after + _BEFORE_ALL if after else "")
        high = self.customer + (_BEFORE_ALL if self.customer and not is_beginning else _PAST_ALL)
        return low, high


def search_id(wanted: CustomerSearch, institution_id: int, *, pepper: bytes) -> str:
    """Give the id of a search: the same for whoever there searches for the same, telling nothing of it (R133)."""
    told = json.dumps([institution_id, *astuple(wanted)]).encode()
    return hmac.digest(pepper, _SEARCH_PURPOSE + told, hashlib.sha256).hex()[:32]


def _hint(text: str) -> str:
    """Give what may be told of a value: how long it is and, if that is long, how it begins."""
    return f"{text[:2] if len(text) >= _LONG_ENOUGH else ''}… (length {len(text)})"


def check_search(given: Mapping[str, str]) -> CustomerSearch:
    """Give a search as it can be carried out.

    Raises:
        InvalidSettings: `customer`, `consent` or `ending`; none can look like this.
    """
    problems: dict[str, str] = {}
    found = CustomerSearch(**{known.name: given.get(known.name, "").strip() for known in fields(CustomerSearch)})
    if found.customer and not is_customer_id(found.customer):
        problems["customer"] = "A customer's id has 1 to 255 letters, digits and signs, and no space."
    if found.consent and not _CONSENT_ID.fullmatch(found.consent):
        problems["consent"] = "A consent's id begins with _ and has at most 64 letters, digits, - and _."
    if found.ending and not _ENDING.fullmatch(found.ending):
        problems["ending"] = "Give the last four digits of an account's number."
    if problems:
        raise InvalidSettings(problems)
    return found
