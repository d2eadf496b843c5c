"""Re-apply what ended or narrowed after a backup, in the transaction that restores it.

Each decision is taken again by the domain, in the circumstances in which it was first taken, and recorded again now,
with its first record named. Which decisions these are is domain/restoration.py's business.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, TypeVar
from uuid import UUID

from consentry.domain import consent as rules
from consentry.domain import restoration
from consentry.domain.audit import AuditEntry
from consentry.domain.consent import Change, Circumstances, Consent, Decision
from consentry.domain.credential import CREDENTIAL_NAME, Credentials, Secret, random_base62
from consentry.domain.refusal import Refusal
from consentry.domain.restoration import Restrictions
from consentry.keyring import Keyring
from consentry.store import audit, blocks, clock, consents, credentials, disputes, institutions
from consentry.store.backups import decisions
from consentry.store.consents import DecidedChange, LockedConsent
from consentry.store.disputes import Dispute
from consentry.store.session import Connection
from consentry.usecases.backup.lost import LaterEntries
from consentry.usecases.backup.reapply_staff import reapply_staff
from consentry.usecases.backup.stop_receivers import stop_receivers
from consentry.usecases.token.signing_keys import add_signing_key

_AT_ONCE: Final = 1_000
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Reapplied:
    """What was re-applied of one institution: how many of each; `until` is the time of the last entry that was known.

    `apps_stopped` counts apps and intermediaries, `customers_blocked` blocks of new connections. `is_closed`: its
    service had been ended. `staff_narrowed` counts members of its staff who had left or lost rights, `not_applied` what
    the backup does not have or what had ended by itself, `lost`, by action, what is never re-applied.
    """

    consent_changes: int
    tokens_revoked: int
    secrets_ended: int
    apps_stopped: int
    registration_tokens_ended: int
    customers_blocked: int
    is_closed: bool
    staff_narrowed: int
    not_applied: int
    lost: Mapping[str, int]
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Reapplication:
    """One house's part of a restore; `choose` picks one character of a string, unpredictably."""

    connection: Connection
    institution_id: int
    public_id: str
    keyring: Keyring
    choose: Callable[[str], str]


async def reapply(work: Reapplication, later: LaterEntries) -> Reapplied:
    """Re-apply what the later audit of an institution says was ended or narrowed."""
    known: set[UUID] = set()
    for some in _parts(list(later.entries)):
        known |= await decisions.known_entries(work.connection, work.institution_id, some)
    unknown = (entry for entry_id, entry in later.entries.items() if entry_id not in known)
    wanted = restoration.restrictions(unknown, house=work.public_id)
    changes, left_out = await _change_consents(work, wanted)
    receivers = await stop_receivers(work.connection, work.institution_id, wanted)
    return Reapplied(
        consent_changes=changes,
        tokens_revoked=await _revoke_tokens(work, wanted),
        secrets_ended=await _end_secrets(work, wanted),
        apps_stopped=receivers.stopped,
        registration_tokens_ended=receivers.tokens_ended,
        customers_blocked=await _block_customers(work, wanted),
        is_closed=await _close(work, wanted),
        staff_narrowed=await reapply_staff(work.connection, work.institution_id, wanted),
        not_applied=left_out + receivers.missing,
        lost=wanted.others,
        until=None if later.last is None else later.last.at,
    )


async def _change_consents(work: Reapplication, wanted: Restrictions) -> tuple[int, int]:
    """Narrow and end consents; give how many changes were written and how many could not be."""
    written = left_out = 0
    missing = set(wanted.consent_ids)
    for some in _parts(wanted.consent_ids):
        decided: list[DecidedChange] = []
        disputed: list[Dispute] = []
        for customer_id, locked in await consents.lock_by_id(work.connection, work.institution_id, some):
            if locked.consent is None:
                raise AssertionError
            missing.discard(locked.consent.consent_id)
            for change, entry in _decide_all(locked, locked.consent, wanted):
                if change is None:
                    left_out += 1
                else:
                    after = {**change.audit_after, **restoration.provenance(entry)}
                    recorded = replace(change, at=locked.found.moment, audit_after=after)
                    actor = restoration.actor_of(entry)
                    decided.append(DecidedChange(work.institution_id, customer_id, recorded, actor))
            if told := wanted.disputed.get(locked.consent.consent_id):
                disputed.append(_dispute(work, customer_id, locked, locked.consent, told))
        if decided:
            await consents.write(work.connection, decided)
        if disputed:
            await disputes.record(work.connection, disputed)
        written += len(decided)
    return written, left_out + len(missing)


def _decide_all(
    locked: LockedConsent, consent: Consent, wanted: Restrictions
) -> Iterator[tuple[Change | None, AuditEntry]]:
    """Decide everything that concerns one consent, its end last; None where nothing is left to decide."""
    current = consent
    for decision, entry in _decisions(consent.consent_id, wanted):
        circumstances = Circumstances(
            accounts=locked.found.accounts, actor=restoration.actor_of(entry), now=restoration.decided_at(entry)
        )
        try:
            change = decision(current, circumstances)
        except Refusal:
            change = None
        current = current if change is None else change.after
        yield change, entry


def _decisions(consent_id: str, wanted: Restrictions) -> Iterator[tuple[Decision, AuditEntry]]:
    for (withheld_from, account_id), entry in wanted.withheld.items():
        if withheld_from == consent_id:
            yield rules.share_account(account_id, enabled=False), entry
    if narrowed := wanted.auto_share_off.get(consent_id):
        yield rules.share_new_accounts(automatic=False), narrowed
    if ended := wanted.revoked.get(consent_id):
        yield rules.stop_sharing(reason=restoration.reason_of(ended)), ended


def _dispute(
    work: Reapplication, customer_id: str, locked: LockedConsent, consent: Consent, told: AuditEntry
) -> Dispute:
    return Dispute(
        institution_id=work.institution_id,
        customer_id=customer_id,
        consent_id=consent.consent_id,
        application_id=consent.application_id,
        at=locked.found.moment,
        status=consent.status(locked.found.moment),
        actor=restoration.actor_of(told),
    )


async def _revoke_tokens(work: Reapplication, wanted: Restrictions) -> int:
    """Remember revocations of tokens; by then the restore has killed every token anyway."""
    revoked = 0
    for jti, entry in wanted.revoked_tokens.items():
        if await decisions.revoke_token(
            work.connection, work.institution_id, jti=UUID(jti), at=restoration.decided_at(entry)
        ):
            revoked += 1
            await _record(work, entry, action=entry.action, after={})
    return revoked


async def _end_secrets(work: Reapplication, wanted: Restrictions) -> int:
    """End the secrets that were replaced or had leaked, and change the signing key if they had."""
    current = await credentials.find(work.connection, work.institution_id, CREDENTIAL_NAME)
    now = await clock.now(work.connection)
    live = () if current is None else current.live_secrets(now)
    for entry in wanted.ended_secrets:
        if current is None or entry.subject_id != current.client_id:
            continue
        ended = restoration.secrets_ended_by(current, entry)
        if ended:
            await decisions.end_secrets(work.connection, current, ended)
            await _record(work, entry, action=restoration.SECRETS_ENDED, after={"secrets": [_told(s) for s in ended]})
            current = _with(current, ended)
        if entry.action == "credentials.leaked":
            await _change_signing_key(work)
    return 0 if current is None else len(live) - len(current.live_secrets(now))


async def _block_customers(work: Reapplication, wanted: Restrictions) -> int:
    """Block new connections of customers; give how many were not blocked."""
    blocked = 0
    for customer_id, entry in wanted.blocked.items():
        reason = restoration.text_of(entry)
        if await blocks.add(
            work.connection, work.institution_id, customer_id, reason=reason, blocked_by=entry.actor_id
        ):
            blocked += 1
            await _record(work, entry, action=entry.action, after={"new_connections": "blocked", "reason_text": reason})
    return blocked


async def _close(work: Reapplication, wanted: Restrictions) -> bool:
    """End the service of an institution that was disabled."""
    entry = wanted.closed
    if entry is None:
        return False
    status = restoration.status_of(entry)
    await decisions.set_status(work.connection, work.institution_id, status)
    await _record(work, entry, action=entry.action, after={"status": status.value})
    return True


async def _change_signing_key(work: Reapplication) -> None:
    kid = random_base62(work.choose, length=16)
    await add_signing_key(work.connection, work.keyring, work.institution_id, kid=kid, key=secrets.token_bytes(32))
    await institutions.retire_signing_keys(work.connection, work.institution_id, but=kid)


async def _record(work: Reapplication, entry: AuditEntry, *, action: str, after: Mapping[str, object]) -> None:
    await audit.record(
        work.connection,
        work.institution_id,
        action=action,
        actor=restoration.actor_of(entry),
        subject=(entry.subject_kind, entry.subject_id),
        after={**after, **restoration.provenance(entry)},
    )


def _with(current: Credentials, ended: Sequence[Secret]) -> Credentials:
    ends = {secret.number: secret for secret in ended}
    return replace(current, secrets=tuple(ends.get(secret.number, secret) for secret in current.secrets))


def _told(secret: Secret) -> dict[str, object]:
    ends = secret.expires_at
    return {"secret": secret.display, "expires_at": None if ends is None else ends.astimezone(UTC).isoformat()}


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))
