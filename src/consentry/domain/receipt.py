"""Receipts: what a customer takes away of a consent, as it was at one moment, in a form that can be signed.

What is written here is a promise: a receipt that was given years ago must still be read. Members are only ever added.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from consentry.domain.account import CustomerAccounts
from consentry.domain.consent import Consent, ConsentStatus

EXPIRY: Final = "expiry"
"""Who ended a consent that ended by itself."""
_LAST_FOUR: Final = 4


@dataclass(frozen=True, slots=True)
class ReceiptAccount:
    """An account that is shared, or was at the end; never more of its number than the last four digits."""

    nickname: str
    last_four: str


@dataclass(frozen=True, slots=True)
class Wording:
    """In which language the receipt is, and which words it used: their digest, so that they can be found again."""

    language: str
    digest: str


NO_WORDING: Final = Wording(language="", digest="")
"""Of a receipt that was made without a PDF, so in no words."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A consent at the moment `made_at`; its version and status are those of that moment.

    `ended_by` is who ended it, `expiry` where it ended by itself, or None while it lives. `disputed_at` is when the
    customer said that they do not recognise the app.
    """

    receipt_id: str
    made_at: datetime
    institution_id: str
    institution_name: str
    customer_id: str
    consent_id: str
    version: int
    status: ConsentStatus
    application_id: str
    application_name: str
    intermediary_name: str | None
    purpose: str | None
    data_clusters: tuple[str, ...]
    accounts: tuple[ReceiptAccount, ...]
    shares_new_accounts: bool
    consented_on: datetime
    expires_at: datetime | None
    paused_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    end_reason: str | None
    disputed_at: datetime | None
    last_accessed: datetime | None
    wording: Wording

    @property
    def has_ended(self) -> bool:
        """Tell whether the consent had ended when the receipt was made."""
        return self.ended_at is not None

    def to_json(self) -> bytes:
        """Write the receipt: JSON in UTF-8 without spaces, times in milliseconds UTC. These bytes are signed."""
        members = {
            "receipt_id": self.receipt_id,
            "made_at": _written(self.made_at),
            "institution": {"id": self.institution_id, "name": self.institution_name},
            "customer_id": self.customer_id,
            "consent": {
                "id": self.consent_id,
                "version": self.version,
                "status": self.status.value,
                "application": {"id": self.application_id, "name": self.application_name},
                "intermediary": self.intermediary_name,
                "purpose": self.purpose,
                "data_clusters": list(self.data_clusters),
                "accounts": [{"nickname": a.nickname, "last_four": a.last_four} for a in self.accounts],
                "share_new_accounts": self.shares_new_accounts,
                "consented_on": _written(self.consented_on),
                "expires_at": _written(self.expires_at),
                "paused_at": _written(self.paused_at),
                "ended_at": _written(self.ended_at),
                "ended_by": self.ended_by,
                "end_reason": self.end_reason,
                "disputed_at": _written(self.disputed_at),
                "last_accessed": _written(self.last_accessed),
            },
            "wording": {"language": self.wording.language, "digest": self.wording.digest},
        }
        return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()

    @staticmethod
    def from_json(text: bytes) -> "Receipt":
        """Read what `to_json` wrote; members that are not known are passed over.

        Raises:
            ValueError: it is something else.
        """
        try:
            members = json.loads(text)
            consent = members["consent"]
            return Receipt(
                receipt_id=str(members["receipt_id"]),
                made_at=datetime.fromisoformat(members["made_at"]),
                institution_id=str(members["institution"]["id"]),
                institution_name=str(members["institution"]["name"]),
                customer_id=str(members["customer_id"]),
                consent_id=str(consent["id"]),
                version=int(consent["version"]),
                status=ConsentStatus(consent["status"]),
                application_id=str(consent["application"]["id"]),
                application_name=str(consent["application"]["name"]),
                intermediary_name=consent["intermediary"],
                purpose=consent["purpose"],
                data_clusters=tuple(map(str, consent["data_clusters"])),
                accounts=tuple(ReceiptAccount(str(a["nickname"]), str(a["last_four"])) for a in consent["accounts"]),
                shares_new_accounts=bool(consent["share_new_accounts"]),
                consented_on=datetime.fromisoformat(consent["consented_on"]),
                expires_at=_read(consent["expires_at"]),
                paused_at=_read(consent["paused_at"]),
                ended_at=_read(consent["ended_at"]),
                ended_by=consent["ended_by"],
                end_reason=consent["end_reason"],
                disputed_at=_read(consent["disputed_at"]),
                last_accessed=_read(consent["last_accessed"]),
                wording=Wording(str(members["wording"]["language"]), str(members["wording"]["digest"])),
            )
        except (KeyError, TypeError, ValueError):
            raise ValueError("It is no receipt of a consent.") from None


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """What a receipt says beside the consent and its customer's accounts: `institution` is the public id."""

    receipt_id: str
    made_at: datetime
    institution: str
    institution_name: str
    customer_id: str
    purpose: str | None
    disputed_at: datetime | None
    wording: Wording


def receipt_of(consent: Consent, accounts: CustomerAccounts, facts: ReceiptFacts) -> Receipt:
    """Make the receipt of a consent as it is at `facts.made_at`; only accounts that it shares are on it."""
    status = consent.status(facts.made_at)
    expired = status is ConsentStatus.EXPIRED
    return Receipt(
        receipt_id=facts.receipt_id,
        made_at=facts.made_at,
        institution_id=facts.institution,
        institution_name=facts.institution_name,
        customer_id=facts.customer_id,
        consent_id=consent.consent_id,
        version=consent.version,
        status=status,
        application_id=consent.application_id,
        application_name=consent.application_name,
        intermediary_name=consent.intermediary_name,
        purpose=facts.purpose,
        data_clusters=consent.data_clusters,
        accounts=tuple(
            ReceiptAccount(account.nickname, account.number_display[-_LAST_FOUR:])
            for account in accounts.accounts
            if account.account_id in consent.shared_accounts
        ),
        shares_new_accounts=consent.auto_share,
        consented_on=consent.consented_on,
        expires_at=consent.expires_at,
        paused_at=consent.paused_at,
        ended_at=consent.expires_at if expired else consent.revoked_at,
        ended_by=EXPIRY if expired else consent.revoked_by,
        end_reason=consent.revocation_reason,
        disputed_at=facts.disputed_at,
        last_accessed=consent.last_accessed,
        wording=facts.wording,
    )


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC).isoformat(timespec='milliseconds')[:23]}Z"


def _read(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
