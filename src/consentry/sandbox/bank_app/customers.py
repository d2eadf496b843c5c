"""What the bank knows of its customers itself: names, accounts and balances, the same at each start.

Nothing here comes from consentry, which knows accounts by handle, nickname and last digits and nothing else.
"""

import random
from dataclasses import dataclass
from functools import cache
from typing import Final

from consentry.sandbox.bank import make_bank

_GIVEN: Final = (
    "Ada", "Amir", "Bea", "Callum", "Dora", "Eli", "Farah", "Gus", "Hana", "Ines", "Jonah", "Kezia", "Leo", "Mina",
    "Nils", "Odette", "Pia", "Quentin", "Rosa", "Samir", "Tess", "Umar", "Vera", "Wren",
)  # fmt: skip
_FAMILY: Final = (
    "Abara", "Bellweather", "Castellan", "Dovecote", "Everill", "Fernside", "Garrowby", "Hathersage", "Ilves",
    "Juniper", "Kestrel", "Larkspur", "Merrow", "Nightingale", "Oakes", "Pemberly", "Quill", "Rowntree", "Sorrel",
    "Thistle", "Underhill", "Vantongeren", "Winterbourne", "Yarrow",
)  # fmt: skip
# What an account usually holds, in cents, by how its handle begins; what is owed is negative.
_BALANCES: Final = {
    "DDA": (12_000, 620_000),
    "SAV": (40_000, 2_800_000),
    "MMA": (500_000, 6_000_000),
    "CD-": (1_000_000, 5_000_000),
    "CAR": (-340_000, -2_000),
    "LN:": (-31_000_000, -400_000),
    "IRA": (900_000, 18_000_000),
    "BUS": (80_000, 4_500_000),
}


@dataclass(frozen=True, slots=True)
class HeldAccount:
    """An account as the bank's app lists it; the balance is in cents."""

    nickname: str
    last_four: str
    cents: int

    @property
    def balance(self) -> str:
        """Write the balance as American banks do."""
        sign = "\N{MINUS SIGN}" if self.cents < 0 else ""
        return f"{sign}${abs(self.cents) / 100:,.2f}"


@dataclass(frozen=True, slots=True)
class BankCustomer:
    """A customer as their bank knows them."""

    customer_id: str
    name: str
    accounts: tuple[HeldAccount, ...]

    @property
    def given_name(self) -> str:
        """The name by which the app greets them."""
        return self.name.partition(" ")[0]


@cache
def bank_customers() -> dict[str, BankCustomer]:
    """Give all customers of the made-up bank, by id."""
    customers = {}
    for customer in make_bank().customers:
        chance = random.Random(customer.customer_id)
        accounts = tuple(
            HeldAccount(account.nickname, account.number_display[-4:], _cents(account.account_id))
            for account in customer.accounts
        )
        name = f"{chance.choice(_GIVEN)} {chance.choice(_FAMILY)}"
        customers[customer.customer_id] = BankCustomer(customer.customer_id, name, accounts)
    return customers


def _cents(account_id: str) -> int:
    least, most = _BALANCES[account_id[:3]]
    return random.Random(account_id).randint(least, most)
