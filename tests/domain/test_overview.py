"""Periods of an overview, how they are cut, and what sums of days say of each piece."""

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.domain.counting import ENDED, Count
from consentry.domain.overview import (
    LONGEST,
    Period,
    Span,
    Sums,
    check_period,
    named_period,
    next_month,
    pieces,
    rows,
    users_since,
)
from consentry.domain.refusal.institution import InvalidSettings

TODAY = date(2026, 2, 3)
DAYS = st.dates(date(2023, 1, 1), date(2026, 12, 31))
SPANS = st.tuples(DAYS, st.integers(0, LONGEST.days - 1)).map(lambda pair: (pair[0], pair[0] + timedelta(days=pair[1])))


def each(span: Span) -> list[date]:
    return [span.first + timedelta(days=number) for number in range((span.last - span.first).days + 1)]


def ask(first: str = "", last: str = "", name: str = "") -> Period:
    return check_period(name=name, first=first, last=last, today=TODAY, otherwise="30d")


def test_a_named_period_ends_today() -> None:
    assert (named_period("7d", today=TODAY).first, named_period("7d", today=TODAY).last) == (date(2026, 1, 28), TODAY)
    assert named_period("90d", today=TODAY).first == date(2025, 11, 6)


def test_twelve_months_are_this_one_and_the_eleven_before_it() -> None:
    assert named_period("12m", today=TODAY).first == date(2025, 3, 1)
    assert named_period("12m", today=date(2026, 12, 31)).first == date(2026, 1, 1)
    assert named_period("12m", today=date(2024, 2, 29)).first == date(2023, 3, 1)
    assert len(named_period("12m", today=TODAY).spans()) == 12


def test_what_is_no_name_of_a_period_is_the_usual_one() -> None:
    assert ask(name="for ever").name == "30d"


def test_a_missing_end_is_today_and_a_missing_beginning_makes_thirty_days() -> None:
    assert (ask(first="2026-01-01").last, ask(last="2026-01-30").first) == (TODAY, date(2026, 1, 1))


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        ("yesterday", "", "from"),
        ("2026-02-30", "", "from"),
        ("", "2026-13-01", "to"),
        ("", "2026-02-04", "to"),
        ("2026-02-02", "2026-02-01", "from"),
        ("2026-02-04", "", "from"),
        ("2020-01-01", "", "from"),
        ("", "0001-01-01", "from"),
        ("9999-12-31", "9999-12-31", "to"),
    ],
)
def test_a_period_that_is_none_is_refused_beside_its_field(first: str, last: str, field: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        ask(first, last)
    assert list(refused.value.fields) == [field]


@given(SPANS)
def test_spans_cover_every_day_of_a_period_once(bounds: tuple[date, date]) -> None:
    period = Period("", *bounds, bounds[1])
    expected = each(Span(*bounds))
    assert [day for span in period.spans() for day in each(span)] == expected
    assert [day for span in period.days() for day in each(span)] == expected
    assert len(period.spans()) <= 38


@given(SPANS)
def test_pieces_cover_every_day_once_with_whole_months_between(bounds: tuple[date, date]) -> None:
    found = pieces(*bounds)
    days = [day for span in found.days for day in each(span)]
    month = found.months.first if found.months else None
    while found.months and month and month <= found.months.last:
        days += each(Span(month, next_month(month) - timedelta(days=1)))
        month = next_month(month)
    assert sorted(days) == each(Span(*bounds))
    assert len(found.days) <= 2


COUNTS = st.dictionaries(
    st.sampled_from(list(Count)), st.dictionaries(DAYS, st.integers(1, 9), max_size=40), max_size=len(Count)
)


@given(SPANS, COUNTS)
def test_what_was_live_at_the_end_of_a_span_is_found_by_going_back(
    bounds: tuple[date, date], counts: dict[Count, dict[date, int]]
) -> None:
    period = Period("", *bounds, bounds[1])
    sums = Sums(live_consents=500, customers=300, counted_until=None, seen_until=None, days=counts)

    def gained(plus: Count, minus: tuple[Count, ...], after: date) -> int:
        total: Counter[date] = Counter(counts.get(plus, {}))
        for kind in minus:
            total.subtract(counts.get(kind, {}))
        return sum(number for day, number in total.items() if day > after)

    for row in rows(sums, period.spans()):
        assert row.live_consents == 500 - gained(Count.BEGAN, ENDED, row.span.last)
        assert row.customers == 300 - gained(Count.CUSTOMERS_CONNECTED, (Count.CUSTOMERS_LEFT,), row.span.last)
        assert row.tokens == sum(counts.get(Count.TOKENS_ISSUED, {}).get(day, 0) for day in each(row.span))
        assert row.all_ended == sum(counts.get(kind, {}).get(day, 0) for kind in ENDED for day in each(row.span))


def test_without_requests_there_is_no_error_rate() -> None:
    day = Span(TODAY, TODAY)
    nothing = Sums(live_consents=0, customers=0, counted_until=None, seen_until=None, days={})
    assert rows(nothing, [day])[0].error_rate is None
    some = Sums(
        live_consents=0,
        customers=0,
        counted_until=None,
        seen_until=None,
        days={Count.TOKENS_ISSUED: {TODAY: 3}, Count.SIGN_INS_FAILED: {TODAY: 1}},
    )
    assert rows(some, [day])[0].error_rate == 25
    assert rows(some, []) == ()


def test_users_of_a_period_are_those_last_seen_in_it() -> None:
    seen = {Count.CUSTOMERS_LAST_SEEN: {date(2026, 1, 1): 2, date(2026, 2, 1): 5}}
    sums = Sums(live_consents=0, customers=0, counted_until=None, seen_until=None, days=seen)
    assert (users_since(sums, date(2026, 1, 1)), users_since(sums, date(2026, 1, 2))) == (7, 5)
