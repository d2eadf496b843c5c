"""What an overview shows: a period of days in spans, and what the sums of days say about each span.

Sums of days come from counting.py's rules. Days are UTC's. How many are live at the end of a span is found by going
back from now: the sums say what began and ended since.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from consentry.domain.counting import ENDED, Count
from consentry.domain.refusal.institution import InvalidSettings

LONGEST: Final = timedelta(days=1_100)
"""How many days a period has at most: about three years."""
_DAYS: Final = {"7d": 7, "30d": 30, "90d": 90}
_YEAR: Final = "12m"
PERIODS: Final = (*_DAYS, _YEAR)
"""What periods up to today are called; `12m` is this month and the eleven before it."""
_BY_DAY: Final = timedelta(days=31)
_BY_WEEK: Final = timedelta(days=210)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """Some days in a row, both ends included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Pieces:
    """Days in a row as few sums: single days, and the whole months between them, each named by its first day."""

    days: tuple[Span, ...]
    months: Span | None


def pieces(first: date, last: date) -> Pieces:
    """Take days in a row apart, so that as much as can be is whole months."""
    begins = first if first.day == 1 else next_month(first)
    ends = month_of(last + _DAY)
    if begins >= ends:
        return Pieces(days=(Span(first, last),), months=None)
    before = [Span(first, begins - _DAY)] if first < begins else []
    after = [Span(ends, last)] if ends <= last else []
    return Pieces(days=(*before, *after), months=Span(begins, month_of(ends - _DAY)))


@dataclass(frozen=True, slots=True)
class Period:
    """The days that an overview is about, both ends included; `name` is one of `PERIODS`, or empty."""

    name: str
    first: date
    last: date
    today: date

    @property
    def reaches_today(self) -> bool:
        """Tell whether the period goes on until now."""
        return self.last == self.today

    @property
    def counted(self) -> Span:
        """Give the days whose sums are the period's: up to today means the whole month, as nothing is counted ahead."""
        end = next_month(self.last) - _DAY if self.reaches_today else self.last
        return Span(self.first, end)

    @property
    def step(self) -> str:
        """Tell by what the period is cut: `day`, `week` or `month`."""
        length = self.last - self.first
        return "day" if length < _BY_DAY else "week" if length < _BY_WEEK else "month"

    def days(self) -> tuple[Span, ...]:
        """Cut the period into single days."""
        count = (self.last - self.first).days + 1
        return tuple(Span(day, day) for day in (self.first + _DAY * number for number in range(count)))

    def spans(self) -> tuple[Span, ...]:
        """Cut the period into days, weeks up to its last day, or months.

        The first week may be shorter, and months at both ends: the last week is whole, so that it looks like no fall.
        """
        if self.step == "day":
            return self.days()
        return tuple(self._pieces())

    def _pieces(self) -> Iterator[Span]:
        first = self.first
        while first <= self.last:
            left = (self.last - first).days
            following = first + timedelta(days=left % 7 + 1) if self.step == "week" else next_month(first)
            yield Span(first, min(following - _DAY, self.last))
            first = following


def check_period(*, name: str, first: str, last: str, today: date, otherwise: str) -> Period:
    """Give the period that was asked for: by its first or last day where one is given, by its name, or `otherwise`.

    A missing last day is today; a missing first day is 29 days before the last.

    Raises:
        InvalidSettings: `from` or `to`; no day, in the future, the wrong way round, or too far apart.
    """
    if not first and not last:
        return named_period(name if name in PERIODS else otherwise, today=today)
    problems = {}
    begins = ends = today
    try:
        ends = date.fromisoformat(last) if last else today
    except ValueError:
        problems["to"] = "Give a day such as 2024-06-30."
    try:
        begins = date.fromisoformat(first) if first else ends - timedelta(days=29)
    except (ValueError, OverflowError):
        problems["from"] = "Give a day such as 2024-06-01."
    if not problems and ends > today:
        problems["to"] = "Give a day that has come: nothing is counted ahead."
    if not problems and begins > ends:
        problems["from"] = "Give a day that is not after the last one."
    if not problems and ends - begins >= LONGEST:
        problems["from"] = "Give a period of three years at most."
    if problems:
        raise InvalidSettings(problems)
    return Period("", begins, ends, today)


def named_period(name: str, *, today: date) -> Period:
    """Give a period of `PERIODS`, up to today."""
    if name == _YEAR:
        first = date(today.year - 1, today.month, 1)
        return Period(name, next_month(first), today, today)
    return Period(name, today - timedelta(days=_DAYS[name] - 1), today, today)


@dataclass(frozen=True, slots=True)
class Sums:
    """What is counted of some institutions: what is live now, since when that is so, and sums of days by kind.

    `days` reaches from the first day of a period to the last that anything is counted of; the sum of a whole month may
    stand under its first day. `counted_until` and `seen_until` are None where nothing has been counted yet; of several
    institutions they are the earliest.
    """

    live_consents: int
    customers: int
    counted_until: datetime | None
    seen_until: datetime | None
    days: Mapping[Count, Mapping[date, int]]


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of a span: sums over it, what was live at its end, and its users a day, on average."""

    span: Span
    began: int
    ended: Mapping[Count, int]
    live_consents: int
    customers: int
    tokens: int
    failed: int
    users: float

    @property
    def all_ended(self) -> int:
        """Give how many consents ended, by whomever."""
        return sum(self.ended.values())

    @property
    def error_rate(self) -> float | None:
        """Give the refused share of token requests, in percent; None without requests."""
        return error_rate(self.tokens, self.failed)


def error_rate(tokens: int, failed: int) -> float | None:
    """Give the refused share of token requests, in percent; None without requests."""
    asked = tokens + failed
    return 100 * failed / asked if asked else None


def rows(sums: Sums, spans: Sequence[Span]) -> tuple[Row, ...]:
    """Say what is known of spans that follow one another without a gap."""
    if not spans:
        return ()
    by_span = _by_span(sums, spans)
    live = sums.live_consents - _after(sums, spans[-1].last, plus=(Count.BEGAN,), minus=ENDED)
    customers = sums.customers - _after(
        sums, spans[-1].last, plus=(Count.CUSTOMERS_CONNECTED,), minus=(Count.CUSTOMERS_LEFT,)
    )
    made: list[Row] = []
    for span, found in zip(reversed(spans), reversed(by_span), strict=True):
        row = _row(found, span, live=live, customers=customers)
        made.append(row)
        live -= row.began - row.all_ended
        customers -= found[Count.CUSTOMERS_CONNECTED] - found[Count.CUSTOMERS_LEFT]
    return tuple(reversed(made))


def users_since(sums: Sums, first: date) -> int:
    """Give how many customers were seen on a day or after it, each once."""
    return sum(number for day, number in sums.days.get(Count.CUSTOMERS_LAST_SEEN, {}).items() if day >= first)


def _row(found: Counter[Count], span: Span, *, live: int, customers: int) -> Row:
    return Row(
        span=span,
        began=found[Count.BEGAN],
        ended={kind: found[kind] for kind in ENDED},
        live_consents=live,
        customers=customers,
        tokens=found[Count.TOKENS_ISSUED],
        failed=found[Count.SIGN_INS_FAILED],
        users=found[Count.CUSTOMERS_SEEN] / ((span.last - span.first).days + 1),
    )


def _by_span(sums: Sums, spans: Sequence[Span]) -> list[Counter[Count]]:
    """Add the sums of days up to sums of spans, each day looked at once."""
    found: list[Counter[Count]] = [Counter() for _ in spans]
    begin = [span.first for span in spans]
    for kind, days in sums.days.items():
        for day, number in days.items():
            place = bisect_right(begin, day) - 1
            if place >= 0 and day <= spans[place].last:
                found[place][kind] += number
    return found


def _after(sums: Sums, day: date, *, plus: Iterable[Count], minus: Iterable[Count]) -> int:
    """Give what was gained after a day."""
    gained = sum(number for kind in plus for on, number in sums.days.get(kind, {}).items() if on > day)
    lost = sum(number for kind in minus for on, number in sums.days.get(kind, {}).items() if on > day)
    return gained - lost


def month_of(day: date) -> date:
    """Give the first day of the month of a day."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """Give the first day of the month after that of a day."""
    return date(day.year + 1, 1, 1) if day.month == 12 else date(day.year, day.month + 1, 1)
