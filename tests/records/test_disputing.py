"""I don't recognise this app: it ends, the bank is told once, and no state of the consent swallows the message."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from consentry.domain.consent import ConsentStatus
from consentry.domain.refusal.request import InvalidToken, UnknownConsent
from consentry.store.consents import Subject
from consentry.usecases.consent.dispute import dispute
from consentry.usecases.consent.stop_sharing import stop_sharing
from consentry.usecases.services import Services
from tests.builders import Tenant, add_consent, add_customer
from tests.records.asking import SOURCE, about, token_of

LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
async def anna(services: Services, bku: Tenant) -> Subject:
    await add_customer(services.session, bku, "anna")
    await add_consent(services.session, bku, "anna", "budget", "_strange")
    return await token_of(services, bku, "anna")


async def events(db: Any) -> list[str]:
    return [row[0] for row in await db.fetch("select kind from consentry.events order by kind")]


async def actions(db: Any) -> list[tuple[Any, ...]]:
    found = await db.fetch(
        """select action, actor_kind, actor_id, source, request_id from consentry.audit_entries
           where subject_kind = 'consent' order by action"""
    )
    return [tuple(row) for row in found]


async def test_a_disputed_consent_ends_and_the_bank_is_told_of_both(
    services: Services, anna: Subject, super_connection: Any
) -> None:
    shown = await dispute(services.changes, about(anna, "_strange", request_id="r9"))
    assert (shown.consent.revoked_by, shown.consent.revocation_reason) == ("customer", "not_recognised")
    assert shown.consent.version == 2
    assert await events(super_connection) == ["CONSENT_DISPUTED", "CONSENT_REVOKED"]
    who = ("customer", "anna", SOURCE, "r9")
    assert await actions(super_connection) == [("consent.disputed", *who), ("consent.revoked", *who)]
    stored = await super_connection.fetchrow(
        "select consent_id, customer_id, application_id, detail from consentry.events where kind = 'CONSENT_DISPUTED'"
    )
    assert tuple(stored) == ("_strange", "anna", "budget", '{"status": "revoked"}')


async def test_disputing_it_again_changes_nothing_and_tells_nobody_twice(
    services: Services, anna: Subject, super_connection: Any
) -> None:
    first = await dispute(services.changes, about(anna, "_strange"))
    again = await dispute(services.changes, about(anna, "_strange"))
    assert again.consent == first.consent
    assert await events(super_connection) == ["CONSENT_DISPUTED", "CONSENT_REVOKED"]
    assert len(await actions(super_connection)) == 2


async def test_many_at_once_dispute_it_once(services: Services, anna: Subject, super_connection: Any) -> None:
    shown = await asyncio.gather(*(dispute(services.changes, about(anna, "_strange")) for _ in range(64)))
    assert len({each.consent.revoked_at for each in shown}) == 1
    assert await events(super_connection) == ["CONSENT_DISPUTED", "CONSENT_REVOKED"]


async def test_a_customer_who_stopped_first_can_still_say_that_it_is_strange(
    services: Services, anna: Subject, super_connection: Any
) -> None:
    stopped = await stop_sharing(services.changes, about(anna, "_strange"))
    shown = await dispute(services.changes, about(anna, "_strange"))
    assert shown.consent == stopped.consent, "why it ended is not rewritten"
    assert await events(super_connection) == ["CONSENT_DISPUTED", "CONSENT_REVOKED"]


async def test_an_expired_consent_is_disputed_without_being_changed(
    services: Services, bku: Tenant, anna: Subject, super_connection: Any
) -> None:
    await add_consent(services.session, bku, "anna", "budget", "_old", expires_at=LONG_AGO)
    shown = await dispute(services.changes, about(anna, "_old"))
    assert (shown.consent.revoked_at, shown.consent.version) == (None, 1)
    assert await events(super_connection) == ["CONSENT_DISPUTED"]


async def test_a_mirrored_consent_cannot_be_ended_here_but_the_bank_is_told(
    services: Services, bku: Tenant, anna: Subject, super_connection: Any
) -> None:
    await add_consent(services.session, bku, "anna", "budget", "_mirrored", read_only=True)
    shown = await dispute(services.changes, about(anna, "_mirrored"))
    assert shown.consent.status(shown.customer.moment) is ConsentStatus.ACTIVE
    assert await events(super_connection) == ["CONSENT_DISPUTED"]


async def test_what_another_tab_changed_does_not_hold_a_dispute_up(services: Services, anna: Subject) -> None:
    shown = await dispute(services.changes, about(anna, "_strange", if_match=('"99.99"',)))
    assert shown.consent.revoked_at is not None


async def test_nobody_disputes_what_is_not_theirs_or_with_a_dead_token(
    services: Services, bku: Tenant, other: Tenant, anna: Subject, super_connection: Any
) -> None:
    await add_customer(services.session, other, "bob")
    await add_consent(services.session, other, "bob", "budget", "_bobs")
    for consent_id in ("_bobs", "_nothing"):
        with pytest.raises(UnknownConsent):
            await dispute(services.changes, about(anna, consent_id))
    await super_connection.execute("update consentry.tokens set revoked_at = now()")
    with pytest.raises(InvalidToken):
        await dispute(services.changes, about(anna, "_strange"))
    assert await events(super_connection) == []
    assert await super_connection.fetchval("select count(*) from consentry.disputes") == 0
