"""Export everything of an institution, as the lines that an import takes (docs/guides/import.md)."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from consentry.domain.account import Account
from consentry.domain.actor import Actor
from consentry.domain.consent import Consent
from consentry.domain.institution import Institution
from consentry.store import audit, clock, exports
from consentry.store.exports import StoredApplication, StoredCustomer
from consentry.usecases.institution.list_all import find_institution
from consentry.usecases.services import Services

_write: Final = msgspec.json.Encoder().encode


class _Account(msgspec.Struct):
    enabled: bool
    nickname: str
    account_id: str
    account_number_display: str


class _Consent(msgspec.Struct, tag_field="type", tag="consent"):
    customer_id: str
    application_id: str
    id: str
    application_name: str
    application_icon_url: str | None
    created_at: str
    last_accessed: str | None
    accounts: list[_Account]
    auto_enable_future_accounts: bool
    consented_on: str
    revoked_at: str | None
    status: str
    expires_at: str | None
    intermediary_name: str | None
    data_clusters: tuple[str, ...]
    revoked_by: str | None
    revocation_reason: str | None
    paused_at: str | UnsetType = UNSET


async def export(services: Services, public_id: str, *, actor: Actor) -> AsyncGenerator[bytes, None]:
    """Give the lines of an export, as of one moment; that it was asked for is in the audit before the first one.

    Raises:
        UnknownInstitution: there is none.
        TemporarilyUnavailable: the store can't be reached.
    """
    institution = await find_institution(services, public_id)
    institution_id = institution.institution_id
    async with services.session.begin(institution_id) as connection:
        await audit.record(
            connection, institution_id, action="consents.exported", actor=actor, subject=("institution", public_id)
        )
    async with services.session.begin(institution_id, snapshot=True) as connection:
        await exports.allow_time(connection)
        now = await clock.now(connection)
        yield _institution_line(institution)
        for intermediary in await exports.intermediaries(connection, institution_id):
            yield _line(
                {
                    "type": "intermediary",
                    "intermediary_id": intermediary.intermediary_id,
                    "name": intermediary.name,
                    **msgspec.json.decode(intermediary.settings),
                }
            )
        for application in await exports.applications(connection, institution_id):
            yield _application_line(application)
        async for customer in exports.customers(connection, institution_id):
            yield _customer_line(customer)
            for consent in customer.consents:
                yield _write(_consent(consent, customer, now)) + b"\n"


def _institution_line(institution: Institution) -> bytes:
    return _line(
        {
            "type": "institution",
            "institution_id": institution.public_id,
            "name": institution.name,
            "host": institution.host,
        }
    )


def _application_line(application: StoredApplication) -> bytes:
    return _line(
        {
            "type": "application",
            "application_id": application.application_id,
            "name": application.name,
            "icon_url": application.icon_url,
            "purpose": application.purpose,
            "intermediary_id": application.intermediary_id,
            "status": application.status,
            "category": application.category,
            "website": application.website,
        }
    )


def _customer_line(customer: StoredCustomer) -> bytes:
    accounts = [
        {
            "account_id": account.account_id,
            "nickname": account.nickname,
            "account_number_display": account.number_display,
        }
        for account in customer.accounts
    ]
    return _line({"type": "customer", "customer_id": customer.customer_id, "accounts": accounts})


def _consent(consent: Consent, customer: StoredCustomer, now: datetime) -> _Consent:
    return _Consent(
        customer_id=customer.customer_id,
        application_id=consent.application_id,
        id=consent.consent_id,
        application_name=consent.application_name,
        application_icon_url=consent.application_icon_url,
        created_at=_time(consent.created_at),
        last_accessed=_optional_time(consent.last_accessed),
        accounts=[_account(account, consent) for account in customer.accounts],
        auto_enable_future_accounts=consent.auto_share,
        consented_on=_time(consent.consented_on),
        revoked_at=_optional_time(consent.revoked_at),
        status=consent.status(now).value,
        expires_at=_optional_time(consent.expires_at),
        intermediary_name=consent.intermediary_name,
        data_clusters=consent.data_clusters,
        revoked_by=consent.revoked_by,
        revocation_reason=consent.revocation_reason,
        paused_at=UNSET if consent.paused_at is None else _time(consent.paused_at),
    )


def _account(account: Account, consent: Consent) -> _Account:
    return _Account(
        account.account_id in consent.shared_accounts, account.nickname, account.account_id, account.number_display
    )


def _line(members: dict[str, object]) -> bytes:
    return _write(members) + b"\n"


def _time(moment: datetime) -> str:
    """Write a time in UTC with milliseconds, or with microseconds where the store has them: nothing is lost."""
    exact = "milliseconds" if moment.microsecond % 1000 == 0 else "microseconds"
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=exact) + "Z"


def _optional_time(moment: datetime | None) -> str | None:
    return None if moment is None else _time(moment)
