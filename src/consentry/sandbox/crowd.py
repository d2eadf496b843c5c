"""The many customers behind the few that one meets: years of consents that begin and end with the seasons.

They are what charts and long lists are made of. Always the same for the same seed and day; times are how long ago
something was, as in `bank`. On which days these customers came is `visits`' business.
"""

import random
from dataclasses import replace
from datetime import date, timedelta
from itertools import accumulate
from typing import Final

from consentry.sandbox.bank import made_accounts
from consentry.sandbox.words import APPS, App
from consentry.store.sandbox import MadeUpConsent, MadeUpCustomer

DAYS: Final = 900
_YEAR: Final = 365
_LETTERS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# How much of a usual month's or weekday's connecting happens in it: taxes in spring, little in summer and at the end.
_MONTHS: Final = (1.2, 1.3, 1.4, 1.25, 0.95, 0.85, 0.75, 0.8, 1.0, 1.05, 1.1, 0.7)
_WEEKDAYS: Final = (1.1, 1.15, 1.1, 1.05, 1.1, 0.8, 0.65)
_TAX_MONTHS: Final = (1, 2, 3, 4)
_POPULARITY: Final = (30, 17, 8, 7, 10, 4, 12, 13, 7, 5, 9, 5)  # in the order of APPS
_CONSENTS: Final = (1, 1, 1, 2, 2, 2, 3, 3, 4, 5)
_LEAST_AGE: Final = 0.02
_LEAK_DAYS_AGO: Final = 47  # on which the bank itself ended what an app had
_LEAKED: Final = "cindermark"


def make_crowd(seed: int, today: date, *, customers: int) -> tuple[list[MadeUpCustomer], list[MadeUpConsent]]:
    """Make customers, and what they let apps read in the `DAYS` before `today`, UTC's."""
    chance = random.Random(f"{seed} {today}")
    days = list(accumulate(_weight(today - timedelta(days=ago), ago) for ago in range(DAYS)))
    made_customers: dict[str, MadeUpCustomer] = {}
    consents: list[MadeUpConsent] = []
    while len(made_customers) < customers:
        customer_id = "cus_" + "".join(chance.choices(_LETTERS, k=10))
        customer = made_customers[customer_id] = MadeUpCustomer(customer_id, made_accounts(chance))
        begun = chance.choices(range(DAYS), cum_weights=days, k=chance.choice(_CONSENTS))
        apps: set[str] = set()
        for ago in begun:
            app = _app(chance, today - timedelta(days=ago))
            if app.application_id not in apps:
                apps.add(app.application_id)
                consents.append(_consent(chance, customer, app, ago))
    return list(made_customers.values()), consents


def _weight(day: date, ago: int) -> float:
    growth: float = 0.5 ** (ago / _YEAR)
    return growth * _MONTHS[day.month - 1] * _WEEKDAYS[day.weekday()]


def _app(chance: random.Random, day: date) -> App:
    weights = [
        popularity * (5 if app.application_id == "tindrel" and day.month in _TAX_MONTHS else 1)
        for app, popularity in zip(APPS, _POPULARITY, strict=True)
    ]
    (app,) = chance.choices(APPS, weights=weights)
    return app


def _consent(chance: random.Random, customer: MadeUpCustomer, app: App, ago: int) -> MadeUpConsent:
    granted = timedelta(days=max(ago + chance.uniform(0, 0.95), _LEAST_AGE))
    account_ids = [account.account_id for account in customer.accounts]
    shared = chance.sample(account_ids, chance.randint(1, len(account_ids)))
    begun = MadeUpConsent(
        consent_id="_" + "".join(chance.choices(_ID_LETTERS, k=20)),
        customer_id=customer.customer_id,
        application_id=app.application_id,
        granted=granted,
        shared_accounts=tuple(account_id for account_id in account_ids if account_id in shared),
        data_clusters=app.clusters,
        auto_share=chance.random() < 0.35,
        expires=None if app.days is None else granted - timedelta(days=app.days),
    )
    return _come_to_its_end(chance, begun, app)


def _come_to_its_end(chance: random.Random, consent: MadeUpConsent, app: App) -> MadeUpConsent:
    """Let a consent live, expire or be ended, as it is with most apps and most people."""
    ended = consent.granted - timedelta(days=chance.expovariate(1 / 110))
    expired = consent.expires if consent.expires is not None and consent.expires > timedelta(0) else timedelta(0)
    leaked = timedelta(days=_LEAK_DAYS_AGO + chance.uniform(0.3, 0.6))
    if app.application_id == _LEAKED and consent.granted > leaked > expired and chance.random() < 0.6:
        return _revoked(consent, leaked, "institution", "security_event")
    if ended > expired and chance.random() < 0.38:
        by = chance.choices(("customer", "recipient", "institution"), weights=(80, 14, 6))[0]
        reason = "user_action" if by != "institution" else "business_rule"
        return _revoked(consent, ended, by, reason)
    if expired:
        return replace(consent, last_accessed=min(expired + timedelta(hours=chance.uniform(2, 90)), consent.granted))
    if chance.random() < 0.04:
        paused = consent.granted * chance.uniform(0.1, 0.9)
        return replace(consent, paused=paused, last_accessed=paused)
    return replace(consent, last_accessed=min(timedelta(hours=chance.uniform(0.2, 60)), consent.granted))


def _revoked(consent: MadeUpConsent, ago: timedelta, by: str, reason: str) -> MadeUpConsent:
    return replace(
        consent,
        revoked=ago,
        revoked_by=by,
        revocation_reason=reason,
        last_accessed=min(ago + timedelta(hours=3), consent.granted),
    )
