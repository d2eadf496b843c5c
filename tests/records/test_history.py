"""The history as it is read: a customer's own by token, any of the institution's for its staff, nobody else's."""

from datetime import UTC, datetime
from typing import Any

import pytest

from consentry.domain.history import HistoryKind, Party
from consentry.domain.refusal.request import InvalidToken, UnknownConsent
from consentry.store.consents import Subject
from consentry.usecases.consent.dispute import dispute
from consentry.usecases.consent.history import customer_history, staff_history
from consentry.usecases.consent.share_account import share_account
from consentry.usecases.consent.share_new_accounts import share_new_accounts
from consentry.usecases.services import Services
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.records.asking import about, token_of

SAVINGS = ACCOUNTS[1]["account_id"]


@pytest.fixture
async def anna(services: Services, bku: Tenant) -> Subject:
    await add_customer(services.session, bku, "anna")
    await add_consent(services.session, bku, "anna", "budget", "_budget")
    return await token_of(services, bku, "anna")


async def test_a_customer_reads_what_they_and_the_bank_did(
    services: Services, anna: Subject, super_connection: Any
) -> None:
    await share_account(services.changes, about(anna, "_budget"), account_id=SAVINGS, enabled=True)
    await share_new_accounts(services.changes, about(anna, "_budget"), automatic=True)
    await super_connection.execute(
        """insert into consentry.consent_changes
               (institution_id, consent_id, version, at, kind, actor_kind, actor_id, detail, request_id)
           values ($1, '_budget', 4, now(), 'account_withheld', 'staff', 'm-17',
                   jsonb_build_object('account_id', $2::text, 'enabled', false, 'reason_text', $3::text), 'r5')""",
        anna.institution_id,
        SAVINGS,
        "You asked us by phone.",
    )
    await super_connection.execute("update consentry.consents set version = 4")

    told = await customer_history(services, anna, consent_id="_budget")
    assert [(e.kind, e.by, e.account and e.account.nickname, e.reason_text) for e in told.entries] == [
        (HistoryKind.ACCOUNT_WITHHELD, Party.BANK, "Rainy Day", "You asked us by phone."),
        (HistoryKind.AUTO_SHARE_ON, Party.CUSTOMER, None, None),
        (HistoryKind.ACCOUNT_SHARED, Party.CUSTOMER, "Rainy Day", None),
        (HistoryKind.CONSENTED, Party.CUSTOMER, None, None),
    ]
    assert "m-17" not in repr(told)
    assert told.consent.version == 4

    seen = await staff_history(services.session, anna.institution_id, consent_id="_budget")
    assert seen.found.customer_id == "anna"
    traces = [entry.trace for entry in seen.entries]
    assert [(t.actor_kind, t.actor_id, t.request_id, t.version) for t in traces if t is not None] == [
        ("staff", "m-17", "r5", 4),
        ("customer", "anna", "r1", 3),
        ("customer", "anna", "r1", 2),
    ]


async def test_a_dispute_stands_in_the_history_after_the_end(services: Services, anna: Subject) -> None:
    await dispute(services.changes, about(anna, "_budget"))
    told = await customer_history(services, anna, consent_id="_budget")
    assert [(entry.kind, entry.reason) for entry in told.entries] == [
        (HistoryKind.DISPUTED, None),
        (HistoryKind.STOPPED, "not_recognised"),
        (HistoryKind.CONSENTED, None),
    ]


async def test_a_consent_that_expired_says_so(services: Services, bku: Tenant, anna: Subject) -> None:
    past = datetime(2025, 1, 1, tzinfo=UTC)
    await add_consent(services.session, bku, "anna", "budget", "_old", expires_at=past)
    told = await customer_history(services, anna, consent_id="_old")
    newest = told.entries[0]
    assert (newest.kind, newest.by, newest.at) == (HistoryKind.EXPIRED, Party.SYSTEM, past)


async def test_nobody_reads_a_history_that_is_not_theirs(
    services: Services, bku: Tenant, other: Tenant, anna: Subject, super_connection: Any
) -> None:
    await add_customer(services.session, bku, "bob")
    await add_consent(services.session, bku, "bob", "budget", "_bobs")
    await add_customer(services.session, other, "anna")
    await add_consent(services.session, other, "anna", "budget", "_elsewhere")
    for consent_id in ("_bobs", "_elsewhere", "_nothing"):
        with pytest.raises(UnknownConsent):
            await customer_history(services, anna, consent_id=consent_id)
    with pytest.raises(UnknownConsent):
        await staff_history(services.session, bku.institution_id, consent_id="_elsewhere")
    assert (await staff_history(services.session, bku.institution_id, consent_id="_bobs")).found.customer_id == "bob"
    await super_connection.execute("update consentry.tokens set revoked_at = now()")
    with pytest.raises(InvalidToken):
        await customer_history(services, anna, consent_id="_budget")
