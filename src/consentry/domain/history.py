"""The history of a consent: what happened to it, when, by whom, as its customer may know it and as staff may.

It is read from the changes that were recorded, one a version, and from the consent itself, which alone tells of its
beginning, of its expiry and of what an import brought. Words are the business of whoever shows it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from consentry.domain.account import Account, CustomerAccounts
from consentry.domain.actor import ActorKind
from consentry.domain.consent import ChangeKind, Consent


class HistoryKind(StrEnum):
    """What an entry tells of. `CHANGED` stands for what another system changed of a consent that is mirrored."""

    CONSENTED = "consented"
    ACCOUNT_SHARED = "account_shared"
    ACCOUNT_WITHHELD = "account_withheld"
    AUTO_SHARE_ON = "auto_share_on"
    AUTO_SHARE_OFF = "auto_share_off"
    CHANGED = "changed"
    PAUSED = "paused"
    STOPPED = "stopped"
    DISPUTED = "disputed"
    EXPIRED = "expired"


class Party(StrEnum):
    """Who did it, as a customer sees it: the bank's staff, servers and operators are one, the bank."""

    CUSTOMER = "customer"
    BANK = "bank"
    APP = "app"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """A change as it was recorded; `version` is that of the consent after it, None for a dispute.

    `decided_at` is set where a restore recorded it anew: when it was first decided. `reason_text` are staff's words.
    """

    version: int | None
    at: datetime
    kind: str
    actor_kind: str
    actor_id: str | None
    request_id: str | None
    account_id: str | None = None
    reason: str | None = None
    reason_text: str | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """What staff may know of an entry beyond its customer: who exactly, by which request, which version it made."""

    actor_kind: str
    actor_id: str | None
    request_id: str | None
    version: int | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """Something that happened to a consent.

    `account_id` is given where it concerns one account, `account` where the customer still has that account; `reason`
    is a code (`user_action`), `reason_text` what the bank's staff wrote for the customer. `trace` is None in what a
    customer sees, and where no change was recorded.
    """

    at: datetime
    kind: HistoryKind
    by: Party
    account_id: str | None = None
    account: Account | None = None
    reason: str | None = None
    reason_text: str | None = None
    trace: Trace | None = None


_KINDS: Final = {
    ChangeKind.ACCOUNT_SHARED.value: HistoryKind.ACCOUNT_SHARED,
    ChangeKind.ACCOUNT_WITHHELD.value: HistoryKind.ACCOUNT_WITHHELD,
    ChangeKind.AUTO_SHARE_ON.value: HistoryKind.AUTO_SHARE_ON,
    ChangeKind.AUTO_SHARE_OFF.value: HistoryKind.AUTO_SHARE_OFF,
    ChangeKind.REVOKED.value: HistoryKind.STOPPED,
    HistoryKind.PAUSED.value: HistoryKind.PAUSED,
    HistoryKind.DISPUTED.value: HistoryKind.DISPUTED,
}
_PARTIES: Final = {
    ActorKind.CUSTOMER.value: Party.CUSTOMER,
    ActorKind.RECIPIENT.value: Party.APP,
    ActorKind.SYSTEM.value: Party.SYSTEM,
}


def history(
    consent: Consent,
    changes: Iterable[RecordedChange],
    *,
    accounts: CustomerAccounts,
    now: datetime,
    for_staff: bool = False,
) -> tuple[HistoryEntry, ...]:
    """Tell what happened to a consent up to now, newest first; only staff learn who of the bank it was.

    Changes after the consent's own version are left out: they were made since it was read.
    """
    known = [change for change in changes if change.version is None or change.version <= consent.version]
    names = {account.account_id: account for account in accounts.accounts}
    told = [_entry(change, consent, names, for_staff=for_staff) for change in known]
    told += _untold(consent, {entry.kind for entry in told}, now=now)
    order = {HistoryKind.CONSENTED: -1, HistoryKind.STOPPED: 1, HistoryKind.EXPIRED: 1, HistoryKind.DISPUTED: 2}
    numbered = sorted(enumerate(told), key=lambda pair: (pair[1].at, order.get(pair[1].kind, 0), pair[0]), reverse=True)
    return tuple(entry for _, entry in numbered)


def party_of(actor_kind: str) -> Party:
    """Tell who somebody is to a customer; whoever acts for the institution is the bank."""
    return _PARTIES.get(actor_kind, Party.BANK)


def _entry(change: RecordedChange, consent: Consent, names: dict[str, Account], *, for_staff: bool) -> HistoryEntry:
    kind = _KINDS.get(change.kind, HistoryKind.CHANGED)
    # The consent says who ended it, in the sense that everybody else is told.
    ended_by = consent.revoked_by if kind is HistoryKind.STOPPED else None
    return HistoryEntry(
        at=change.decided_at or change.at,
        kind=kind,
        by=party_of(ended_by or change.actor_kind),
        account_id=change.account_id,
        account=None if change.account_id is None else names.get(change.account_id),
        reason=change.reason,
        reason_text=change.reason_text,
        trace=Trace(change.actor_kind, change.actor_id, change.request_id, change.version, change.at)
        if for_staff
        else None,
    )


def _untold(consent: Consent, told: set[HistoryKind], *, now: datetime) -> Iterator[HistoryEntry]:
    """Give what no recorded change tells of, and what an import brought as it was."""
    yield HistoryEntry(at=consent.consented_on, kind=HistoryKind.CONSENTED, by=Party.CUSTOMER)
    if consent.paused_at is not None and HistoryKind.PAUSED not in told:
        yield HistoryEntry(at=consent.paused_at, kind=HistoryKind.PAUSED, by=Party.SYSTEM)
    if consent.revoked_at is not None and consent.revoked_by is not None and HistoryKind.STOPPED not in told:
        yield HistoryEntry(
            at=consent.revoked_at,
            kind=HistoryKind.STOPPED,
            by=party_of(consent.revoked_by),
            reason=consent.revocation_reason,
        )
    if consent.revoked_at is None and consent.expires_at is not None and consent.expires_at <= now:
        yield HistoryEntry(at=consent.expires_at, kind=HistoryKind.EXPIRED, by=Party.SYSTEM)
