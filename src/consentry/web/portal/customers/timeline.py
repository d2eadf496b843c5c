"""What staff read of who did what with a customer's consents, line by line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consentry.domain.actor import ActorKind
from consentry.domain.history import HistoryEntry, Party
from consentry.store.looks import CustomerEntry
from consentry.usecases.customer.timeline import ConsentTimeline
from consentry.web.portal.audit_words import action_words
from consentry.web.portal.customers.as_seen import told_story

_PARTIES: Final = {
    Party.CUSTOMER: "the customer",
    Party.BANK: "the bank",
    Party.APP: "the app",
    Party.SYSTEM: "the system",
}
_LAST_READ: Final = "The app read data, the last time so far"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a timeline: when, what, by whom, the reason, by which request, and which version it made."""

    at: datetime
    what: str
    by: str
    reason: str = ""
    request_id: str = ""
    version: int | None = None


def who(actor_kind: str, actor_id: str | None, names: Mapping[str, str]) -> str:
    """Say who somebody is: staff by name, systems by what they are."""
    match actor_kind:
        case ActorKind.STAFF:
            return names.get(actor_id or "", "staff")
        case ActorKind.CUSTOMER:
            return "the customer"
        case ActorKind.RECIPIENT:
            return "the app"
        case ActorKind.PARTNER:
            return "staff of the channel partner"
        case ActorKind.INSTITUTION:
            return f"the bank's server ({actor_id})" if actor_id else "the bank"
        case ActorKind.OPERATOR:
            return "an operator" + (f" ({actor_id})" if actor_id else "")
        case _:
            return "the system"


def lines_of(entries: Sequence[CustomerEntry], names: Mapping[str, str]) -> list[Line]:
    """Give entries of the audit as lines."""
    return [
        Line(entry.at, action_words(entry.action), who(entry.actor_kind, entry.actor_id, names), entry.reason or "")
        for entry in entries
    ]


def timeline_of(found: ConsentTimeline) -> list[Line]:
    """Give all that happened to a consent and around it, newest first, what happened to it in the customer's words."""
    history = found.history.entries
    told = [
        Line(
            at=entry.at,
            what=event.text,
            by=_by(entry, found.names),
            reason=entry.reason_text or entry.reason or "",
            request_id=(entry.trace.request_id or "") if entry.trace else "",
            version=entry.trace.version if entry.trace else None,
        )
        for entry, event in zip(history, told_story(history), strict=True)
    ]
    around = lines_of(found.entries, found.names)
    read = found.history.consent.last_accessed
    if read is not None:
        around.append(Line(read, _LAST_READ, "the app"))
    # Sorting is stable: what happened to the consent at one moment keeps the order of its history.
    return sorted([*told, *around], key=lambda line: line.at, reverse=True)


def _by(entry: HistoryEntry, names: Mapping[str, str]) -> str:
    if entry.trace is None:
        return _PARTIES[entry.by]
    return who(entry.trace.actor_kind, entry.trace.actor_id, names)
