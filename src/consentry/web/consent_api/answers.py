"""How consents, tokens and credentials look on the wire (consent-api.md), member by member, in that order."""

from datetime import UTC, datetime
from typing import Final

import msgspec

from consentry.domain.account import CustomerAccounts
from consentry.domain.consent import Consent, CustomerConsents, newest_first, one_per_application
from consentry.domain.refusal import Refusal
from consentry.domain.scope import MODIFY_CONSENT
from consentry.domain.token import TOKEN_LIFETIME, StoredToken
from consentry.usecases.consent.changes import ShownConsent
from consentry.usecases.credentials.new_secret import ShownCredentials
from consentry.usecases.token.issue import HandedOutToken

_write: Final = msgspec.json.Encoder().encode

SERVER_ERROR: Final = _write(
    {
        "error": "server_error",
        "error_description": "Something went wrong here; report this with the X-Request-Id of the answer.",
    }
)
"""What is told of a fault of ours: nothing but where its trace is to be found."""


class _Account(msgspec.Struct):
    enabled: bool
    nickname: str
    account_id: str
    account_number_display: str


class _ConsentV4(msgspec.Struct):
    id: str
    application_name: str
    application_icon_url: str | None
    created_at: str
    last_accessed: str | None
    accounts: list[_Account]
    auto_enable_future_accounts: bool
    consented_on: str
    revoked_at: str | None


class _ConsentV6(_ConsentV4):
    status: str
    expires_at: str | None
    intermediary_name: str | None
    data_clusters: tuple[str, ...]
    revoked_by: str | None
    revocation_reason: str | None
    etag: str | msgspec.UnsetType = msgspec.UNSET


def consents_body(customer: CustomerConsents, *, version: int) -> bytes:
    """Render a customer's consents, newest first: in version 4 one an app, later all that are kept."""
    consents = newest_first(customer.consents)
    if version == 4:
        consents = one_per_application(consents, customer.moment)
        return _write([_v4(consent, customer.accounts, customer.moment) for consent in consents])
    return _write(
        [_v6(consent, customer.accounts, customer.moment, etag=consent.etag(customer.accounts)) for consent in consents]
    )


def consent_body(shown: ShownConsent, *, version: int) -> bytes:
    """Render one consent."""
    consent, customer = shown.consent, shown.customer
    if version == 4:
        return _write(_v4(consent, customer.accounts, customer.moment))
    return _write(_v6(consent, customer.accounts, customer.moment, etag=msgspec.UNSET))


def _v4(consent: Consent, accounts: CustomerAccounts, now: datetime) -> _ConsentV4:
    ended_at = consent.revoked_at
    if ended_at is None and consent.expires_at is not None and consent.expires_at <= now:
        ended_at = consent.expires_at
    return _ConsentV4(
        consent.consent_id,
        consent.application_name,
        consent.application_icon_url,
        time_text(consent.created_at),
        _optional_time(consent.last_accessed),
        _accounts(consent, accounts),
        consent.auto_share,
        time_text(consent.consented_on),
        _optional_time(ended_at),
    )


def _v6(consent: Consent, accounts: CustomerAccounts, now: datetime, *, etag: str | msgspec.UnsetType) -> _ConsentV6:
    return _ConsentV6(
        consent.consent_id,
        consent.application_name,
        consent.application_icon_url,
        time_text(consent.created_at),
        _optional_time(consent.last_accessed),
        _accounts(consent, accounts),
        consent.auto_share,
        time_text(consent.consented_on),
        _optional_time(consent.revoked_at),
        consent.status(now).value,
        _optional_time(consent.expires_at),
        consent.intermediary_name,
        consent.data_clusters,
        consent.revoked_by,
        consent.revocation_reason,
        etag,
    )


def _accounts(consent: Consent, accounts: CustomerAccounts) -> list[_Account]:
    shared = consent.shared_accounts
    return [
        _Account(account.account_id in shared, account.nickname, account.account_id, account.number_display)
        for account in accounts.accounts
    ]


def token_body(token: HandedOutToken) -> bytes:
    """Render a token just issued (RFC 6749, section 5.1)."""
    return _write({"access_token": token.access_token, "token_type": "Bearer", "expires_in": token.expires_in})


def revoked_token_body(revoked: StoredToken, token: str) -> bytes:
    """Render a revoked token; `token` is the text that was sent, which the store does not have."""
    return _write(
        {
            "id": revoked.number,
            "tokenable_id": revoked.institution_id,
            "tokenable_type": "Institution",
            "token": token,
            "expires_in": int(TOKEN_LIFETIME.total_seconds()),
            "revoked_at": _optional_time(revoked.revoked_at),
            "scopes": {MODIFY_CONSENT: revoked.customer_id},
            "created_at": time_text(revoked.issued_at),
            "updated_at": time_text(revoked.updated_at),
        }
    )


def credentials_body(shown: ShownCredentials) -> bytes:
    """Render rotated credentials, with the new secret in clear this once."""
    return _write(
        {
            "client_id": shown.client_id,
            "client_secret": shown.client_secret,
            "name": shown.name,
            "created_at": time_text(shown.created_at),
            "previous_secret_expires_at": _optional_time(shown.previous_secret_expires_at),
        }
    )


def refusal_body(refusal: Refusal) -> bytes:
    """Render a refusal: the stable code and the sentence that says what to do.

    A missing token goes by the code of a bad one; only its challenge bears no code (RFC 6750, section 3.1).
    """
    code = "invalid_token" if refusal.code == "missing_token" else refusal.code
    return _write({"error": code, "error_description": refusal.description})


def time_text(moment: datetime) -> str:
    """Write a time as ISO 8601 in UTC with milliseconds: `2024-06-14T19:48:18.354Z`."""
    # msgspec writes times twenty times faster than datetime does, with six digits or none; a list has fifteen of them.
    written = _write(moment.astimezone(UTC) if moment.tzinfo is not UTC else moment).decode()
    return f"{written[1:24]}Z" if "." in written else f"{written[1:20]}.000Z"


def _optional_time(moment: datetime | None) -> str | None:
    return None if moment is None else time_text(moment)
