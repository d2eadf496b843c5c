"""Consents: what a customer lets an app receive, and every change the customer may make to it.

A change is a function from a consent to a changed one, or to None when it already is as asked. Who may ask is decided
by the token; writing the change, its history, its audit entry and its event is one transaction of the store.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, assert_never

from consentry.domain.account import CustomerAccounts
from consentry.domain.actor import Actor, ActorKind
from consentry.domain.refusal.request import ConsentNotActive, ReadOnlyConsent, StaleEtag, UnknownAccount


class ConsentStatus(StrEnum):
    """What a consent is at one moment; expired and revoked ones are ended for good."""

    ACTIVE = "active"
    PAUSED = "paused"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ChangeKind(StrEnum):
    """What happened to a consent; the audit action is `consent.` and the kind."""

    ACCOUNT_SHARED = "account_shared"
    ACCOUNT_WITHHELD = "account_withheld"
    AUTO_SHARE_ON = "auto_share_on"
    AUTO_SHARE_OFF = "auto_share_off"
    REVOKED = "revoked"


class EventKind(StrEnum):
    """What others are told of a change (FDX-aligned names)."""

    CONSENT_UPDATED = "CONSENT_UPDATED"
    CONSENT_REVOKED = "CONSENT_REVOKED"
    CONSENT_DISPUTED = "CONSENT_DISPUTED"


class RevocationReason(StrEnum):
    """Why a consent was ended, as far as the product itself decides it; others pass through as they come."""

    USER_ACTION = "user_action"
    NOT_RECOGNISED = "not_recognised"
    STAFF_ACTION = "staff_action"


class Consent(NamedTuple):
    """One customer's consent to one app, with the names needed to show it; times are aware and in UTC."""

    consent_id: str
    application_id: str
    application_name: str
    application_icon_url: str | None
    intermediary_name: str | None
    created_at: datetime
    consented_on: datetime
    expires_at: datetime | None
    paused_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    revocation_reason: str | None
    auto_share: bool
    shared_accounts: frozenset[str]
    data_clusters: tuple[str, ...]
    last_accessed: datetime | None
    read_only: bool
    version: int

    def status(self, now: datetime) -> ConsentStatus:
        """Tell what the consent is at this moment; no sweeper is needed for one to expire."""
        if self.revoked_at is not None:
            return ConsentStatus.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return ConsentStatus.EXPIRED
        if self.paused_at is not None:
            return ConsentStatus.PAUSED
        return ConsentStatus.ACTIVE

    def has_ended(self, now: datetime) -> bool:
        """Tell whether the consent is revoked or expired."""
        return self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= now)

    def etag(self, accounts: CustomerAccounts) -> str:
        """Give the entity tag (RFC 9110, section 8.8.3); it changes with consent and accounts, not with reads."""
        return f'"{self.version}.{accounts.version}"'


class CustomerConsents(NamedTuple):
    """All consents of one customer that are kept, the accounts they are about, and the moment of reading."""

    consents: tuple[Consent, ...]
    accounts: CustomerAccounts
    moment: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was decided: the consent after it, and what history, audit and event say of it."""

    after: Consent
    kind: ChangeKind
    at: datetime
    audit_before: dict[str, object]
    audit_after: dict[str, object]

    @property
    def event_kind(self) -> EventKind:
        """Give the event that tells others of this change."""
        return EventKind.CONSENT_REVOKED if self.kind is ChangeKind.REVOKED else EventKind.CONSENT_UPDATED


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision is taken on: the customer's accounts, who acts, when, and the entity tags the caller knows."""

    accounts: CustomerAccounts
    actor: Actor
    now: datetime
    if_match: tuple[str, ...] = ()


Decision = Callable[[Consent, Circumstances], Change | None]


def share_account(account_id: str, *, enabled: bool) -> Decision:
    """Decide to share an account, or to stop sharing it.

    The decision raises:
        UnknownAccount: the customer has no such account.
        StaleEtag, ReadOnlyConsent, ConsentNotActive: the consent can't be changed like this.
    """

    def decide(consent: Consent, circumstances: Circumstances) -> Change | None:
        if not circumstances.accounts.has(account_id):
            raise UnknownAccount
        _require_changeable(consent, circumstances)
        shared = account_id in consent.shared_accounts
        if shared == enabled:
            return None
        accounts = consent.shared_accounts | {account_id} if enabled else consent.shared_accounts - {account_id}
        return Change(
            after=consent._replace(shared_accounts=accounts, version=consent.version + 1),
            kind=ChangeKind.ACCOUNT_SHARED if enabled else ChangeKind.ACCOUNT_WITHHELD,
            at=circumstances.now,
            audit_before={"account_id": account_id, "enabled": shared},
            audit_after={"account_id": account_id, "enabled": enabled},
        )

    return decide


def share_new_accounts(*, automatic: bool) -> Decision:
    """Decide whether accounts that appear later are shared by themselves; existing ones stay as they are.

    The decision raises StaleEtag, ReadOnlyConsent or ConsentNotActive: the consent can't be changed.
    """

    def decide(consent: Consent, circumstances: Circumstances) -> Change | None:
        _require_changeable(consent, circumstances)
        if consent.auto_share == automatic:
            return None
        return Change(
            after=consent._replace(auto_share=automatic, version=consent.version + 1),
            kind=ChangeKind.AUTO_SHARE_ON if automatic else ChangeKind.AUTO_SHARE_OFF,
            at=circumstances.now,
            audit_before={"auto_enable_future_accounts": consent.auto_share},
            audit_after={"auto_enable_future_accounts": automatic},
        )

    return decide


def stop_sharing(*, reason: str, reason_text: str | None = None) -> Decision:
    """Decide to end a consent for good; one that has ended already stays as it is.

    `reason` is a stable code, for example `user_action`; `reason_text` are staff's words, which the customer reads in
    the history. The decision raises StaleEtag or ReadOnlyConsent.
    """
    words: dict[str, object] = {} if reason_text is None else {"reason_text": reason_text}

    def decide(consent: Consent, circumstances: Circumstances) -> Change | None:
        _require_current(consent, circumstances)
        if consent.has_ended(circumstances.now):
            return None
        if consent.read_only:
            raise ReadOnlyConsent
        ended_by = _who_ends(circumstances.actor)
        return Change(
            after=consent._replace(
                revoked_at=circumstances.now,
                revoked_by=ended_by,
                revocation_reason=reason,
                version=consent.version + 1,
            ),
            kind=ChangeKind.REVOKED,
            at=circumstances.now,
            audit_before={"status": consent.status(circumstances.now).value},
            audit_after={"status": ConsentStatus.REVOKED.value, "reason": reason, **words},
        )

    return decide


def stop_unrecognised() -> Decision:
    """Decide to end a consent that the customer does not recognise, if that can be decided here.

    One that has ended stays as it is, and so does one that another system decides: that the customer disputes it is
    told in any case. What page or entity tag the customer saw does not matter.
    """
    stop = stop_sharing(reason=RevocationReason.NOT_RECOGNISED.value)

    def decide(consent: Consent, circumstances: Circumstances) -> Change | None:
        return None if consent.read_only else stop(consent, replace(circumstances, if_match=()))

    return decide


def _require_current(consent: Consent, circumstances: Circumstances) -> None:
    known = circumstances.if_match
    if known and "*" not in known and consent.etag(circumstances.accounts) not in known:
        raise StaleEtag


def _require_changeable(consent: Consent, circumstances: Circumstances) -> None:
    _require_current(consent, circumstances)
    if consent.has_ended(circumstances.now):
        raise ConsentNotActive
    if consent.read_only:
        raise ReadOnlyConsent


def _who_ends(actor: Actor) -> str:
    match actor.kind:
        case ActorKind.OPERATOR:
            return ActorKind.SYSTEM.value
        case ActorKind.STAFF | ActorKind.PARTNER:
            return ActorKind.INSTITUTION.value
        case ActorKind.CUSTOMER | ActorKind.INSTITUTION | ActorKind.RECIPIENT | ActorKind.SYSTEM:
            return actor.kind.value
        case _:
            assert_never(actor.kind)


def newest_first(consents: Iterable[Consent]) -> list[Consent]:
    """Order consents by the start of sharing, newest first; the id settles ties, so that the order is stable."""
    return sorted(consents, key=lambda consent: (consent.consented_on, consent.consent_id), reverse=True)


def one_per_application(consents: Sequence[Consent], now: datetime) -> list[Consent]:
    """Choose for each app its live consent or, if there is none, the latest ended one; keeps the given order.

    `consents` come newest first. This is the view of v4, whose clients know neither status nor history.
    """
    chosen: dict[str, Consent] = {}
    for consent in consents:
        known = chosen.get(consent.application_id)
        if known is None or (known.has_ended(now) and not consent.has_ended(now)):
            chosen[consent.application_id] = consent
    return [consent for consent in consents if chosen[consent.application_id] is consent]
