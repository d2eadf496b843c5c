"""Intermediaries: the companies between apps and an institution, and what the institution sets for each.

Everything a form may hold is checked here, field by field. Whether an address is public, as far as its name tells, is
asked of whoever calls; nobody ever fetches it.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from consentry.domain.application import IntermediaryStatus
from consentry.domain.importing import is_visible_id
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.staff import check_email

MOST_CONTACTS: Final = 10
MOST_NETWORKS: Final = 100
MOST_REQUESTS: Final = 1_000_000_000
_LONGEST_NAME: Final = 200
_LONGEST_FIELD: Final = 100
_LONGEST_ADDRESS: Final = 2000
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ().-]{3,29}")


class Approval(StrEnum):
    """How apps are let in that an intermediary registers."""

    AUTOMATIC = "automatic"
    BY_HAND = "by_hand"


class Period(StrEnum):
    """What a limit of requests is counted over."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody at an intermediary; all but the name may be empty."""

    name: str
    role: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class RequestLimit:
    """So many requests in a period, for all apps of the intermediary together."""

    requests: int
    period: Period


@dataclass(frozen=True, slots=True)
class IntermediarySettings:
    """What an institution sets; `allowed_networks` in their usual form (RFC 4632, RFC 4291), none: any address."""

    name: str
    logo_url: str | None = None
    contacts: tuple[Contact, ...] = ()
    limit: RequestLimit | None = None
    allowed_networks: tuple[str, ...] = ()
    approval: Approval = Approval.BY_HAND


@dataclass(frozen=True, slots=True)
class Intermediary:
    """An intermediary as it is stored; `version` counts the changes of its settings and its status."""

    intermediary_id: str
    settings: IntermediarySettings
    status: IntermediaryStatus
    status_reason: str | None
    status_changed_at: datetime | None
    created_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class TypedSettings:
    """What was typed into a form: texts, before anything is checked."""

    name: str = ""
    logo_url: str = ""
    contacts: tuple[Contact, ...] = ()
    request_limit: str = ""
    request_period: str = ""
    networks: str = ""
    approval: str = ""
    problems: dict[str, str] = field(default_factory=dict)


def check_settings(typed: TypedSettings) -> IntermediarySettings:
    """Give what was typed as settings; whether the logo's address is public is for the caller to ask.

    Raises:
        InvalidSettings: something can't be used; it has a sentence for each field. Contacts are named
            `contact_1_email` and so on, from 1.
    """
    problems = dict(typed.problems)
    name = " ".join(typed.name.split())
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable():
        problems.setdefault("name", f"Give a name of 1 to {_LONGEST_NAME} characters.")
    logo_url = typed.logo_url.strip() or None
    if logo_url is not None and (not logo_url.startswith("https://") or len(logo_url) > _LONGEST_ADDRESS):
        problems.setdefault("logo_url", "Give an https address, or leave it empty.")
    contacts = _checked_contacts(typed.contacts, problems)
    limit = _checked_limit(typed, problems)
    networks = _checked_networks(typed.networks, problems)
    approval = next((known for known in Approval if known.value == typed.approval), None)
    if approval is None:
        problems.setdefault("approval", "Choose how new apps are let in.")
    if problems or approval is None:
        raise InvalidSettings(problems)
    return IntermediarySettings(name, logo_url, contacts, limit, networks, approval)


def check_intermediary_id(text: str) -> str:
    """Give the id of a new intermediary.

    Raises:
        InvalidSettings: `intermediary_id`; it is no id.
    """
    if not is_visible_id(text):
        raise InvalidSettings({"intermediary_id": "Give an id of 1 to 255 visible ASCII characters without spaces."})
    return text


def network_of(text: str) -> str:
    """Give a network, or a single address, in the usual form of a network.

    Raises:
        ValueError: it is none, or says more of an address than its prefix does; the text says which.
    """
    try:
        wide = ipaddress.ip_network(text, strict=False)
    except ValueError:
        wide = None
    if wide is None or "%" in text:
        raise ValueError("is no network; write one such as 203.0.113.0/24 or 2001:db8::/32, or a single address")
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError(f"has bits set behind its prefix; write {wide}") from None


def _checked_networks(text: str, problems: dict[str, str]) -> tuple[str, ...]:
    networks: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        written = line.strip()
        if not written:
            continue
        try:
            network = network_of(written)
        except ValueError as fault:
            problems.setdefault("networks", f"Line {number}: {_quoted(written)} {fault}.")
            continue
        if network not in networks:
            networks.append(network)
    if len(networks) > MOST_NETWORKS:
        problems.setdefault("networks", f"Give at most {MOST_NETWORKS} networks.")
    return tuple(networks)


def _checked_limit(typed: TypedSettings, problems: dict[str, str]) -> RequestLimit | None:
    text, chosen = typed.request_limit.strip(), typed.request_period
    period = next((known for known in Period if known.value == chosen), None)
    if not text and not chosen:
        return None
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 0
    if not 1 <= number <= MOST_REQUESTS:
        problems.setdefault(
            "request_limit", "Give a whole number of requests from 1 to 1,000,000,000, or choose no limit."
        )
    if period is None:
        problems.setdefault("request_period", "Choose the period that the limit is counted over.")
    return None if period is None else RequestLimit(number, period)


def _checked_contacts(typed: Sequence[Contact], problems: dict[str, str]) -> tuple[Contact, ...]:
    contacts: list[Contact] = []
    for number, contact in enumerate(typed, start=1):
        trimmed = Contact(*(" ".join(part.split()) for part in _parts(contact)))
        if not any(_parts(trimmed)):
            continue
        for name, part in zip(("name", "role", "email", "phone"), _parts(trimmed), strict=True):
            if (len(part) > _LONGEST_FIELD and name != "email") or not part.isprintable():
                problems.setdefault(f"contact_{number}_{name}", f"Give at most {_LONGEST_FIELD} characters.")
        if not trimmed.name:
            problems.setdefault(f"contact_{number}_name", "Give the name of whom to ask, or empty this contact.")
        if trimmed.email:
            try:
                check_email(trimmed.email)
            except InvalidSettings as fault:
                problems.setdefault(f"contact_{number}_email", fault.fields["email"])
        if trimmed.phone and not _PHONE.fullmatch(trimmed.phone):
            problems.setdefault(f"contact_{number}_phone", "Give a number such as +1 555 010 0199.")
        contacts.append(trimmed)
    if len(contacts) > MOST_CONTACTS:
        problems.setdefault("contacts", f"Give at most {MOST_CONTACTS} contacts.")
    return tuple(contacts)


def _parts(contact: Contact) -> tuple[str, str, str, str]:
    return contact.name, contact.role, contact.email, contact.phone


def _quoted(text: str) -> str:
    shown = "".join(character for character in text[:60] if character.isprintable())
    return f'"{shown}"'
