"""What the Consent Management API answers, as frozen values.

Owns their fields; leaves the reading of bytes to `calls`. A member that this version does not know is ignored. Secrets
are left out of `repr()`.
"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token for one customer; `expires_in` is in seconds."""

    access_token: str = field(repr=False)
    token_type: str = "Bearer"  # noqa: S105 - the type is no secret
    expires_in: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedToken:
    """A token that is dead; `revoked_at` is the time of the first revocation."""

    id: int
    tokenable_id: int
    tokenable_type: str
    token: str = field(repr=False)
    expires_in: int
    revoked_at: datetime
    scopes: dict[str, str]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """New credentials; the secret is shown here and never again."""

    client_id: str
    client_secret: str = field(repr=False)
    name: str
    created_at: datetime
    previous_secret_expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account of the customer, and whether it is shared with the app of the consent."""

    enabled: bool
    nickname: str
    account_id: str
    account_number_display: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a customer shares with one app.

    The fields after `revoked_at` are None in `v4`, but for `etag`: it is there in every answer about one consent, and
    in lists since `v5`. Give it back as `if_match` with a change.
    """

    id: str
    application_name: str
    application_icon_url: str | None
    created_at: datetime
    last_accessed: datetime | None
    accounts: tuple[Account, ...]
    auto_enable_future_accounts: bool
    consented_on: datetime
    revoked_at: datetime | None
    status: str | None = None
    expires_at: datetime | None = None
    intermediary_name: str | None = None
    data_clusters: tuple[str, ...] | None = None
    revoked_by: str | None = None
    revocation_reason: str | None = None
    etag: str | None = None
