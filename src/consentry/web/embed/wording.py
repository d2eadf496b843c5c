"""What statuses and clusters of data are called on the dashboard, in words that people understand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from consentry.domain.consent import Consent, ConsentStatus
from consentry.web.embed.languages import _, noted

ENDS_SOON: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Status:
    """A status: its key for filters and tests, its words, and the tone of its colour."""

    key: str
    label: str
    tone: str


def status_of(consent: Consent, now: datetime, *, is_held: bool = False) -> Status:
    """Give the status of a consent as its customer reads it; `is_held` says that the bank does not let the app in."""
    match consent.status(now):
        case ConsentStatus.ACTIVE | ConsentStatus.PAUSED if is_held:
            return Status("paused", _("Paused by your bank"), "warn")
        case ConsentStatus.ACTIVE if consent.expires_at is not None and consent.expires_at <= now + ENDS_SOON:
            return Status("ends_soon", _("Ends soon"), "warn")
        case ConsentStatus.ACTIVE:
            return Status("active", _("Active"), "good")
        case ConsentStatus.PAUSED:
            return Status("paused", _("Paused"), "warn")
        case ConsentStatus.EXPIRED:
            return Status("ended", _("Ended"), "calm")
        case ConsentStatus.REVOKED:
            return Status("ended", _(_STOPPED_BY.get(consent.revoked_by or "", _ENDED)), "calm")


_ENDED: Final = noted("Ended")
_STOPPED_BY: Final = {
    "customer": noted("Stopped by you"),
    "recipient": noted("Stopped by the app"),
    "institution": noted("Stopped by your bank"),
}


class DashboardNames:
    """The names of statuses and kinds of data as messages, for receipts, which use the same words."""

    @property
    def messages(self) -> Sequence[str]:
        """Give every message that can be one of these names."""
        return (*_STATUSES.values(), *_STOPPED_BY.values(), *(name for name, _detail in _CLUSTERS.values()))

    def status(self, status: ConsentStatus, ended_by: str | None) -> str:
        """Give the name of a status; of a revoked consent it says who ended it."""
        stopped = _STOPPED_BY.get(ended_by or "") if status is ConsentStatus.REVOKED else None
        return stopped or _STATUSES[status]

    def cluster(self, name: str) -> str | None:
        """Give the name of a kind of data in plain words; None where it has none."""
        return _CLUSTERS[name][0] if name in _CLUSTERS else None


_STATUSES: Final = {
    ConsentStatus.ACTIVE: noted("Active"),
    ConsentStatus.PAUSED: noted("Paused"),
    ConsentStatus.EXPIRED: _ENDED,
    ConsentStatus.REVOKED: _ENDED,
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A kind of data: its name in plain words, and what it takes in."""

    name: str
    detail: str


def clusters_of(consent: Consent) -> list[Cluster]:
    """Give what a consent lets an app receive, in plain words, and nothing that was not granted."""
    return [
        Cluster(_(_CLUSTERS[name][0]), _(_CLUSTERS[name][1])) if name in _CLUSTERS else _unknown(name)
        for name in consent.data_clusters
    ]


def _unknown(name: str) -> Cluster:
    return Cluster(name.replace("_", " ").lower(), _("Ask the app what it needs this for."))


_CLUSTERS: Final = {
    "ACCOUNT_BASIC": (
        noted("account name, type and last four digits"),
        noted("What an account is called, what kind it is and the end of its number, not the whole number."),
    ),
    "ACCOUNT_DETAILED": (
        noted("balances, limits and rates"),
        noted("What is in an account, how much may be drawn from it, and its interest and fees."),
    ),
    "BALANCES": (noted("balances"), noted("How much is in an account now.")),
    "TRANSACTIONS": (
        noted("transactions"),
        noted("What came in and went out: when, how much, and the other party's name or shop."),
    ),
    "STATEMENTS": (noted("statements"), noted("The statements of an account, as your bank sends them to you.")),
    "CUSTOMER_CONTACT": (
        noted("name, address, phone and e-mail"),
        noted("How to reach you, as your bank knows it."),
    ),
    "CUSTOMER_PERSONAL": (
        noted("sensitive personal details"),
        noted("Details such as your date of birth, which say who you are."),
    ),
    "SOCIAL_SECURITY_NUMBER": (noted("Social Security number"), noted("The number by which authorities know you.")),
    "PAYMENT_SUPPORT": (
        noted("full account and routing numbers"),
        noted("The numbers that are needed to pay into an account or to collect from it."),
    ),
    "INVESTMENTS": (
        noted("investment holdings"),
        noted("What you hold, such as funds and shares, and what it is worth."),
    ),
    "IMAGES": (noted("check images"), noted("Pictures of checks that you wrote or paid in.")),
    "BILLS": (noted("bills"), noted("Bills that you pay through your bank.")),
    "TAX": (noted("tax forms"), noted("Forms that your bank makes for your tax return.")),
    "REWARDS": (noted("rewards"), noted("Points, miles and the like that an account has earned.")),
}
