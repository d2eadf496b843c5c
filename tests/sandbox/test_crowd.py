"""The past of the made-up institutions, whatever the seed and the day."""

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consentry.domain.counting import Count
from consentry.domain.scope import is_customer_id
from consentry.sandbox.crowd import DAYS, make_crowd
from consentry.sandbox.visits import YEAR, make_visits
from consentry.store import sandbox
from consentry.store.sandbox import SandboxRefused
from consentry.usecases.services import Services
from tests.builders import Tenant

TODAY = date(2026, 11, 26)
seeds = st.integers(0, 2**32)
days = st.dates(date(2024, 1, 1), date(2030, 12, 31))


@given(seed=seeds, today=days)
@settings(max_examples=8)
def test_a_seed_and_a_day_make_the_same_past_each_time(seed: int, today: date) -> None:
    made = make_crowd(seed, today, customers=30)
    assert made == make_crowd(seed, today, customers=30) != make_crowd(seed + 1, today, customers=30)
    assert make_visits(seed, today, made[1]) == make_visits(seed, today, made[1])


@given(seed=seeds, today=days)
@settings(max_examples=8)
def test_everything_happened_in_its_order(seed: int, today: date) -> None:
    customers, consents = make_crowd(seed, today, customers=60)
    assert all(is_customer_id(customer.customer_id) for customer in customers)
    now = timedelta(0)
    for consent in consents:
        ended = max(consent.revoked or now, consent.expires or now, now)
        assert timedelta(days=DAYS) > consent.granted > ended
        assert consent.revoked is None or consent.expires is None or consent.revoked >= consent.expires
        assert consent.paused is None or consent.granted > consent.paused > now
        assert consent.last_accessed is None or consent.granted >= consent.last_accessed >= ended
    live = Counter((consent.customer_id, consent.application_id) for consent in consents)
    assert set(live.values()) <= {1}


def test_the_past_has_seasons_and_every_way_to_end() -> None:
    _, consents = make_crowd(1, TODAY, customers=1500)
    taxes = Counter((TODAY - consent.granted).month <= 4 for consent in consents if consent.application_id == "tindrel")
    assert taxes[True] > taxes[False] * 1.5
    assert {consent.revoked_by for consent in consents} == {None, "customer", "institution", "recipient"}
    assert len({consent.application_id for consent in consents}) == 12


@given(seed=seeds, today=days)
@settings(max_examples=8)
def test_the_sums_of_visits_agree_with_each_other_and_leave_today_alone(seed: int, today: date) -> None:
    _, consents = make_crowd(seed, today, customers=60)
    visits = make_visits(seed, today, consents)
    sums: Counter[Count] = Counter()
    for counted, number in visits.days.items():
        assert number > 0
        assert today - timedelta(days=YEAR) <= counted.day < today
        sums[counted.kind] += number
    assert sums[Count.CUSTOMERS_LAST_SEEN] == len(visits.last_seen) <= sums[Count.CUSTOMERS_SEEN]
    assert sums[Count.TOKENS_ISSUED] >= sums[Count.CUSTOMERS_SEEN]


async def test_a_past_is_made_up_for_no_database_but_the_sandboxs(services: Services, bku: Tenant) -> None:
    _, consents = make_crowd(1, TODAY, customers=3)
    visits = make_visits(1, TODAY, consents)
    async with services.session.begin(bku.institution_id) as connection:
        with pytest.raises(SandboxRefused):
            await sandbox.add_past_visits(connection, bku.institution_id, visits.days, visits.last_seen)
        assert await connection.fetchval("select count(*) from consentry.customers_seen") == 0
