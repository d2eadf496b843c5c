"""Customers' accounts, as the bank knows them.

These and consents are named tuples, not dataclasses: every list makes dozens of them, several times faster.
"""

from typing import NamedTuple


class Account(NamedTuple):
    """An account that can be shared.

    `account_id` is the bank's handle, any characters; `number_display` is `XXXXXXXX` and the last four digits.
    """

    account_id: str
    nickname: str
    number_display: str


class CustomerAccounts(NamedTuple):
    """The accounts of one customer in the bank's order; `version` rises with each change of them."""

    accounts: tuple[Account, ...]
    version: int

    def has(self, account_id: str) -> bool:
        """Tell whether the customer has this account."""
        return any(account.account_id == account_id for account in self.accounts)


NO_ACCOUNTS = CustomerAccounts(accounts=(), version=0)
