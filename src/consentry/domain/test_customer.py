"""Customers that are no people: made by the product, so that staff can look at the dashboard and developers can try.

A test customer begins its life as one: nobody can declare a real customer to be one. What its first consents are is
decided here; that it is stored, and marked as what it is, is the store's business.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consentry.domain.account import Account
from consentry.domain.credential import random_base62

MOST_TEST_CUSTOMERS: Final = 20
PREFIX: Final = "test-"
_ID_LENGTH: Final = 16
_MOST_APPS: Final = 3
_CLUSTERS: Final = (
    ("ACCOUNT_BASIC", "BALANCES", "TRANSACTIONS"),
    ("ACCOUNT_BASIC", "PAYMENT_SUPPORT"),
    ("ACCOUNT_BASIC", "STATEMENTS", "TAX"),
)


@dataclass(frozen=True, slots=True)
class TestCustomer:
    """A test customer, its accounts, and how many consents it has."""

    customer_id: str
    added_at: datetime
    consents: int
    accounts: tuple[Account, ...]


@dataclass(frozen=True, slots=True)
class TestConsent:
    """A consent that a test customer begins with."""

    consent_id: str
    application_id: str
    shared_accounts: tuple[str, ...]
    data_clusters: tuple[str, ...]


def new_customer_id(choose: Callable[[str], str]) -> str:
    """Make an id that no customer of a bank has: 95 random bits behind `test-`."""
    return PREFIX + random_base62(choose, length=_ID_LENGTH)


def accounts_of(customer_id: str) -> tuple[Account, ...]:
    """Give the accounts that a new test customer begins with; their ids bear the customer's."""
    return (
        Account(f"{customer_id}-checking", "Test Checking", "XXXXXXXX0001"),
        Account(f"{customer_id}-savings", "Test Savings", "XXXXXXXX0002"),
        Account(f"{customer_id}-card", "Test Card", "XXXXXXXX0003"),
    )


def first_consents(
    accounts: Sequence[Account], application_ids: Sequence[str], choose: Callable[[str], str]
) -> tuple[TestConsent, ...]:
    """Give a consent to each of the first three apps: with all accounts, with two, with one."""
    return tuple(
        TestConsent(
            consent_id="_" + random_base62(choose, length=22),
            application_id=application_id,
            shared_accounts=tuple(account.account_id for account in accounts[: len(accounts) - number]),
            data_clusters=_CLUSTERS[number],
        )
        for number, application_id in enumerate(application_ids[:_MOST_APPS])
    )
