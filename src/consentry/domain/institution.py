"""Institutions: the banks and credit unions whose customers decide.

What an institution is allowed to configure is checked here; how it is found for a request is the store's business.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from consentry.domain.refusal.institution import InvalidInstitution

LONGEST_OVERLAP = timedelta(days=30)
_PUBLIC_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")


class InstitutionStatus(StrEnum):
    """Whether an institution's requests are answered: only those of enabled ones are."""

    ENABLED = "enabled"
    NEEDS_REVIEW = "needs_review"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Institution:
    """An institution; `institution_id` is internal, `public_id` is what others see."""

    institution_id: int
    public_id: str
    name: str
    host: str | None
    status: InstitutionStatus
    secret_overlap: timedelta
    created_at: datetime


def is_public_id(text: str) -> bool:
    """Tell whether an institution can have this public id."""
    return _PUBLIC_ID.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Tell whether an institution can be called so."""
    return 1 <= len(text) <= 200 and text.isprintable()


def check_new_institution(public_id: str, name: str) -> None:
    """Check what names a new institution.

    Raises:
        InvalidInstitution: the id or the name is malformed.
    """
    if not is_public_id(public_id) or not is_name(name):
        raise InvalidInstitution


def check_host(host: str) -> str:
    """Give the host name in small letters (RFC 1123, section 2.1), without a port.

    Raises:
        InvalidInstitution: it is no host name.
    """
    lowered = host.lower()
    if len(lowered) > 253 or not _HOST.fullmatch(lowered):
        raise InvalidInstitution("Give a host name such as consents.bank.example, without a port.")
    return lowered


def check_overlap(overlap: timedelta) -> None:
    """Check how long a previous secret may live on.

    Raises:
        InvalidInstitution: less than nothing, or more than 30 days.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise InvalidInstitution("Give an overlap from 0s to 30d.")
