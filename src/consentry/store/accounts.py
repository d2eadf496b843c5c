"""A customer's accounts as their column holds them: JSON, in the bank's order."""

import json
from collections.abc import Iterable
from typing import Final

import msgspec

from consentry.domain.account import Account


class _StoredAccount(msgspec.Struct, frozen=True):
    account_id: str
    nickname: str
    account_number_display: str


_read: Final = msgspec.json.Decoder(list[_StoredAccount]).decode


def read_accounts(text: str) -> tuple[Account, ...]:
    """Give the accounts that a column's text holds."""
    return tuple([Account(a.account_id, a.nickname, a.account_number_display) for a in _read(text)])


def accounts_text(accounts: Iterable[Account]) -> str:
    """Give the text of the column for these accounts."""
    return json.dumps(
        [
            {"account_id": a.account_id, "nickname": a.nickname, "account_number_display": a.number_display}
            for a in accounts
        ]
    )
