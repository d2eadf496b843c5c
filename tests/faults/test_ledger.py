"""The ledger itself: what is planted is found."""

from collections import Counter
from collections.abc import Callable
from uuid import UUID

import pytest

from tests.faults.ledger import Acknowledged, ConsentState, Facts, HistoryRow, Ledger

TOKEN = UUID("0198c1f0-0000-7000-8000-000000000001")
TIME = "2026-03-02T09:14:31.207Z"
FIRST = ConsentState(shared=frozenset({"a"}), all_new=False, ended=False)
SHARED = ConsentState(shared=frozenset({"a", "b"}), all_new=False, ended=False)
ENDED = ConsentState(shared=frozenset({"a", "b"}), all_new=False, ended=True)


def ledger() -> Ledger:
    return Ledger(
        first=FIRST,
        tokens={TOKEN: "anna"},
        revoked={TOKEN: TIME},
        changes=[Acknowledged("_one", 2, "r1", SHARED), Acknowledged("_one", 3, "r2", ENDED)],
        ended={"_one": TIME},
    )


def facts() -> Facts:
    found = Facts(
        tokens={TOKEN: ("anna", TIME)},
        token_revocations=Counter({str(TOKEN): 1}),
        consents={"_one": (3, ENDED, TIME)},
        audit=Counter({("_one", "r1"): 1, ("_one", "r2"): 1}),
        events=Counter({"_one": 2}),
    )
    found.history["_one"] = [
        HistoryRow(2, "account_shared", {"account_id": "b", "enabled": True}, "r1"),
        HistoryRow(3, "revoked", {"status": "revoked"}, "r2"),
    ]
    return found


def lose_the_token(found: Facts) -> None:
    found.tokens.clear()


def revive_the_token(found: Facts) -> None:
    found.tokens[TOKEN] = ("anna", None)


def move_the_token(found: Facts) -> None:
    found.tokens[TOKEN] = ("bob", TIME)


def record_a_revocation_twice(found: Facts) -> None:
    found.token_revocations[str(TOKEN)] = 2


def revive_the_consent(found: Facts) -> None:
    found.consents["_one"] = (3, SHARED, None)


def lose_the_last_change(found: Facts) -> None:
    found.history["_one"].pop()
    found.consents["_one"] = (2, SHARED, None)
    found.audit[("_one", "r2")] = 0
    found.events["_one"] = 1


def lose_a_change_in_between(found: Facts) -> None:
    del found.history["_one"][0]


def change_something_else(found: Facts) -> None:
    found.history["_one"][0] = HistoryRow(2, "account_shared", {"account_id": "c", "enabled": True}, "r1")


def change_twice(found: Facts) -> None:
    found.history["_one"].append(HistoryRow(4, "revoked", {}, "r2"))
    found.consents["_one"] = (4, ENDED, TIME)
    found.audit[("_one", "r2")] = 2
    found.events["_one"] = 3


def change_what_nobody_asked(found: Facts) -> None:
    found.history["_one"].append(HistoryRow(4, "auto_share_on", {"auto_enable_future_accounts": True}, "r3"))
    found.consents["_one"] = (4, ConsentState(ENDED.shared, all_new=True, ended=True), TIME)
    found.audit[("_one", "r3")] = 1
    found.events["_one"] = 3


def lose_an_audit_entry(found: Facts) -> None:
    del found.audit[("_one", "r1")]


def lose_an_event(found: Facts) -> None:
    found.events["_one"] = 1


def test_what_agrees_has_no_faults() -> None:
    assert ledger().faults(facts()) == []


def test_what_nobody_knows_may_have_happened() -> None:
    found = facts()
    change_what_nobody_asked(found)
    kept = ledger()
    kept.unknown = 1
    assert kept.faults(found) == []


@pytest.mark.parametrize(
    "plant",
    [
        lose_the_token,
        revive_the_token,
        move_the_token,
        record_a_revocation_twice,
        revive_the_consent,
        lose_the_last_change,
        lose_a_change_in_between,
        change_something_else,
        change_twice,
        change_what_nobody_asked,
        lose_an_audit_entry,
        lose_an_event,
    ],
)
def test_what_is_planted_is_found(plant: Callable[[Facts], None]) -> None:
    found = facts()
    plant(found)
    assert ledger().faults(found)
