"""The words of the made-up bank: what its accounts, apps and intermediaries are called.

All of them are invented; that a name sounds like somebody's is chance. How they are put together is left to `bank`.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from consentry.store.sandbox import MadeUpIntermediary

INSTITUTION: Final = "bku"
INSTITUTION_NAME: Final = "Birch Kettle Union"


@dataclass(frozen=True, slots=True)
class Product:
    """A kind of account: its handle, in which `{branch}`, `{number}` and `{check}` stand, and how often it occurs."""

    name: str
    handle: str
    weight: int
    gets_nicknames: bool = False


PRODUCTS: Final = (
    Product("Everyday Checking", "DDA:{branch}/{number}", 30, gets_nicknames=True),
    Product("Everyday Checking Plus", "DDA:{branch}/{number}~plus", 8, gets_nicknames=True),
    Product("Joint Checking", "DDA:{branch}/{number}~joint", 8, gets_nicknames=True),
    Product("Rainy Day Savings", "SAV~{number}", 22, gets_nicknames=True),
    Product("Youth Savings", "SAV~{number}/Y", 5, gets_nicknames=True),
    Product("High-Yield Money Market", "MMA:{number}:{check}", 8, gets_nicknames=True),
    Product("12-Month Certificate", "CD-{number}~12M", 6, gets_nicknames=True),
    Product("Cash Back Credit Card", "CARD/{number}:{check}", 16),
    Product("Travel Rewards Card", "CARD/{number}:{check}~T", 8),
    Product("Auto Loan", "LN:A/{number}", 8),
    Product("30-Year Mortgage", "LN:M/{number}~30Y", 7),
    Product("Home Equity Line", "LN:H/{number}", 4),
    Product("Student Loan", "LN:S/{number}", 4),
    Product("Traditional IRA", "IRA:{number}", 4),
    Product("Small Business Checking", "BUS:{branch}/{number}", 5),
)

# The accounts of the customer with the most consents, whom the walk-through meets.
FIRST_PRODUCTS: Final = (PRODUCTS[0], PRODUCTS[3], PRODUCTS[7], PRODUCTS[2])

# What people call an account themselves; each is given at most once to a customer.
NICKNAMES: Final = (
    "Bills",
    "Groceries",
    "House Fund",
    "Vacation",
    "Emergency Fund",
    "New Roof",
    "Wedding",
    "Fun Money",
    "Tuition",
    "Joint with Sam",
    "Side Business",
    "Car Repairs",
    "Holiday Gifts",
    "Mom's Account",
    "Do Not Touch",
)

INTERMEDIARIES: Final = (
    MadeUpIntermediary("ferrowlink", "Ferrowlink Exchange", "Dana Okafor", timedelta(days=1510), limit=(600, "minute")),
    MadeUpIntermediary("tarnbrook", "Tarnbrook Data Relay", "Jorun Falk", timedelta(days=1466), limit=(20_000, "day")),
    MadeUpIntermediary("ostrelway", "Ostrelway Connect", "Sabine Merle", timedelta(days=1420)),
)


@dataclass(frozen=True, slots=True)
class App:
    """An app: its kind, its name, what it is for, through whom it reads, what, and for how many days (None: open)."""

    application_id: str
    category: str
    name: str
    purpose: str
    intermediary: str | None
    clusters: tuple[str, ...]
    days: int | None = 365
    has_icon: bool = True


_MONEY: Final = ("ACCOUNT_BASIC", "BALANCES", "TRANSACTIONS")

APPS: Final = (
    App(
        "quillvane",
        "Budgeting",
        "Quillvane Budget",
        "Sorts what you spend into budgets and tells you what is left.",
        "ferrowlink",
        _MONEY,
    ),
    App(
        "pebblewick",
        "Saving",
        "Pebblewick Savings Goals",
        "Watches how close you are to what you are saving for.",
        "ferrowlink",
        ("ACCOUNT_BASIC", "BALANCES"),
    ),
    App(
        "marlowtide",
        "Lending",
        "Marlowtide Home Loans",
        "Checks income and spending for your mortgage application.",
        "tarnbrook",
        (*_MONEY, "ACCOUNT_DETAILED", "STATEMENTS"),
        90,
    ),
    App(
        "tindrel",
        "Taxes",
        "Tindrel Tax",
        "Fills in your tax return from statements and tax forms.",
        None,
        ("ACCOUNT_BASIC", "STATEMENTS", "TAX"),
        180,
    ),
    App(
        "osprelle",
        "Investing",
        "Osprelle Invest",
        "Shows all your investments together and suggests what to rebalance.",
        "ostrelway",
        (*_MONEY, "INVESTMENTS"),
    ),
    App(
        "graymoss",
        "Accounting",
        "Graymoss Ledger",
        "Keeps the books of your business up to date.",
        None,
        (*_MONEY, "ACCOUNT_DETAILED", "STATEMENTS"),
        None,
    ),
    App(
        "velkin",
        "Payments",
        "Velkin Pay",
        "Pays from your account when you shop.",
        "ostrelway",
        ("ACCOUNT_BASIC", "ACCOUNT_PAYMENTS", "BALANCES"),
        None,
    ),
    App(
        "bramblerow",
        "Saving",
        "Bramblerow Round-Ups",
        "Rounds up what you pay and saves the difference.",
        "ferrowlink",
        _MONEY,
        None,
    ),
    App(
        "cindermark",
        "Lending",
        "Cindermark Credit Check",
        "Works out how likely a lender is to say yes.",
        "tarnbrook",
        (*_MONEY, "CUSTOMER_CONTACT"),
        90,
    ),
    App(
        "juniperby",
        "Payments",
        "Juniperby Rent",
        "Proves to a landlord that you can pay the rent, and pays it.",
        "tarnbrook",
        ("ACCOUNT_BASIC", "ACCOUNT_PAYMENTS"),
        365,
        has_icon=False,
    ),
    App(
        "snapdrift",
        "Payments",
        "Snapdrift Shared Bills",
        "Splits bills between the people who share them.",
        "ferrowlink",
        ("ACCOUNT_BASIC", "BALANCES", "BILLS"),
    ),
    App(
        "hollenby",
        "Budgeting",
        "Hollenby Net Worth",
        "Adds up what you own and what you owe.",
        "ostrelway",
        (*_MONEY, "INVESTMENTS", "REWARDS"),
        365,
        has_icon=False,
    ),
)

# Apps that have asked to be let in, and of whom nobody has decided yet.
WAITING_APPS: Final = (
    App(
        "wrenfold",
        "Lending",
        "Wrenfold Payday",
        "Lends until payday to whoever is paid by the hour.",
        "tarnbrook",
        _MONEY,
        90,
    ),
    App(
        "thornbury",
        "Insurance",
        "Thornbury Cover",
        "Finds what your insurance leaves out.",
        "ostrelway",
        ("ACCOUNT_BASIC", "TRANSACTIONS"),
        has_icon=False,
    ),
)
