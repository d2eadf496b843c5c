"""What the made-up bank is like, whatever the seed."""

import re
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from consentry.domain.scope import is_customer_id
from consentry.sandbox.bank import CUSTOMERS, SEED, make_bank
from consentry.sandbox.words import APPS
from consentry.store.sandbox import MadeUpBank, MadeUpConsent

NOW = timedelta(0)
seeds = st.integers(0, 2**32)


def _has_ended(consent: MadeUpConsent) -> bool:
    return consent.revoked is not None or (consent.expires is not None and consent.expires >= NOW)


@given(seed=seeds)
@settings(max_examples=8)
def test_a_seed_makes_the_same_bank_each_time(seed: int) -> None:
    assert make_bank(seed) == make_bank(seed) != make_bank(seed + 1)


@given(seed=seeds)
@settings(max_examples=8)
def test_everything_is_told_apart_and_may_be_stored(seed: int) -> None:
    bank = make_bank(seed)
    assert len({customer.customer_id for customer in bank.customers}) == CUSTOMERS
    assert all(is_customer_id(customer.customer_id) for customer in bank.customers)
    assert len({consent.consent_id for consent in bank.consents}) == len(bank.consents)
    assert all(re.fullmatch(r"_[A-Za-z0-9_-]{1,63}", consent.consent_id) for consent in bank.consents)
    for customer in bank.customers:
        assert len({account.nickname for account in customer.accounts}) == len(customer.accounts)
        assert len({account.account_id for account in customer.accounts}) == len(customer.accounts)
        assert all(re.fullmatch(r"X{8}\d{4}", account.number_display) for account in customer.accounts)


@given(seed=seeds)
@settings(max_examples=8)
def test_no_consent_was_used_before_it_began_or_after_it_ended(seed: int) -> None:
    for consent in make_bank(seed).consents:
        ended = max(consent.revoked or NOW, consent.expires or NOW, NOW)
        assert consent.granted > ended
        assert consent.last_accessed is None or consent.granted > consent.last_accessed >= ended
        assert consent.paused is None or consent.granted > consent.paused > NOW


@given(seed=seeds)
@settings(max_examples=8)
def test_a_customer_has_at_most_one_live_consent_an_app(seed: int) -> None:
    live = [(c.customer_id, c.application_id) for c in make_bank(seed).consents if not _has_ended(c)]
    assert len(set(live)) == len(live)


@given(seed=seeds)
@settings(max_examples=8)
def test_consents_share_accounts_that_their_customer_has(seed: int) -> None:
    bank = make_bank(seed)
    accounts = {c.customer_id: {account.account_id for account in c.accounts} for c in bank.customers}
    assert all(set(consent.shared_accounts) <= accounts[consent.customer_id] for consent in bank.consents)


def test_the_demo_has_consents_and_accounts_of_every_kind() -> None:
    bank = make_bank(SEED)
    consents = bank.consents
    assert {consent.revoked_by for consent in consents} == {None, "customer", "institution", "recipient"}
    assert any(consent.paused is not None for consent in consents)
    assert any(consent.expires is not None and consent.expires > NOW for consent in consents)
    assert any(consent.expires is None and not _has_ended(consent) for consent in consents)
    assert any(not consent.shared_accounts for consent in consents)
    assert any(consent.auto_share for consent in consents)
    assert any(consent.last_accessed is None for consent in consents)
    assert {consent.application_id for consent in consents} == {app.application_id for app in APPS}
    handles = "".join(account.account_id for customer in bank.customers for account in customer.accounts)
    assert {"~", ":", "/"} <= set(handles)
    assert any(":" in customer.customer_id for customer in bank.customers)
    assert {app.intermediary_id is None for app in bank.applications} == {True, False}
    assert _customers_without_consents(bank) > 0


def _customers_without_consents(bank: MadeUpBank) -> int:
    return len(bank.customers) - len({consent.customer_id for consent in bank.consents})
