"""The shapes of an import's lines, and what is expected of each field (docs/guides/import.md).

Consents come in the shape of the Consent Management API, which may hold members that are not known here; the product's
own lines may not. What spans several fields is checked in lines.py.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from consentry.domain.importing import CONSENT_ID
from consentry.domain.intermediary import MOST_NETWORKS, MOST_REQUESTS

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Category = Annotated[str, Meta(min_length=1, max_length=60)]
Purpose = Annotated[str, Meta(min_length=1, max_length=300)]
Identifier = Annotated[str, Meta(min_length=1, max_length=255)]
Time = Annotated[datetime, Meta(tz=True)]
Status = Literal["active", "paused", "expired", "revoked"]
Revoker = Literal["customer", "institution", "recipient", "system"]


class Head(Struct):
    """As much of a line as tells its form."""

    type: str | UnsetType = UNSET
    id: msgspec.Raw | UnsetType = UNSET
    consents: msgspec.Raw | UnsetType = UNSET


class InstitutionLine(Struct, forbid_unknown_fields=True):
    """The institution that the file is about."""

    type: str
    institution_id: str
    name: Name
    host: Annotated[str, Meta(min_length=1, max_length=253)] | None = None


class IntermediaryEntry(Struct, forbid_unknown_fields=True):
    """An intermediary inside its application's line."""

    intermediary_id: Identifier
    name: Name


class RequestLimitEntry(Struct, forbid_unknown_fields=True):
    """So many requests in a period."""

    requests: Annotated[int, Meta(ge=1, le=MOST_REQUESTS)]
    period: Literal["second", "minute", "hour", "day"]


class IntermediaryLine(IntermediaryEntry, kw_only=True):
    """An intermediary, and what the institution sets for it."""

    type: str
    status: Literal["active", "disabled"] | None = None
    request_limit: RequestLimitEntry | None = None
    allowed_networks: Annotated[list[str], Meta(max_length=MOST_NETWORKS)] | None = None
    approval: Literal["automatic", "by_hand"] | None = None


class ApplicationLine(Struct, forbid_unknown_fields=True):
    """An application, with its intermediary or the id of one."""

    type: str
    application_id: Identifier
    name: Name
    icon_url: str | None = None
    purpose: Purpose | None = None
    intermediary_id: Identifier | None = None
    intermediary: IntermediaryEntry | None = None
    status: Literal["active", "needs_review", "disabled"] | None = None
    category: Category | None = None
    website: str | None = None


class CustomerAccount(Struct, forbid_unknown_fields=True, gc=False):
    """An account of a customer's line."""

    account_id: Identifier
    nickname: Annotated[str, Meta(max_length=200)]
    account_number_display: Annotated[str, Meta(min_length=1, max_length=64)]


class CustomerLine(Struct, forbid_unknown_fields=True):
    """A customer, with the accounts that can be shared in the bank's order."""

    type: str
    customer_id: str
    accounts: list[CustomerAccount]


class SharedAccount(Struct, gc=False):
    """An account of a consent: the customer's, and whether it is shared."""

    enabled: bool
    nickname: Annotated[str, Meta(max_length=200)]
    account_id: Identifier
    account_number_display: Annotated[str, Meta(min_length=1, max_length=64)]


class ConsentEntry(Struct):
    """A consent in the API's shape; what only `v6` has may be missing."""

    id: Annotated[str, Meta(pattern=CONSENT_ID)]
    created_at: Time
    consented_on: Time
    accounts: list[SharedAccount]
    auto_enable_future_accounts: bool
    last_accessed: Time | None
    revoked_at: Time | None
    application_name: Name | UnsetType = UNSET
    application_icon_url: str | UnsetType | None = UNSET
    application_id: Identifier | UnsetType = UNSET
    intermediary_name: Name | UnsetType | None = UNSET
    expires_at: Time | None = None
    paused_at: Time | None = None
    status: Status | None = None
    revoked_by: Revoker | None = None
    revocation_reason: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    data_clusters: list[str] = []


class ConsentLine(ConsentEntry, kw_only=True):
    """A consent with a line of its own, which says whose it is."""

    customer_id: str


class ListLine(Struct):
    """A customer and what the API answered to their list of consents."""

    customer_id: str
    consents: list[ConsentEntry]


TYPES: Final = ("institution", "intermediary", "application", "customer", "consent")
_NAME: Final = "a text of 1 to 200 characters"
_IDENTIFIER: Final = "1 to 255 visible ASCII characters without spaces"
_TIME: Final = "a time with its zone, like 2024-06-14T19:48:18.354Z"
_TIME_OR_NULL: Final = f"{_TIME}, or null"
EXPECTED: Final[dict[str, str]] = {
    "type": f"one of {', '.join(TYPES)}",
    "id": "a consent's id: _ and 1 to 63 letters, digits, - and _",
    "institution_id": "the id of the institution, a text",
    "name": _NAME,
    "host": "the name of a host, or null",
    "intermediary_id": _IDENTIFIER,
    "intermediary": "an object with intermediary_id and name, or null",
    "request_limit": "an object with requests and period, or null",
    "requests": "a whole number from 1 to 1000000000",
    "period": "one of second, minute, hour, day",
    "allowed_networks": "an array of at most 100 networks such as 203.0.113.0/24, or null",
    "approval": "one of automatic, by_hand, or null",
    "application_id": _IDENTIFIER,
    "application_name": _NAME,
    "purpose": "a text of 1 to 300 characters, or null",
    "category": "a text of 1 to 60 characters, or null",
    "website": "an https address of at most 2048 characters, or null",
    "icon_url": "an https address of at most 2048 characters, or null",
    "application_icon_url": "an https address of at most 2048 characters, or null",
    "customer_id": _IDENTIFIER,
    "accounts": "an array of accounts",
    "account_id": "a text of 1 to 255 characters",
    "nickname": "a text of at most 200 characters",
    "account_number_display": "a masked number like XXXXXXXX1234, with at most four digits",
    "enabled": "true or false",
    "auto_enable_future_accounts": "true or false",
    "created_at": _TIME,
    "consented_on": _TIME,
    "last_accessed": _TIME_OR_NULL,
    "revoked_at": _TIME_OR_NULL,
    "expires_at": _TIME_OR_NULL,
    "paused_at": _TIME_OR_NULL,
    "intermediary_name": f"{_NAME}, or null",
    "revoked_by": "one of customer, institution, recipient, system, or null",
    "revocation_reason": "a text of 1 to 100 characters, or null",
    "data_clusters": "an array of FDX DataCluster values, such as ACCOUNT_BASIC",
    "consents": "an array of consents",
}
INTERMEDIARY_STATUS: Final = "one of active, disabled, or null"
APPLICATION_STATUS: Final = "one of active, needs_review, disabled"
CONSENT_STATUS: Final = "one of active, paused, expired, revoked, or null"
