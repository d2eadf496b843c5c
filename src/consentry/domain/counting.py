"""What is counted of consents: per day and app what began and ended, and how much is live at a moment.

One customer at a time: what a customer's consents contribute to the sums. The sums of an institution are those of its
customers, so that whatever changes a customer's consents changes them by a difference. Days are UTC's.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar

Key = TypeVar("Key")

WHOLE: Final = ""
"""Stands where an app's id would, for the sum over all apps."""


class Count(StrEnum):
    """What is counted a day; of the institution alone from `customers_seen` on."""

    BEGAN = "began"
    ENDED_BY_CUSTOMER = "ended_by_customer"
    ENDED_BY_INSTITUTION = "ended_by_institution"
    ENDED_BY_RECIPIENT = "ended_by_recipient"
    ENDED_BY_SYSTEM = "ended_by_system"
    EXPIRED = "expired"
    CUSTOMERS_CONNECTED = "customers_connected"
    CUSTOMERS_LEFT = "customers_left"
    CUSTOMERS_SEEN = "customers_seen"
    CUSTOMERS_LAST_SEEN = "customers_last_seen"
    TOKENS_ISSUED = "tokens_issued"
    SIGN_INS_FAILED = "sign_ins_failed"


ENDED: Final = (
    Count.ENDED_BY_CUSTOMER,
    Count.ENDED_BY_INSTITUTION,
    Count.ENDED_BY_RECIPIENT,
    Count.ENDED_BY_SYSTEM,
    Count.EXPIRED,
)
_ENDED_BY: Final = {
    "customer": Count.ENDED_BY_CUSTOMER,
    "institution": Count.ENDED_BY_INSTITUTION,
    "recipient": Count.ENDED_BY_RECIPIENT,
    "system": Count.ENDED_BY_SYSTEM,
}


class CountedConsent(NamedTuple):
    """What a consent counts as; times are aware."""

    application_id: str
    consented_on: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None

    def ended_at(self, until: datetime) -> datetime | None:
        """Give when the consent ended, or None if it is live at `until`."""
        if self.revoked_at is not None:
            return self.revoked_at
        return self.expires_at if self.expires_at is not None and self.expires_at <= until else None


class DayCount(NamedTuple):
    """What is summed: a kind of count, of one app or `WHOLE`, on one day."""

    kind: Count
    application_id: str
    day: date


@dataclass(frozen=True, slots=True)
class Tally:
    """What consents contribute: to sums of days, and to live consents and to their customers by app or `WHOLE`."""

    days: Counter[DayCount]
    live: Counter[str]
    customers: Counter[str]

    def minus(self, other: "Tally") -> "Tally":
        """Give what must be added to `other` to come to this; numbers may be negative, none is zero."""
        return Tally(
            _difference(self.days, other.days),
            _difference(self.live, other.live),
            _difference(self.customers, other.customers),
        )

    def add(self, other: "Tally") -> None:
        """Add another tally to this one."""
        self.days.update(other.days)
        self.live.update(other.live)
        self.customers.update(other.customers)


def nothing() -> Tally:
    """Give a tally of nothing, to which others can be added."""
    return Tally(Counter(), Counter(), Counter())


def tally(consents: Iterable[CountedConsent], until: datetime) -> Tally:
    """Count the consents of one customer, as they are at `until`.

    A customer is connected, to an app or at all, from the day on which a live consent begins until that on which the
    last one of those that overlap ends.
    """
    counted = nothing()
    by_app: dict[str, list[CountedConsent]] = {}
    everything: list[CountedConsent] = []
    for consent in consents:
        by_app.setdefault(consent.application_id, []).append(consent)
        everything.append(consent)
    if everything:
        by_app[WHOLE] = everything
    for application_id, group in by_app.items():
        _count_each(counted, application_id, group, until)
        _count_connections(counted, application_id, group, until)
    return counted


def _count_each(counted: Tally, application_id: str, group: Iterable[CountedConsent], until: datetime) -> None:
    live = 0
    for consent in group:
        counted.days[DayCount(Count.BEGAN, application_id, day_of(consent.consented_on))] += 1
        ended_at = consent.ended_at(until)
        if ended_at is None:
            live += 1
        else:
            kind = Count.EXPIRED if consent.revoked_at is None else _ENDED_BY[consent.revoked_by or "system"]
            counted.days[DayCount(kind, application_id, day_of(ended_at))] += 1
    if live:
        counted.live[application_id] = live
        counted.customers[application_id] = 1


def _count_connections(counted: Tally, application_id: str, group: Iterable[CountedConsent], until: datetime) -> None:
    spans = []
    for consent in group:
        ended_at = consent.ended_at(until)
        # One that is said to have ended before it began connected nobody for longer than that moment.
        spans.append((consent.consented_on, None if ended_at is None else max(ended_at, consent.consented_on)))
    spans.sort(key=lambda span: span[0])
    connected_until: datetime | None = None
    is_connected = False
    for begins, ends in spans:
        if is_connected and connected_until is not None and begins > connected_until:
            counted.days[DayCount(Count.CUSTOMERS_LEFT, application_id, day_of(connected_until))] += 1
            is_connected = False
        if not is_connected:
            counted.days[DayCount(Count.CUSTOMERS_CONNECTED, application_id, day_of(begins))] += 1
            is_connected, connected_until = True, ends
        elif connected_until is not None:
            connected_until = None if ends is None else max(connected_until, ends)
    if is_connected and connected_until is not None:
        counted.days[DayCount(Count.CUSTOMERS_LEFT, application_id, day_of(connected_until))] += 1


def day_of(moment: datetime) -> date:
    """Give the day of a moment, in UTC."""
    return moment.astimezone(UTC).date()


def _difference(mine: Counter[Key], theirs: Counter[Key]) -> Counter[Key]:
    changed = Counter(mine)
    changed.subtract(theirs)
    return Counter({key: number for key, number in changed.items() if number})
