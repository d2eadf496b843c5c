"""The history of a consent: nothing recorded is left out, nothing is told twice, and nobody of the bank is named."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.domain.account import Account, CustomerAccounts
from consentry.domain.actor import ActorKind
from consentry.domain.consent import ChangeKind, Consent
from consentry.domain.history import HistoryKind, Party, RecordedChange, history, party_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CHECKING = Account("ACT-1", "Everyday Checking", "XXXXXXXX1234")
ACCOUNTS = CustomerAccounts((CHECKING,), 1)
PLAIN = Consent(
    consent_id="_c",
    application_id="budget",
    application_name="Budget",
    application_icon_url=None,
    intermediary_name=None,
    created_at=NOON,
    consented_on=NOON,
    expires_at=None,
    paused_at=None,
    revoked_at=None,
    revoked_by=None,
    revocation_reason=None,
    auto_share=False,
    shared_accounts=frozenset({"ACT-1"}),
    data_clusters=("BALANCES",),
    last_accessed=None,
    read_only=False,
    version=100,
)


def change(
    kind: str, version: int | None = 2, *, by: str = "customer", hours: int = 1, **more: object
) -> RecordedChange:
    return RecordedChange(
        version=version,
        at=NOON + hours * HOUR,
        kind=kind,
        actor_kind=by,
        actor_id="someone",
        request_id="r1",
        **more,  # type: ignore[arg-type]  # the test's own keywords
    )


def kinds(consent: Consent, *changes: RecordedChange, now: datetime = NOON + 99 * HOUR) -> list[HistoryKind]:
    return [entry.kind for entry in history(consent, changes, accounts=ACCOUNTS, now=now)]


changes = st.lists(
    st.builds(
        change,
        st.sampled_from([*(kind.value for kind in ChangeKind), "mirrored", "paused", "of_a_later_version"]),
        by=st.sampled_from([kind.value for kind in ActorKind]),
        hours=st.integers(0, 3),
        account_id=st.sampled_from([None, "ACT-1", "gone"]),
        reason=st.sampled_from([None, "user_action"]),
        reason_text=st.sampled_from([None, "We could not reach the app's owner."]),
        decided_at=st.sampled_from([None, NOON - HOUR]),
    ),
    max_size=12,
).map(lambda made: [replace(each, version=number) for number, each in enumerate(made, start=2)])


@given(changes, st.integers(0, 20), st.booleans(), st.booleans(), st.booleans())
def test_each_change_is_told_once_newest_first_and_staff_alone_learn_who_it_was(
    recorded: list[RecordedChange], version: int, is_disputed: bool, is_revoked: bool, is_expired: bool
) -> None:
    consent = PLAIN._replace(
        version=version,
        revoked_at=NOON + HOUR if is_revoked else None,
        revoked_by="institution" if is_revoked else None,
        expires_at=NOON + HOUR if is_expired else None,
    )
    dispute = [change("disputed", None)] if is_disputed else []
    now = NOON + 5 * HOUR
    seen = history(consent, [*recorded, *dispute], accounts=ACCOUNTS, now=now)
    staff = history(consent, [*recorded, *dispute], accounts=ACCOUNTS, now=now, for_staff=True)

    assert [entry.at for entry in seen] == sorted((entry.at for entry in seen), reverse=True)
    assert [(e.at, e.kind, e.by, e.account, e.reason_text) for e in seen] == [
        (e.at, e.kind, e.by, e.account, e.reason_text) for e in staff
    ]
    assert {entry.trace for entry in seen} == {None}
    told = [entry.trace.version for entry in staff if entry.trace and entry.trace.version is not None]
    assert sorted(told) == [each.version for each in recorded if (each.version or 0) <= version]
    assert sum(entry.kind is HistoryKind.CONSENTED for entry in seen) == 1
    assert sum(entry.kind is HistoryKind.DISPUTED for entry in seen) == is_disputed
    assert sum(entry.kind is HistoryKind.EXPIRED for entry in seen) == (is_expired and not is_revoked)
    assert not is_revoked or any(entry.kind is HistoryKind.STOPPED for entry in seen)


@pytest.mark.parametrize(
    ("actor_kind", "party"),
    [
        ("customer", Party.CUSTOMER),
        ("institution", Party.BANK),
        ("staff", Party.BANK),
        ("operator", Party.BANK),
        ("recipient", Party.APP),
        ("system", Party.SYSTEM),
    ],
)
def test_whoever_acts_in_the_banks_name_is_the_bank(actor_kind: str, party: Party) -> None:
    assert party_of(actor_kind) is party
    (entry, _) = history(PLAIN, [change("auto_share_on", by=actor_kind)], accounts=ACCOUNTS, now=NOON + 9 * HOUR)
    assert (entry.kind, entry.by, entry.trace) == (HistoryKind.AUTO_SHARE_ON, party, None)


def test_an_account_is_named_as_long_as_the_customer_has_it() -> None:
    shared = change("account_shared", 2, account_id="ACT-1")
    withheld = change("account_withheld", 3, hours=2, account_id="closed")
    newest, before, _ = history(PLAIN, [shared, withheld], accounts=ACCOUNTS, now=NOON + 9 * HOUR)
    assert (newest.account_id, newest.account) == ("closed", None)
    assert (before.account_id, before.account) == ("ACT-1", CHECKING)


def test_who_ended_it_is_said_as_the_consent_says_it() -> None:
    ended = PLAIN._replace(revoked_at=NOON + HOUR, revoked_by="system", revocation_reason="not_in_mirror")
    entry, _ = history(ended, [change("revoked", by="operator")], accounts=ACCOUNTS, now=NOON + 9 * HOUR)
    assert (entry.kind, entry.by) == (HistoryKind.STOPPED, Party.SYSTEM)


def test_what_an_import_brought_ended_is_told_though_no_change_was_recorded() -> None:
    ended = PLAIN._replace(revoked_at=NOON + HOUR, revoked_by="recipient", revocation_reason="user_action", version=1)
    entry, first = history(ended, [], accounts=ACCOUNTS, now=NOON + 9 * HOUR)
    assert (entry.kind, entry.by, entry.reason, entry.at) == (
        HistoryKind.STOPPED,
        Party.APP,
        "user_action",
        NOON + HOUR,
    )
    assert (first.kind, first.by, first.at) == (HistoryKind.CONSENTED, Party.CUSTOMER, NOON)


def test_a_consent_expires_at_its_time_and_not_before_or_after_its_end() -> None:
    limited = PLAIN._replace(expires_at=NOON + HOUR)
    assert kinds(limited, now=NOON + HOUR - timedelta(microseconds=1)) == [HistoryKind.CONSENTED]
    assert kinds(limited, now=NOON + HOUR) == [HistoryKind.EXPIRED, HistoryKind.CONSENTED]
    revoked = limited._replace(revoked_at=NOON, revoked_by="customer")
    assert HistoryKind.EXPIRED not in kinds(revoked)


def test_a_dispute_follows_the_end_that_it_brought() -> None:
    ended = PLAIN._replace(revoked_at=NOON + HOUR, revoked_by="customer", revocation_reason="not_recognised")
    told = kinds(ended, change("revoked", 2, reason="not_recognised"), change("disputed", None))
    assert told == [HistoryKind.DISPUTED, HistoryKind.STOPPED, HistoryKind.CONSENTED]


def test_what_was_decided_before_a_restore_is_told_at_its_first_time() -> None:
    reapplied = change("account_withheld", 2, hours=50, account_id="ACT-1", decided_at=NOON + HOUR)
    entry, _ = history(PLAIN, [reapplied], accounts=ACCOUNTS, now=NOON + 99 * HOUR, for_staff=True)
    assert entry.at == NOON + HOUR
    assert entry.trace is not None
    assert entry.trace.recorded_at == NOON + 50 * HOUR
