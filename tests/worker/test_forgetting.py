"""Ended consents go when their time is over, and nothing else does."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from consentry.config import Retention
from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.store import ended_consents
from consentry.usecases.consent.dispute import dispute
from consentry.usecases.retention.forget_ended import forget_ended
from consentry.usecases.services import Services
from tests.builders import Tenant, add_consent, add_customer
from tests.records.asking import about, token_of

YEAR = Retention(event_days=90, audit_days=366, consent_days=366)


async def age(db: Any, consent_id: str, column: str, days: int) -> None:
    by = ", revoked_by = 'customer'" if column == "revoked_at" else ""
    await db.execute(
        f"update consentry.consents set {column} = now() - make_interval(days => {days}){by} where consent_id = $1",
        consent_id,
    )


async def left(db: Any, table: str = "consents") -> list[str]:
    return [row[0] for row in await db.fetch(f"select consent_id from consentry.{table} order by 1")]


@pytest.fixture
async def db(services: Services, bku: Tenant, super_connection: Any) -> Any:
    """Consents in every state, some that ended longer than a year ago; one of those was disputed."""
    await add_customer(services.session, bku, "anna")
    for consent_id in (
        "_live",
        "_revoked_old",
        "_revoked_new",
        "_expired_old",
        "_expired_new",
        "_ends_later",
        "_mirror",
    ):
        await add_consent(services.session, bku, "anna", "budget", consent_id, read_only=consent_id == "_mirror")
    await dispute(services.changes, about(await token_of(services, bku, "anna"), "_revoked_old"))
    await age(super_connection, "_revoked_old", "revoked_at", 367)
    await age(super_connection, "_revoked_new", "revoked_at", 365)
    await age(super_connection, "_expired_old", "expires_at", 367)
    await age(super_connection, "_expired_new", "expires_at", 365)
    await age(super_connection, "_ends_later", "expires_at", -5)
    await age(super_connection, "_mirror", "revoked_at", 900)
    return super_connection


async def test_what_ended_long_ago_goes_with_its_history_and_is_counted_in_the_audit(
    services: Services, bku: Tenant, db: Any
) -> None:
    assert await left(db, "disputes") == ["_revoked_old"]
    assert await forget_ended(services.session, YEAR) == 2
    assert await left(db) == ["_ends_later", "_expired_new", "_live", "_mirror", "_revoked_new"]
    assert await left(db, "consent_changes") == await left(db, "disputes") == []
    rows = await db.fetch(
        "select actor_kind, subject_id, after from consentry.audit_entries where action = 'consents.forgotten'"
    )
    assert [(row[0], row[1], json.loads(row[2])) for row in rows] == [
        ("system", "bku", {"consents": 2, "changes": 1, "kept_days": 366})
    ]
    assert await forget_ended(services.session, YEAR) == 0
    assert await db.fetchval("select count(*) from consentry.audit_entries where action = 'consents.forgotten'") == 1


async def test_an_institution_under_legal_hold_keeps_everything_and_others_do_not(
    services: Services, bku: Tenant, other: Tenant, db: Any
) -> None:
    await add_customer(services.session, other, "bob")
    await add_consent(services.session, other, "bob", "budget", "_bobs")
    await age(db, "_bobs", "revoked_at", 400)
    before = [consent_id for consent_id in await left(db) if consent_id != "_bobs"]
    await db.execute(
        "update consentry.institutions set legal_hold = true where institution_id = $1", bku.institution_id
    )
    assert await forget_ended(services.session, YEAR) == 1
    assert await left(db) == before


async def test_many_go_in_small_parts_and_several_workers_do_not_meet(services: Services, bku: Tenant, db: Any) -> None:
    await db.execute(
        """insert into consentry.consents (institution_id, consent_id, customer_id, application_id, created_at,
                                           consented_on, revoked_at, revoked_by)
           select $1, '_many' || n, 'anna', 'budget', '2020-01-01', '2020-01-01', '2020-02-01', 'system'
           from generate_series(1, 250) as n""",
        bku.institution_id,
    )
    counts = await asyncio.gather(*(forget_ended(services.session, YEAR, at_once=20) for _ in range(4)))
    counts.append(await forget_ended(services.session, YEAR, at_once=20))
    assert sum(counts) == 252
    told = await db.fetch("select after from consentry.audit_entries where action = 'consents.forgotten'")
    numbers = [json.loads(row[0])["consents"] for row in told]
    assert sum(numbers) == 252
    assert max(numbers) == 20


async def test_the_database_itself_refuses_less_than_a_year_and_what_is_out_of_sight(
    services: Services, bku: Tenant, other: Tenant, db: Any
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await forget_ended(services.session, Retention(event_days=90, audit_days=366, consent_days=300))
    with pytest.raises(TemporarilyUnavailable) as caught:
        async with services.session.begin(other.institution_id) as connection:
            await ended_consents.forget(connection, bku.institution_id, keep=timedelta(days=366), most=10)
    assert isinstance(caught.value.__cause__, asyncpg.InsufficientPrivilegeError)
    assert len(await left(db)) == 7
