"""Counting: what a customer's consents contribute to the sums, and that sums follow by differences."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from consentry.domain.counting import ENDED, WHOLE, Count, CountedConsent, DayCount, nothing, tally

NOON = datetime(2025, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)

moments = st.integers(min_value=-40, max_value=40).map(lambda hours: NOON + timedelta(hours=6 * hours))
consents = st.builds(
    lambda application_id, consented_on, expires_at, revoked_at, by: CountedConsent(
        application_id, consented_on, expires_at, revoked_at, None if revoked_at is None else by
    ),
    st.sampled_from(["budget", "lender", "tax"]),
    moments,
    st.none() | moments,
    st.none() | moments,
    st.sampled_from(["customer", "institution", "recipient", "system"]),
)
histories = st.lists(consents, max_size=6)


def consent(begins: int, ends: int | None = None, *, app: str = "budget", by: str | None = None) -> CountedConsent:
    """Make a consent that begins and ends so many days from noon; it expires unless somebody ends it."""
    end = None if ends is None else NOON + ends * DAY
    return CountedConsent(app, NOON + begins * DAY, None if by else end, end if by else None, by)


def days_of(found: Counter[DayCount], kind: Count, application_id: str = WHOLE) -> dict[int, int]:
    return {
        (count.day - NOON.date()).days: number
        for count, number in found.items()
        if count.kind is kind and count.application_id == application_id
    }


def test_an_expiry_counts_from_its_moment_on() -> None:
    one = [consent(-10, 3)]
    before, after = tally(one, NOON), tally(one, NOON + 3 * DAY)
    assert (before.live[WHOLE], before.customers["budget"]) == (1, 1)
    assert (after.live[WHOLE], after.customers["budget"]) == (0, 0)
    assert days_of(after.days, Count.EXPIRED) == days_of(after.days, Count.CUSTOMERS_LEFT) == {3: 1}


def test_a_customer_with_two_apps_is_connected_once_and_leaves_with_the_last() -> None:
    found = tally([consent(-9, -5, by="customer"), consent(-7, -2, app="tax", by="recipient")], NOON)
    assert days_of(found.days, Count.CUSTOMERS_CONNECTED) == {-9: 1}
    assert days_of(found.days, Count.CUSTOMERS_LEFT) == {-2: 1}
    assert days_of(found.days, Count.CUSTOMERS_LEFT, "budget") == {-5: 1}
    assert days_of(found.days, Count.ENDED_BY_CUSTOMER) == {-5: 1}
    assert days_of(found.days, Count.ENDED_BY_RECIPIENT) == {-2: 1}


def test_a_customer_who_comes_back_is_connected_twice() -> None:
    found = tally([consent(-9, -8, by="system"), consent(-4)], NOON)
    assert days_of(found.days, Count.CUSTOMERS_CONNECTED) == {-9: 1, -4: 1}
    assert days_of(found.days, Count.CUSTOMERS_LEFT) == {-8: 1}
    assert found.customers[WHOLE] == 1


@given(histories, moments)
def test_what_began_less_what_ended_is_live_for_each_app_and_for_all(
    history: list[CountedConsent], until: datetime
) -> None:
    found = tally(history, until)
    for application_id in {WHOLE, *(one.application_id for one in history)}:
        began = sum(days_of(found.days, Count.BEGAN, application_id).values())
        ended = sum(sum(days_of(found.days, kind, application_id).values()) for kind in ENDED)
        assert began - ended == found.live[application_id]
        came = sum(days_of(found.days, Count.CUSTOMERS_CONNECTED, application_id).values())
        left = sum(days_of(found.days, Count.CUSTOMERS_LEFT, application_id).values())
        assert came - left == found.customers[application_id] == min(1, found.live[application_id])


@given(histories, histories, moments, moments)
def test_a_difference_leads_from_one_state_to_the_other(
    one: list[CountedConsent], other: list[CountedConsent], earlier: datetime, later: datetime
) -> None:
    before, after = tally(one, earlier), tally(other, later)
    total = nothing()
    total.add(before)
    total.add(after.minus(before))
    assert total.minus(after) == nothing()


@given(histories, moments)
def test_the_order_of_consents_does_not_matter(history: list[CountedConsent], until: datetime) -> None:
    assert tally(history, until) == tally(reversed(history), until)
