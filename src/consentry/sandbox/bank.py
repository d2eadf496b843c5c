"""The made-up bank: customers, their accounts, and consents of every kind, always the same for the same seed.

Secrets, keys and tokens are no part of it: they are made by the product, from the system's randomness. How the rows get
into the database is left to `consentry.store.sandbox`.
"""

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final, TypeVar

from consentry.domain.account import Account
from consentry.sandbox.words import (
    APPS,
    FIRST_PRODUCTS,
    INTERMEDIARIES,
    NICKNAMES,
    PRODUCTS,
    WAITING_APPS,
    App,
    Product,
)
from consentry.store.sandbox import MadeUpApplication, MadeUpBank, MadeUpConsent, MadeUpCustomer

SEED: Final = 20240614
CUSTOMERS: Final = 200
_LETTERS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# How many consents a customer has, and how often that is so. The first customer has one to each app.
_CONSENTS: Final = {0: 8, 1: 24, 2: 26, 3: 18, 4: 11, 5: 7, 6: 4, 8: 2}
_ACCOUNTS: Final = {1: 12, 2: 28, 3: 30, 4: 18, 5: 8, 6: 4}

Kind = Callable[[random.Random, MadeUpConsent, App], MadeUpConsent]
Value = TypeVar("Value")


def make_bank(seed: int = SEED) -> MadeUpBank:
    """Make the whole bank from a seed."""
    chance = random.Random(seed)
    customers = tuple(_customer(chance, first=number == 0) for number in range(CUSTOMERS))
    consents: list[MadeUpConsent] = []
    for number, customer in enumerate(customers):
        if number == 0:
            kinds = [*[_active] * 8, _paused, _expired, _ended_by_customer, _ended_by_institution]
            consents += [_consent(chance, customer, app, kind) for app, kind in zip(APPS, kinds, strict=True)]
            continue
        for app in chance.sample(APPS, _drawn(chance, _CONSENTS)):
            kind = _drawn(chance, _KINDS)
            consents.append(_consent(chance, customer, app, kind))
            if kind is _active and chance.random() < 0.1:
                consents.append(_earlier(chance, _consent(chance, customer, app, _ended_by_customer), consents[-1]))
    return MadeUpBank(
        intermediaries=INTERMEDIARIES,
        applications=made_applications(),
        customers=customers,
        consents=tuple(consents),
    )


def made_applications() -> tuple[MadeUpApplication, ...]:
    """Give the apps as they are stored."""
    return tuple(
        MadeUpApplication(
            app.application_id,
            app.name,
            f"https://icons.sandbox.example/{app.application_id}.png" if app.has_icon else None,
            app.purpose,
            app.intermediary,
            category=app.category,
            website=f"https://{app.application_id}.example",
            registered=timedelta(days=4 + 3 * number if app in WAITING_APPS else 1400 - 37 * number),
            status="needs_review" if app in WAITING_APPS else "active",
        )
        for number, app in enumerate((*WAITING_APPS, *APPS))
    )


def _drawn(chance: random.Random, weights: dict[Value, int]) -> Value:
    (drawn,) = chance.choices(list(weights), weights=list(weights.values()))
    return drawn


def _customer(chance: random.Random, *, first: bool) -> MadeUpCustomer:
    if chance.random() < 0.85:
        customer_id = "cus_" + "".join(chance.choices(_LETTERS, k=10))
    else:
        customer_id = f"member:{chance.randrange(10**5, 10**6)}"
    products = list(FIRST_PRODUCTS) if first else _some_products(chance)
    return MadeUpCustomer(customer_id, _accounts_of(chance, products, plain=first))


def made_accounts(chance: random.Random) -> tuple[Account, ...]:
    """Make the accounts of a customer like any other."""
    return _accounts_of(chance, _some_products(chance), plain=False)


def _some_products(chance: random.Random) -> list[Product]:
    weights = [product.weight for product in PRODUCTS]
    return chance.choices(PRODUCTS, weights=weights, k=_drawn(chance, _ACCOUNTS))


def _accounts_of(chance: random.Random, products: list[Product], *, plain: bool) -> tuple[Account, ...]:
    accounts: list[Account] = []
    for product in products:
        names = [account.nickname for account in accounts]
        accounts.append(_account(chance, product, name=_nickname(chance, product, names, plain=plain)))
    return tuple(accounts)


def _account(chance: random.Random, product: Product, *, name: str) -> Account:
    """Make an account; its id is a handle, in which the account's number does not occur."""
    handle = product.handle.format(
        branch=f"{chance.randrange(1, 60):04}",
        number=f"{chance.randrange(10**7, 10**8)}",
        check=f"{chance.randrange(100):02}",
    )
    return Account(account_id=handle, nickname=name, number_display=f"XXXXXXXX{chance.randrange(10**4):04}")


def _nickname(chance: random.Random, product: Product, names: list[str], *, plain: bool) -> str:
    """Choose a name that none of the customer's other accounts has."""
    if product.gets_nicknames and not plain and chance.random() < 0.45:
        return chance.choice([nickname for nickname in NICKNAMES if nickname not in names])
    numbered = (product.name if number == 1 else f"{product.name} {number}" for number in itertools.count(1))
    return next(name for name in numbered if name not in names)


# --- consents ---------------------------------------------------------------------------------------------------


def _consent(chance: random.Random, customer: MadeUpCustomer, app: App, kind: Kind) -> MadeUpConsent:
    """Make a consent and let it come to what its kind says; before that it is young, live and shares something."""
    account_ids = [account.account_id for account in customer.accounts]
    auto_share = chance.random() < 0.35
    shared = account_ids if auto_share else chance.sample(account_ids, chance.randint(1, len(account_ids)))
    begun = MadeUpConsent(
        consent_id="_" + "".join(chance.choices(_ID_LETTERS, k=20)),
        customer_id=customer.customer_id,
        application_id=app.application_id,
        granted=_days(chance, 3, 0.9 * (app.days or 900)),
        shared_accounts=tuple(account_id for account_id in account_ids if account_id in shared),
        data_clusters=app.clusters,
        auto_share=auto_share,
    )
    if app.days is not None:
        begun = replace(begun, expires=begun.granted - timedelta(days=app.days))
    return kind(chance, begun, app)


def _active(chance: random.Random, consent: MadeUpConsent, _: App) -> MadeUpConsent:
    return replace(consent, last_accessed=_days(chance, 0.01, min(2.5, consent.granted.days)))


def _never_used(_: random.Random, consent: MadeUpConsent, __: App) -> MadeUpConsent:
    return consent


def _sharing_nothing(chance: random.Random, consent: MadeUpConsent, app: App) -> MadeUpConsent:
    return replace(_active(chance, consent, app), shared_accounts=(), auto_share=False)


def _paused(chance: random.Random, consent: MadeUpConsent, _: App) -> MadeUpConsent:
    paused = _days(chance, 0.5, 0.7 * _in_days(consent.granted))
    return replace(consent, paused=paused, last_accessed=paused + timedelta(hours=chance.randint(1, 12)))


def _expired(chance: random.Random, consent: MadeUpConsent, app: App) -> MadeUpConsent:
    let = timedelta(days=app.days or 365)
    ended = _days(chance, 1, 200)
    return replace(consent, granted=ended + let, expires=ended, last_accessed=ended + _days(chance, 0.1, 6))


def _ended_by_customer(chance: random.Random, consent: MadeUpConsent, _: App) -> MadeUpConsent:
    return _revoked(chance, consent, "customer", "user_action")


def _ended_by_institution(chance: random.Random, consent: MadeUpConsent, _: App) -> MadeUpConsent:
    return _revoked(chance, consent, "institution", chance.choice(("security_event", "business_rule")))


def _ended_by_recipient(chance: random.Random, consent: MadeUpConsent, _: App) -> MadeUpConsent:
    return _revoked(chance, consent, "recipient", chance.choice(("user_action", "business_rule")))


def _revoked(chance: random.Random, consent: MadeUpConsent, by: str, reason: str) -> MadeUpConsent:
    revoked = _days(chance, 0.2, 0.8 * _in_days(consent.granted))
    return replace(
        consent,
        revoked=revoked,
        revoked_by=by,
        revocation_reason=reason,
        last_accessed=revoked + timedelta(minutes=chance.randint(5, 600)),
    )


def _earlier(chance: random.Random, consent: MadeUpConsent, later: MadeUpConsent) -> MadeUpConsent:
    """Move a revoked consent back to before a later one to the same app."""
    back = later.granted + _days(chance, 1, 90)

    def moved(moment: timedelta | None) -> timedelta | None:
        return None if moment is None else moment + back

    return replace(
        consent,
        granted=consent.granted + back,
        expires=moved(consent.expires),
        revoked=moved(consent.revoked),
        last_accessed=moved(consent.last_accessed),
    )


_KINDS: Final[dict[Kind, int]] = {
    _active: 58,
    _never_used: 4,
    _sharing_nothing: 4,
    _paused: 5,
    _expired: 11,
    _ended_by_customer: 11,
    _ended_by_institution: 3,
    _ended_by_recipient: 4,
}


def _days(chance: random.Random, least: float, most: float) -> timedelta:
    return timedelta(milliseconds=round(chance.uniform(least, most) * 86_400_000))


def _in_days(length: timedelta) -> float:
    return length / timedelta(days=1)
