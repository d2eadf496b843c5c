"""The history of a consent in the customer's words: what happened, and who did it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consentry.domain.history import HistoryEntry, HistoryKind, Party
from consentry.web.embed.cards import visible
from consentry.web.embed.languages import _, noted


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the history: when, what, by whom, and the bank's reason, if it gave one."""

    at: datetime
    text: str
    by: str
    reason: str


_WORDS: Final = {
    HistoryKind.CONSENTED: noted("Sharing began"),
    HistoryKind.ACCOUNT_SHARED: noted("%(account)s was shared"),
    HistoryKind.ACCOUNT_WITHHELD: noted("%(account)s was no longer shared"),
    HistoryKind.AUTO_SHARE_ON: noted("Sharing of new accounts was switched on"),
    HistoryKind.AUTO_SHARE_OFF: noted("Sharing of new accounts was switched off"),
    HistoryKind.CHANGED: noted("What is shared was changed"),
    HistoryKind.PAUSED: noted("Sharing was paused"),
    HistoryKind.STOPPED: noted("Sharing was stopped"),
    HistoryKind.DISPUTED: noted("The app was reported as not recognised"),
    HistoryKind.EXPIRED: noted("Sharing ended by itself, on its last day"),
}
_PARTIES: Final = {
    Party.CUSTOMER: noted("by you"),
    Party.BANK: noted("by your bank"),
    Party.APP: noted("by the app"),
    Party.SYSTEM: "",
}


def story(entries: Sequence[HistoryEntry]) -> list[Event]:
    """Give the lines of a history, in the order of its entries."""
    return [
        Event(
            at=entry.at,
            text=_(_WORDS[entry.kind], account=visible(entry.account.nickname) if entry.account else _("An account")),
            by=_(_PARTIES[entry.by]) if _PARTIES[entry.by] else "",
            reason=entry.reason_text or "",
        )
        for entry in entries
    ]
