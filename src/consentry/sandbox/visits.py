"""On which days of the past year the made-up customers came, and what the bank's server asked for on those days.

What is kept of a past day is its sums, as the worker would have counted them; the tokens themselves are long gone.
"""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from consentry.domain.counting import WHOLE, Count, DayCount
from consentry.store.sandbox import MadeUpConsent

YEAR: Final = 365
_WEEKDAYS: Final = (1.1, 1.0, 1.0, 0.95, 1.05, 0.85, 0.8)
_FAILED_SHARE: Final = 0.008
_BAD_DAYS: Final = {133: 74, 47: 38}  # days ago, and how many sign-ins failed: somebody kept an old secret


@dataclass(frozen=True, slots=True)
class MadeUpVisits:
    """The sums of past days, and the last day on which each customer came."""

    days: Counter[DayCount]
    last_seen: dict[str, date]


def make_visits(seed: int, today: date, consents: Iterable[MadeUpConsent]) -> MadeUpVisits:
    """Let the customers of consents come now and then since their first one; `today` itself is left to the worker."""
    chance = random.Random(f"{seed} {today} visits")
    connected: dict[str, int] = {}
    for consent in consents:
        connected[consent.customer_id] = max(consent.granted.days, connected.get(consent.customer_id, 0))
    days: Counter[DayCount] = Counter()
    last_seen: dict[str, date] = {}
    for customer_id, ago in connected.items():
        came = _days_of(chance, today, ago)
        for number in came:
            day = today - timedelta(days=number)
            days[DayCount(Count.CUSTOMERS_SEEN, WHOLE, day)] += 1
            days[DayCount(Count.TOKENS_ISSUED, WHOLE, day)] += chance.choice((1, 1, 2, 3))
        if came:
            last_seen[customer_id] = today - timedelta(days=min(came))
            days[DayCount(Count.CUSTOMERS_LAST_SEEN, WHOLE, last_seen[customer_id])] += 1
    return MadeUpVisits(days + _failures(chance, today, days), last_seen)


def _days_of(chance: random.Random, today: date, since: int) -> set[int]:
    """Draw how many days ago a customer came: on the day of the first consent, and a few times a quarter."""
    span = min(since, YEAR)
    if span < 1:
        return set()
    drawn = {chance.randint(1, span) for _ in range(chance.randint(0, 2 + span // 30))}
    came = {ago for ago in drawn if chance.random() < _WEEKDAYS[(today - timedelta(days=ago)).weekday()]}
    return came | {since} if since <= YEAR else came


def _failures(chance: random.Random, today: date, days: Counter[DayCount]) -> Counter[DayCount]:
    failed: Counter[DayCount] = Counter()
    for (kind, _, day), number in days.items():
        if kind is Count.TOKENS_ISSUED:
            ordinary = sum(chance.random() < _FAILED_SHARE for _ in range(number))
            failed[DayCount(Count.SIGN_INS_FAILED, WHOLE, day)] = ordinary + _BAD_DAYS.get((today - day).days, 0)
    return failed
