"""Imports: what may be brought in from another system, field by field, and how what is wrong with it is told.

Whether a line agrees with the other lines and with what is stored is asked of the store; this knows one value at a
time.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consentry.domain.consent import ConsentStatus

LONGEST_LINE: Final = 1024 * 1024
MOST_FAULTS: Final = 20
UNKNOWN_REASON: Final = "unknown"
VANISHED_REASON: Final = "vanished_from_mirror"
CONSENT_ID: Final = r"^_[A-Za-z0-9_-]{1,63}\Z"
_VISIBLE: Final = re.compile(r"[!-~]{1,255}")
_ICON_URL: Final = re.compile(r"https://[!-~]{1,2040}")
_FOUR_DIGITS: Final = re.compile(r"(\D*\d){0,4}\D*")
_CLUSTER: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line: the path of the field (empty: the whole line) and what was expected there."""

    line: int
    field: str
    expected: str

    @property
    def sentence(self) -> str:
        """Say it in one line."""
        return f"line {self.line}{', ' if self.field else ''}{self.field}: expected {self.expected}"


class FieldFault(Exception):
    """A field of a line does not hold what it should."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(field, expected)
        self.field = field
        self.expected = expected


@dataclass(frozen=True, slots=True)
class End:
    """How and when a consent came to rest: what its times, its status and its revocation say together."""

    paused_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    revocation_reason: str | None


@dataclass(frozen=True, slots=True)
class ToldEnd:
    """What a line says of a consent's status; None is null or absent."""

    status: str | None
    consented_on: datetime
    expires_at: datetime | None
    paused_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    revocation_reason: str | None


def is_visible_id(text: str) -> bool:
    """Tell whether a text can be the id of an application or an intermediary: 1 to 255 visible ASCII characters."""
    return _VISIBLE.fullmatch(text) is not None


def is_icon_url(text: str) -> bool:
    """Tell whether a text can be the address of an icon or a website: https, at most 2048 visible ASCII characters."""
    return _ICON_URL.fullmatch(text) is not None


def is_masked(number: str) -> bool:
    """Tell whether an account's number is masked: at most four digits are left."""
    return _FOUR_DIGITS.fullmatch(number) is not None


def is_data_cluster(text: str) -> bool:
    """Tell whether a text has the form of an FDX DataCluster, such as `ACCOUNT_BASIC`."""
    return _CLUSTER.fullmatch(text) is not None


def has_control_character(text: str) -> bool:
    """Tell whether a text holds a character that no name has and the store does not take."""
    return _CONTROL.search(text) is not None


def id_from_name(prefix: str, name: str) -> str:
    """Derive an id from a name, for systems that tell no id: the same for the same name, always.

    It is the prefix, the name's letters and digits, and 48 bits of its SHA-256, so that similar names stay apart.
    """
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
    return "-".join(part for part in (prefix, words, hashlib.sha256(name.encode()).hexdigest()[:12]) if part)


def end_of(told: ToldEnd, now: datetime) -> End:
    """Put together how a consent stands, from a line that may know no status and not who revoked it.

    Where nobody is said to have revoked a consent it is the system, for an unknown reason; a pause without a time began
    with the sharing.

    Raises:
        FieldFault: the line contradicts itself.
    """
    if told.status is not None:
        _check_status(told, now)
    if told.revoked_at is None:
        for field, value in (("revoked_by", told.revoked_by), ("revocation_reason", told.revocation_reason)):
            if value is not None:
                raise FieldFault(field, "null, as there is no revoked_at")
        paused_at = told.paused_at or (told.consented_on if told.status == ConsentStatus.PAUSED else None)
        return End(paused_at=paused_at, revoked_at=None, revoked_by=None, revocation_reason=None)
    if told.revoked_by is None:
        return End(told.paused_at, told.revoked_at, "system", told.revocation_reason or UNKNOWN_REASON)
    return End(told.paused_at, told.revoked_at, told.revoked_by, told.revocation_reason)


def _check_status(told: ToldEnd, now: datetime) -> None:
    if (told.status == ConsentStatus.REVOKED) != (told.revoked_at is not None):
        raise FieldFault("status", '"revoked" where there is a revoked_at, and only there')
    if told.status == ConsentStatus.EXPIRED and (told.expires_at is None or told.expires_at > now):
        raise FieldFault("expires_at", 'a time in the past, as the status is "expired"')
    if told.status == ConsentStatus.ACTIVE and told.paused_at is not None:
        raise FieldFault("paused_at", 'null, as the status is "active"')
