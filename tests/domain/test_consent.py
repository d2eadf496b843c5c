"""The rules of consents, by example and by properties (R61: a state machine with a written table)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consentry.domain.account import Account, CustomerAccounts
from consentry.domain.actor import Actor, ActorKind
from consentry.domain.consent import (
    ChangeKind,
    Circumstances,
    Consent,
    ConsentStatus,
    EventKind,
    newest_first,
    one_per_application,
    share_account,
    share_new_accounts,
    stop_sharing,
)
from consentry.domain.refusal import Refusal
from consentry.domain.refusal.request import ConsentNotActive, ReadOnlyConsent, StaleEtag, UnknownAccount

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CUSTOMER = Actor(ActorKind.CUSTOMER, "cust-1")
ACCOUNTS = CustomerAccounts(
    accounts=tuple(Account(account_id, account_id.title(), "XXXXXXXX0001") for account_id in ("a", "b", "c")), version=4
)


def consent(**members: object) -> Consent:
    values: dict[str, object] = {
        "consent_id": "_c1",
        "application_id": "app",
        "application_name": "App",
        "application_icon_url": None,
        "intermediary_name": None,
        "created_at": NOW - timedelta(days=10),
        "consented_on": NOW - timedelta(days=10),
        "expires_at": None,
        "paused_at": None,
        "revoked_at": None,
        "revoked_by": None,
        "revocation_reason": None,
        "auto_share": False,
        "shared_accounts": frozenset({"a"}),
        "data_clusters": (),
        "last_accessed": None,
        "read_only": False,
        "version": 7,
    }
    return Consent(**{**values, **members})  # type: ignore[arg-type]


def at(now: datetime = NOW, *, if_match: tuple[str, ...] = (), actor: Actor = CUSTOMER) -> Circumstances:
    return Circumstances(accounts=ACCOUNTS, actor=actor, now=now, if_match=if_match)


def test_sharing_an_account_adds_it_and_counts_the_version_up() -> None:
    change = share_account("b", enabled=True)(consent(), at())
    assert change is not None
    assert change.after.shared_accounts == {"a", "b"}
    assert change.after.version == 8
    assert change.kind is ChangeKind.ACCOUNT_SHARED
    assert change.event_kind is EventKind.CONSENT_UPDATED
    assert change.audit_before == {"account_id": "b", "enabled": False}


def test_withholding_the_last_account_leaves_the_consent_active() -> None:
    change = share_account("a", enabled=False)(consent(), at())
    assert change is not None
    assert change.after.shared_accounts == frozenset()
    assert change.after.status(NOW) is ConsentStatus.ACTIVE


@pytest.mark.parametrize(("account_id", "enabled"), [("a", True), ("b", False)])
def test_setting_what_is_already_set_is_no_change(account_id: str, *, enabled: bool) -> None:
    assert share_account(account_id, enabled=enabled)(consent(), at()) is None
    assert share_new_accounts(automatic=False)(consent(), at()) is None


@pytest.mark.parametrize("state", [{}, {"expires_at": NOW}, {"read_only": True}])
def test_an_unknown_account_is_unknown_whatever_else_is_wrong(state: dict[str, object]) -> None:
    with pytest.raises(UnknownAccount):
        share_account("nobody's", enabled=True)(consent(**state), at())


def test_auto_share_never_switches_existing_accounts_on() -> None:
    change = share_new_accounts(automatic=True)(consent(), at())
    assert change is not None
    assert change.after.auto_share
    assert change.after.shared_accounts == {"a"}


ENDED = [
    {"revoked_at": NOW - timedelta(days=1), "revoked_by": "customer"},
    {"expires_at": NOW},
    {"expires_at": NOW - timedelta(seconds=1)},
]


@pytest.mark.parametrize("state", ENDED)
def test_an_ended_consent_can_not_be_changed(state: dict[str, object]) -> None:
    for decision in (share_account("b", enabled=True), share_new_accounts(automatic=True)):
        with pytest.raises(ConsentNotActive):
            decision(consent(**state), at())


@pytest.mark.parametrize("state", ENDED)
def test_stopping_an_ended_consent_changes_nothing(state: dict[str, object]) -> None:
    assert stop_sharing(reason="user_action")(consent(**state), at()) is None


def test_stopping_says_who_ended_it_and_why() -> None:
    change = stop_sharing(reason="user_action")(consent(), at())
    assert change is not None
    assert change.after.revoked_at == NOW
    assert change.after.revoked_by == "customer"
    assert change.after.revocation_reason == "user_action"
    assert change.event_kind is EventKind.CONSENT_REVOKED


@pytest.mark.parametrize("kind", list(ActorKind))
def test_whoever_stops_is_one_of_the_four_parties_the_api_knows(kind: ActorKind) -> None:
    change = stop_sharing(reason="x")(consent(), at(actor=Actor(kind, "someone")))
    assert change is not None
    assert change.after.revoked_by in {"customer", "institution", "recipient", "system"}


def test_expiry_is_honoured_to_the_second_without_a_sweeper() -> None:
    """R68."""
    ends = consent(expires_at=NOW)
    assert ends.status(NOW - timedelta(microseconds=1)) is ConsentStatus.ACTIVE
    assert ends.status(NOW) is ConsentStatus.EXPIRED


def test_a_stale_etag_changes_nothing() -> None:
    for decision in (share_account("b", enabled=True), share_new_accounts(automatic=True), stop_sharing(reason="x")):
        with pytest.raises(StaleEtag):
            decision(consent(), at(if_match=('"6.4"',)))
        assert decision(consent(), at(if_match=('"6.4"', '"7.4"'))) is not None
        assert decision(consent(), at(if_match=("*",))) is not None


def test_a_weak_etag_never_matches() -> None:
    with pytest.raises(StaleEtag):
        share_new_accounts(automatic=True)(consent(), at(if_match=('W/"7.4"',)))


def test_the_etag_follows_consent_and_accounts_but_not_reads() -> None:
    one = consent()
    assert one.etag(ACCOUNTS) == one._replace(last_accessed=NOW).etag(ACCOUNTS)
    assert one.etag(ACCOUNTS) != one._replace(version=8).etag(ACCOUNTS)
    assert one.etag(ACCOUNTS) != one.etag(ACCOUNTS._replace(version=5))


@pytest.mark.parametrize(
    "decision", [share_account("b", enabled=True), share_new_accounts(automatic=True), stop_sharing(reason="x")]
)
def test_a_mirrored_consent_is_read_only(decision: object) -> None:
    with pytest.raises(ReadOnlyConsent):
        decision(consent(read_only=True), at())  # type: ignore[operator]


def test_v4_shows_the_live_consent_of_an_app_even_if_an_ended_one_is_newer() -> None:
    live = consent(consent_id="_live", consented_on=NOW - timedelta(days=9))
    ended = consent(consent_id="_ended", consented_on=NOW - timedelta(days=1), revoked_at=NOW, revoked_by="customer")
    assert one_per_application(newest_first([live, ended]), NOW) == [live]


def test_v4_shows_the_latest_ended_consent_of_an_app_without_a_live_one() -> None:
    older, newer = (
        consent(consent_id=f"_{days}", consented_on=NOW - timedelta(days=days), revoked_at=NOW, revoked_by="customer")
        for days in (9, 2)
    )
    assert one_per_application(newest_first([older, newer]), NOW) == [newer]


moments = st.integers(min_value=-50, max_value=50).map(lambda days: NOW + timedelta(days=days))
consents = st.builds(
    lambda number, app, start, ends, gone: consent(
        consent_id=f"_{number}",
        application_id=app,
        consented_on=start,
        expires_at=ends,
        revoked_at=gone,
        revoked_by="customer" if gone else None,
    ),
    st.integers(min_value=0),
    st.sampled_from("xyz"),
    moments,
    st.none() | moments,
    st.none() | moments,
)


@given(st.lists(consents, unique_by=lambda one: one.consent_id))
def test_the_v4_view_has_each_app_once_and_prefers_what_lives(given_consents: list[Consent]) -> None:
    shown = one_per_application(newest_first(given_consents), NOW)
    assert {one.application_id for one in shown} == {one.application_id for one in given_consents}
    assert len({one.application_id for one in shown}) == len(shown)
    assert [one.consented_on for one in shown] == sorted((one.consented_on for one in shown), reverse=True)
    for one in shown:
        if one.has_ended(NOW):
            assert all(rival.has_ended(NOW) for rival in given_consents if rival.application_id == one.application_id)


class ConsentLife(RuleBasedStateMachine):
    """Any sequence of decisions against a model of a few lines: a set of accounts, a switch, and an end."""

    @initialize(expires=st.none() | st.integers(min_value=1, max_value=30))
    def begin(self, expires: int | None) -> None:
        self.now = NOW
        self.consent = consent(expires_at=None if expires is None else NOW + timedelta(days=expires))
        self.shared = {"a"}
        self.auto = False
        self.stopped = False
        self.changes = 0

    @property
    def ended(self) -> bool:
        expires = self.consent.expires_at
        return self.stopped or (expires is not None and expires <= self.now)

    def decide(self, decision: object, *, changes: bool, refused: bool) -> bool:
        try:
            change = decision(self.consent, at(self.now))  # type: ignore[operator]
        except Refusal:
            assert refused
            return False
        assert not refused
        assert (change is not None) == changes
        if change is not None:
            self.consent = change.after
            self.changes += 1
        return True

    @rule(account=st.sampled_from("abc"), enabled=st.booleans())
    def switch(self, account: str, *, enabled: bool) -> None:
        changes = (account in self.shared) != enabled
        if self.decide(share_account(account, enabled=enabled), changes=changes, refused=self.ended):
            self.shared = self.shared | {account} if enabled else self.shared - {account}

    @rule(automatic=st.booleans())
    def automatic(self, *, automatic: bool) -> None:
        if self.decide(share_new_accounts(automatic=automatic), changes=self.auto != automatic, refused=self.ended):
            self.auto = automatic

    @rule()
    def stop(self) -> None:
        self.decide(stop_sharing(reason="user_action"), changes=not self.ended, refused=False)
        self.stopped = self.consent.revoked_at is not None

    @precondition(lambda self: hasattr(self, "now"))
    @rule(days=st.integers(min_value=0, max_value=10))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)

    @invariant()
    def the_consent_is_what_the_model_says(self) -> None:
        if not hasattr(self, "consent"):
            return
        assert self.consent.shared_accounts == self.shared
        assert self.consent.auto_share == self.auto
        assert self.consent.has_ended(self.now) == self.ended
        assert self.consent.version == 7 + self.changes


test_any_sequence_of_decisions_agrees_with_the_model = ConsentLife.TestCase
