"""The five-minute token of the Consent Management API: what it says and how long it lives.

How it is written and read as a JWT is jose.py's business; that it is live at this moment is asked of the store at each
use.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

TOKEN_LIFETIME: Final = timedelta(seconds=300)
TOKEN_TYPE: Final = "consent_management"  # noqa: S105 - the public name of this kind of token


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a token says: which institution's customer it is for, and its own id and times (seconds since 1970)."""

    institution: str
    customer_id: str
    jti: UUID
    issued_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class StoredToken:
    """The durable row of a token; `number` is its integer id in the answers."""

    institution_id: int
    jti: UUID
    number: int
    customer_id: str
    issued_at: datetime
    expires_at: datetime
    spent_at: datetime | None
    revoked_at: datetime | None

    @property
    def updated_at(self) -> datetime:
        """Give the time of the row's last change."""
        return max(moment for moment in (self.issued_at, self.spent_at, self.revoked_at) if moment is not None)
