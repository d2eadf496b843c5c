"""How consents, tokens and credentials look on the wire (consent-api.md), member by member, in that order."""

from datetime import UTC, datetime
from typing import Final

import msgspec

from consentry.domain.account import Account, CustomerAccounts
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


def consents_body(customer: CustomerConsents, *, version: int) -> bytes:
    """Render a customer's consents, newest first: in version 4 one an app, later all that are kept."""
    now = customer.moment
    consents = newest_first(customer.consents)
    accounts = _Accounts(customer.accounts)
    if version == 4:
        shown = [_v4(consent, accounts, now) + "}" for consent in one_per_application(consents, now)]
    else:
        shown = [
            f'{_v6(consent, accounts, now)},"etag":{_json(consent.etag(customer.accounts))}}}' for consent in consents
        ]
    return f"[{','.join(shown)}]".encode()


def consent_body(shown: ShownConsent, *, version: int) -> bytes:
    """Render one consent."""
    render = _v4 if version == 4 else _v6
    return (render(shown.consent, _Accounts(shown.customer.accounts), shown.customer.moment) + "}").encode()


class _Accounts:
    """A customer's accounts, rendered once for all consents that share the same ones."""

    __slots__ = ("_members", "_shown")

    def __init__(self, accounts: CustomerAccounts) -> None:
        self._members = [(account.account_id, _account_members(account)) for account in accounts.accounts]
        self._shown: dict[frozenset[str], str] = {}

    def shown_to(self, consent: Consent) -> str:
        shared = consent.shared_accounts
        shown = self._shown.get(shared)
        if shown is None:
            shown = self._shown[shared] = ",".join(
                [
                    ('{"enabled":true,' if account_id in shared else '{"enabled":false,') + members
                    for account_id, members in self._members
                ]
            )
        return shown


# A list is what customers wait for. Putting its text together from parts takes half the time of building objects to be
# encoded; whatever is not known to be plain text goes through _json.


def _account_members(account: Account) -> str:
    """Render an account from its second member on, with the closing brace."""
    return (
        f'"nickname":{_json(account.nickname)},"account_id":{_json(account.account_id)},'
        f'"account_number_display":{_json(account.number_display)}}}'
    )


def _v4(consent: Consent, accounts: _Accounts, now: datetime) -> str:
    """Render a consent as version 4 knows it, but for the closing brace; an expired one bears its expiry as its end."""
    ended_at = consent.revoked_at
    if ended_at is None and consent.expires_at is not None and consent.expires_at <= now:
        ended_at = consent.expires_at
    return _common_members(consent, accounts, ended_at)


def _v6(consent: Consent, accounts: _Accounts, now: datetime) -> str:
    """Render a consent as version 6 knows it, but for the closing brace."""
    return (
        f'{_common_members(consent, accounts, consent.revoked_at)},"status":"{consent.status(now).value}",'
        f'"expires_at":{_optional_time(consent.expires_at)},"intermediary_name":{_json(consent.intermediary_name)},'
        f'"data_clusters":{_json(consent.data_clusters)},"revoked_by":{_json(consent.revoked_by)},'
        f'"revocation_reason":{_json(consent.revocation_reason)}'
    )


def _common_members(consent: Consent, accounts: _Accounts, ended_at: datetime | None) -> str:
    return (
        f'{{"id":"{consent.consent_id}","application_name":{_json(consent.application_name)},'
        f'"application_icon_url":{_json(consent.application_icon_url)},"created_at":"{time_text(consent.created_at)}",'
        f'"last_accessed":{_optional_time(consent.last_accessed)},"accounts":[{accounts.shown_to(consent)}],'
        f'"auto_enable_future_accounts":{"true" if consent.auto_share else "false"},'
        f'"consented_on":"{time_text(consent.consented_on)}","revoked_at":{_optional_time(ended_at)}'
    )


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
            "revoked_at": _time_or_none(revoked.revoked_at),
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
            "previous_secret_expires_at": _time_or_none(shown.previous_secret_expires_at),
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
    # msgspec writes times several times faster than datetime does, with six digits or none.
    written = _write(moment.astimezone(UTC) if moment.tzinfo is not UTC else moment).decode()
    return f"{written[1:24]}Z" if "." in written else f"{written[1:20]}.000Z"


def _time_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else time_text(moment)


def _optional_time(moment: datetime | None) -> str:
    return "null" if moment is None else f'"{time_text(moment)}"'


def _json(value: object) -> str:
    return _write(value).decode()
