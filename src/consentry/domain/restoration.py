"""Decisions that were taken after a backup: what of them is re-applied when it is restored.

Nothing that was ended comes back: what ends or narrows is re-applied if it was still in force at the end of the
record. What grants or widens is not: it is lost with the database, and the customer or the institution can grant it
anew. Where the record comes from, and that it is whole, is the business of usecases/backup/lost.py.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from consentry.domain.actor import Actor, ActorKind
from consentry.domain.audit import AuditEntry
from consentry.domain.credential import Credentials, Secret
from consentry.domain.institution import InstitutionStatus
from consentry.domain.registration_token import RegistrationToken
from consentry.domain.staff import Role

SECRETS_ENDED: Final = "credentials.secrets_ended"
RESTORED: Final = "installation.restored"
_NO_DECISIONS: Final = frozenset(
    {
        RESTORED,
        "consents.listed",
        "consents.looked_at",
        "consents.exported",
        "receipt.made",
        "receipt_key.rotated",
        "evidence.made",
        "consents.forgotten",
        "staff.signed_in",
        "staff.signed_out",
        "staff.signed_out_at_provider",
        "staff.signed_out_everywhere",
        "staff.set_up_opened",
        "staff.setup_link_made",
        "staff_provider.proposed",
        "staff_provider.proposal_dropped",
        "customer.opened",
        "customer_provider.tested",
        "page.opened",
        "page.ended",
        "preview.opened",
        "customers.searched",
        "list.downloaded",
    }
)
_STOPS: Final = frozenset({"application.disabled", "application.refused", "intermediary.disabled"})
_LETS_IN: Final = frozenset({"application.enabled", "application.approved", "intermediary.enabled"})
REGISTRATION_ENDED: Final = "registration_token.ended"
_ENDS_REGISTRATION: Final = frozenset({"registration_token.rotated", REGISTRATION_ENDED})
_TAKEN_APART: Final = _STOPS | _ENDS_REGISTRATION
_ONCE: Final = ("consent.revoked", "consent.disputed", "token.revoked", "member.removed")
"""What is decided once for all of each: the first entry counts."""
_LAST: Final = ("consent.auto_share_off", "customer.blocked", "member.role_changed")
"""What may be decided again and again: the last entry counts, unless it was taken back."""
_TAKES_BACK: Final = {"consent.auto_share_on": "consent.auto_share_off", "customer.unblocked": "customer.blocked"}
_ENDS_SECRETS: Final = frozenset({"credentials.rotated", "credentials.leaked", SECRETS_ENDED})


@dataclass(frozen=True, slots=True)
class Restrictions:
    """What is to be re-applied, each with the entry that tells of it.

    `revoked`, `disputed` and `auto_share_off` are by consent id, `withheld` by consent and account id,
    `revoked_tokens` by token id, `ended_secrets` in order; `closed` is the end of the institution's service. `stopped`
    are apps and intermediaries, by kind and id, `ended_registrations` what ended registration tokens, in order.
    `blocked` are by customer id, `removed_members` and the last change of `roles` by the member's id. `others` counts,
    by action, what is not re-applied.
    """

    revoked: Mapping[str, AuditEntry]
    disputed: Mapping[str, AuditEntry]
    withheld: Mapping[tuple[str, str], AuditEntry]
    auto_share_off: Mapping[str, AuditEntry]
    revoked_tokens: Mapping[str, AuditEntry]
    ended_secrets: tuple[AuditEntry, ...]
    closed: AuditEntry | None
    stopped: Mapping[tuple[str, str], AuditEntry]
    ended_registrations: tuple[AuditEntry, ...]
    blocked: Mapping[str, AuditEntry]
    removed_members: Mapping[str, AuditEntry]
    roles: Mapping[str, AuditEntry]
    others: Mapping[str, int]

    @property
    def consent_ids(self) -> list[str]:
        """Give the ids of all consents that are concerned."""
        return sorted(
            {*self.revoked, *self.disputed, *self.auto_share_off, *(consent_id for consent_id, _ in self.withheld)}
        )


def restrictions(entries: Iterable[AuditEntry], *, house: str) -> Restrictions:
    """Find what of these entries, oldest first, ended or narrowed something and was not taken back by a later one.

    `house` is the public id of whose audit it is: a partner's tells of what it did about its institutions, too.
    """
    once: dict[str, dict[str, AuditEntry]] = {action: {} for action in _ONCE}
    last: dict[str, dict[str, AuditEntry]] = {action: {} for action in _LAST}
    withheld: dict[tuple[str, str], AuditEntry] = {}
    ended_secrets: list[AuditEntry] = []
    closed: AuditEntry | None = None
    others: Counter[str] = Counter()
    done = [entry for entry in entries if entry.outcome == "done" and not _is_of_another(entry, house)]
    for entry in done:
        subject = entry.subject_id or ""
        match entry.action:
            case action if action in once:
                once[action].setdefault(subject, entry)
            case action if action in last:
                last[action][subject] = entry
            case "consent.account_withheld":
                withheld[subject, account_of(entry)] = entry
            case action if action in _ENDS_SECRETS:
                ended_secrets.append(entry)
            case "institution.changed" if status_of(entry) is not InstitutionStatus.ENABLED:
                closed = entry
            case action:
                if action == "consent.account_shared":
                    withheld.pop((subject, account_of(entry)), None)
                elif action in _TAKES_BACK:
                    last[_TAKES_BACK[action]].pop(subject, None)
                elif action == "institution.changed":
                    closed = None
                if action not in _NO_DECISIONS | _TAKEN_APART:
                    others[action] += 1
    return Restrictions(
        revoked=once["consent.revoked"],
        disputed=once["consent.disputed"],
        withheld=withheld,
        auto_share_off=last["consent.auto_share_off"],
        revoked_tokens=once["token.revoked"],
        ended_secrets=tuple(ended_secrets),
        closed=closed,
        stopped=_stopped(done),
        ended_registrations=tuple(entry for entry in done if entry.action in _ENDS_REGISTRATION),
        blocked=last["customer.blocked"],
        removed_members=once["member.removed"],
        roles=last["member.role_changed"],
        others=dict(others),
    )


def _is_of_another(entry: AuditEntry, house: str) -> bool:
    """Tell whether an entry is a partner's about an institution, whose own audit has it as well."""
    return entry.action == "institution.changed" and entry.subject_id != house


def _stopped(entries: Iterable[AuditEntry]) -> dict[tuple[str, str], AuditEntry]:
    """Find which apps and intermediaries were stopped and not let in again."""
    stopped: dict[tuple[str, str], AuditEntry] = {}
    for entry in entries:
        place = entry.subject_kind, entry.subject_id or ""
        if entry.action in _STOPS:
            stopped[place] = entry
        elif entry.action in _LETS_IN:
            stopped.pop(place, None)
    return stopped


def account_of(entry: AuditEntry) -> str:
    """Give the account that an entry about sharing names."""
    return str(_after(entry).get("account_id", ""))


def reason_of(entry: AuditEntry) -> str:
    """Give the reason code of a revocation."""
    return str(_after(entry).get("reason", "user_action"))


def text_of(entry: AuditEntry) -> str:
    """Give the words in which staff said why: for stopping an app or an intermediary, or blocking a customer."""
    after = _after(entry)
    return str(after.get("reason_text") or after.get("reason", ""))


def registration_ends(tokens: Sequence[RegistrationToken], entry: AuditEntry) -> tuple[tuple[int, datetime], ...]:
    """Find which registration tokens end, or end earlier, by what came after them: their numbers and ends."""
    after, replaced = _after(entry), _members(entry.before).get("registration_token")
    if entry.action == REGISTRATION_ENDED:
        told = after.get("registration_tokens")
        named = {each["token"]: _time(each["expires_at"]) for each in told} if isinstance(told, list) else {}
        ends = {token.number: named[token.display] or entry.at for token in tokens if token.display in named}
    else:
        previous_ends_at = _time(after.get("previous_ends_at")) or entry.at
        ends = {
            token.number: previous_ends_at if token.display == replaced else entry.at
            for token in tokens
            if token.display != after.get("registration_token")
        }
    return tuple(
        (token.number, ends[token.number])
        for token in tokens
        if token.number in ends and token.is_live(ends[token.number])
    )


def status_of(entry: AuditEntry) -> InstitutionStatus:
    """Give the status that a change of an institution left."""
    return InstitutionStatus(str(_after(entry).get("status", InstitutionStatus.ENABLED)))


def role_of(entry: AuditEntry) -> Role | None:
    """Give the role that a change of a member left."""
    told = _after(entry).get("role")
    return Role(told) if isinstance(told, str) and told in set(Role) else None


def decided_at(entry: AuditEntry) -> datetime:
    """Give when the decision was taken: for one that an earlier restore re-applied, the time of the first."""
    return _time(_after(entry).get("decided_at")) or entry.at


def actor_of(entry: AuditEntry) -> Actor:
    """Give who took the decision."""
    return Actor(ActorKind(entry.actor_kind), entry.actor_id, entry.source, entry.request_id)


def provenance(entry: AuditEntry) -> dict[str, object]:
    """Give what the record of a re-applied decision says of the first record."""
    return {"reapplied_from": str(entry.entry_id), "decided_at": decided_at(entry).astimezone(UTC).isoformat()}


def secrets_ended_by(credentials: Credentials, entry: AuditEntry) -> tuple[Secret, ...]:
    """Find which secrets end, or end earlier, by a rotation, leak or end that came after them; with their new ends.

    A rotation leaves one secret alive for the overlap: the one it replaced, or the one before when the answer with
    the newest was lost, which then keeps its own end. All others end at once.
    """
    ends = {secret.number: entry.at for secret in credentials.secrets}
    after = _after(entry)
    match entry.action:
        case "credentials.rotated":
            until = _time(after.get("previous_secret_expires_at"))
            survivor = _survivor(credentials, entry, until=until)
            if until is not None and survivor is not None:
                ends[survivor.number] = until
        case "credentials.secrets_ended":
            told = after.get("secrets")
            named = {each["secret"]: _time(each["expires_at"]) for each in told} if isinstance(told, list) else {}
            ends = {s.number: named[s.display] or entry.at for s in credentials.secrets if s.display in named}
    return tuple(
        replace(secret, expires_at=ends[secret.number])
        for secret in credentials.secrets
        if secret.number in ends and secret.is_live(ends[secret.number])
    )


def _survivor(credentials: Credentials, entry: AuditEntry, *, until: datetime | None) -> Secret | None:
    """Find the secret that a rotation left alive until then: known by its end, which stays, or by its display form."""
    replaced = _members(entry.before).get("secret")
    kept = (secret for secret in credentials.secrets if _is_same(secret.expires_at, until))
    named = (secret for secret in credentials.secrets if secret.display == replaced)
    return next(kept, None) or next(named, None)


def _is_same(one: datetime | None, other: datetime | None) -> bool:
    """Compare times to the millisecond, which is what the audit has of them."""
    return one is not None and other is not None and abs((one - other).total_seconds()) < 0.001


def _after(entry: AuditEntry) -> Mapping[str, object]:
    return _members(entry.after)


def _members(text: str | None) -> Mapping[str, object]:
    members: object = json.loads(text) if text is not None else {}
    return members if isinstance(members, dict) else {}


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
