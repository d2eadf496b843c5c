"""The worker's sums are those of the tables, after any history, restart and race, of one institution or another."""

import asyncio
import contextlib
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from consentry.domain.counting import WHOLE, Count, CountedConsent, DayCount, nothing, tally
from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.usecases.counting.count_consents import count_consents
from consentry.usecases.counting.count_visits import count_visits
from consentry.usecases.services import Services
from tests.builders import Tenant, add_application, add_consent, add_customer
from tests.conftest import Database

APPS = ("budget", "lender", "tax")
NOW = datetime.now(UTC).replace(microsecond=0)
AT_ONCE = timedelta(0)


async def add_customers(services: Services, tenant: Tenant, count: int) -> list[str]:
    customers = [f"customer-{number:03}" for number in range(count)]
    for customer_id in customers:
        await add_customer(services.session, tenant, customer_id)
    for application_id in APPS:
        await add_application(services.session, tenant, application_id)
    return customers


async def move_something(services: Services, tenant: Tenant, customers: list[str], chance: random.Random) -> None:
    """Do one of the things that happen to consents, as the tables see them."""
    customer_id, application_id = chance.choice(customers), chance.choice(APPS)
    began = NOW - timedelta(hours=chance.randint(0, 2000))
    match chance.randint(0, 4):
        case 0 | 1:
            expires_at = chance.choice([None, NOW + timedelta(hours=chance.randint(-500, 500))])
            revoked_at = chance.choice([None, None, NOW - timedelta(hours=chance.randint(0, 300))])
            await add_consent(
                services.session,
                tenant,
                customer_id,
                application_id,
                f"_{chance.getrandbits(64):016x}",
                consented_on=began,
                expires_at=expires_at,
                revoked_at=revoked_at,
                revoked_by=revoked_at and chance.choice(["customer", "institution", "recipient", "system"]),
            )
        case 2:
            await change(services, tenant, customer_id, "revoked_at = now(), revoked_by = 'customer'")
        case 3:
            await change(services, tenant, customer_id, f"expires_at = now() + interval '{chance.randint(-9, 9)} days'")
        case _:
            await change(services, tenant, customer_id, f"application_id = '{application_id}', auto_share = true")


async def change(services: Services, tenant: Tenant, customer_id: str, what: str) -> None:
    async with services.session.begin(tenant.institution_id) as connection:
        await connection.execute(
            f"""update consentry.consents set {what}, version = version + 1
                where customer_id = $1 and revoked_at is null
                  and consent_id = (select min(consent_id) from consentry.consents where customer_id = $1)""",
            customer_id,
        )


async def expect_exact(db: Any, tenant: Tenant) -> None:
    """Recount everything from the consents and compare it with what is kept."""
    kept = await db.fetchrow(
        "select * from consentry.institution_counts where institution_id = $1", tenant.institution_id
    )
    by_customer: dict[str, list[CountedConsent]] = {}
    for row in await db.fetch(
        """select customer_id, application_id, consented_on, expires_at, revoked_at, revoked_by
           from consentry.consents where institution_id = $1""",
        tenant.institution_id,
    ):
        by_customer.setdefault(row[0], []).append(CountedConsent(*tuple(row)[1:]))
    expected = nothing()
    for consents in by_customer.values():
        expected.add(tally(consents, kept["counted_until"]))
    days = await daily(db, tenant)
    assert {day: number for day, number in days.items() if number} == expected.days
    assert (kept["live_consents"], kept["customers"]) == (expected.live[WHOLE], expected.customers[WHOLE])
    for row in await db.fetch(
        "select * from consentry.application_counts where institution_id = $1", tenant.institution_id
    ):
        application_id = row["application_id"]
        assert row["live_consents"] == expected.live[application_id], application_id
        assert row["customers"] == expected.customers[application_id], application_id


async def daily(db: Any, tenant: Tenant) -> Counter[DayCount]:
    rows = await db.fetch(
        "select kind, application_id, day, count from consentry.daily_counts where institution_id = $1",
        tenant.institution_id,
    )
    return Counter({DayCount(Count(row[0]), row[1], row[2]): row[3] for row in rows})


@pytest.mark.parametrize("seed", range(3))
async def test_sums_are_exact_after_any_history(
    services: Services, bku: Tenant, super_connection: Any, seed: int
) -> None:
    chance = random.Random(seed)
    customers = await add_customers(services, bku, 12)
    for _ in range(6):
        for _ in range(15):
            await move_something(services, bku, customers, chance)
        await count_consents(services.session, customers_at_once=chance.choice([1, 3, 100]))
        await expect_exact(super_connection, bku)
    assert await super_connection.fetchval("select count(*) from consentry.consent_moves") == 0


async def test_consents_expire_in_the_sums_when_their_time_comes(
    services: Services, bku: Tenant, super_connection: Any
) -> None:
    customers = await add_customers(services, bku, 5)
    for number, customer_id in enumerate(customers):
        await add_consent(
            services.session, bku, customer_id, "budget", f"_{number}", expires_at=NOW + timedelta(days=1 + number // 2)
        )
    await count_consents(services.session)
    for days, live in ((0, 5), (1.5, 3), (2.5, 1), (40, 0)):
        await super_connection.execute(
            f"""create or replace function consentry.now() returns timestamptz language sql stable parallel safe
                as $$ select statement_timestamp() + interval '{days} days' $$"""
        )
        await count_consents(services.session, customers_at_once=1)
        await expect_exact(super_connection, bku)
        kept = await super_connection.fetchval(
            "select live_consents from consentry.institution_counts where customers > 0"
        )
        assert (kept or 0) == live


async def test_nothing_is_lost_or_doubled_while_many_write_and_many_count(
    services: Services, bku: Tenant, other: Tenant, super_connection: Any
) -> None:
    customers = await add_customers(services, bku, 8)
    await add_customers(services, other, 8)

    async def write(tenant: Tenant, seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(25):
            await move_something(services, tenant, customers, chance)

    writing = asyncio.gather(*(write(tenant, seed) for tenant in (bku, other) for seed in (1, 2)))

    async def count_until_done() -> None:
        """Count without the lease that keeps others out: one of two is refused, and nothing is wrong."""
        while not writing.done():
            with contextlib.suppress(TemporarilyUnavailable):
                await count_consents(services.session, customers_at_once=2)

    await asyncio.gather(writing, count_until_done(), count_until_done())
    await count_consents(services.session)
    await expect_exact(super_connection, bku)
    await expect_exact(super_connection, other)


async def test_a_round_that_is_cut_off_is_made_up_for_by_the_next(
    services: Services, bku: Tenant, super_connection: Any
) -> None:
    chance = random.Random(7)
    customers = await add_customers(services, bku, 20)
    for cut_after in (0.0, 0.002, 0.004, 0.008, 0.016):
        for _ in range(20):
            await move_something(services, bku, customers, chance)
        counting = asyncio.create_task(count_consents(services.session, customers_at_once=1))
        await asyncio.wait([counting], timeout=cut_after)
        counting.cancel()
        await asyncio.gather(counting, return_exceptions=True)
    await count_consents(services.session, customers_at_once=1)
    await expect_exact(super_connection, bku)


async def test_a_move_that_is_not_committed_waits(services: Services, bku: Tenant, super_connection: Any) -> None:
    (customer_id, *_) = await add_customers(services, bku, 1)
    await add_consent(services.session, bku, customer_id, "budget", "_1")
    await count_consents(services.session)
    async with services.session.begin(bku.institution_id) as slow:
        await slow.execute("update consentry.consents set revoked_at = now(), revoked_by = 'customer'")
        await count_consents(services.session)
        assert await super_connection.fetchval("select max(live_consents) from consentry.institution_counts") == 1
    await count_consents(services.session)
    assert await super_connection.fetchval("select max(live_consents) from consentry.institution_counts") == 0
    await expect_exact(super_connection, bku)


async def test_switching_an_account_moves_nothing(services: Services, bku: Tenant, super_connection: Any) -> None:
    (customer_id, *_) = await add_customers(services, bku, 1)
    await add_consent(services.session, bku, customer_id, "budget", "_1")
    await count_consents(services.session)
    async with services.session.begin(bku.institution_id) as connection:
        await connection.execute("update consentry.consents set shared_accounts = '[]', auto_share = true, version = 2")
    assert await super_connection.fetchval("select count(*) from consentry.consent_moves") == 0


# --- visits -----------------------------------------------------------------------------------------------------


async def issue(services: Services, tenant: Tenant, customer_id: str, at: str = "now()") -> None:
    async with services.session.begin(tenant.institution_id) as connection:
        await connection.execute(
            f"""insert into consentry.tokens
                    (institution_id, jti, customer_id, client_id, secret_number, issued_at, expires_at)
                values ($1, consentry.time_ordered_id({at}), $2, 'client', 1, {at}, {at} + interval '5 minutes')""",
            tenant.institution_id,
            customer_id,
        )


async def count_all_visits(services: Services) -> None:
    """Plan, then count what was planned."""
    await count_visits(services.session, settled_after=AT_ONCE)
    await count_visits(services.session, settled_after=AT_ONCE)


async def expect_exact_visits(db: Any, tenant: Tenant) -> None:
    days = await daily(db, tenant)
    issued = await db.fetch(
        """select (issued_at at time zone 'UTC')::date, count(*), count(distinct customer_id)
           from consentry.tokens where institution_id = $1 group by 1""",
        tenant.institution_id,
    )
    assert {d.day: n for d, n in days.items() if d.kind is Count.TOKENS_ISSUED and n} == {
        row[0]: row[1] for row in issued
    }
    assert {d.day: n for d, n in days.items() if d.kind is Count.CUSTOMERS_SEEN} == {row[0]: row[2] for row in issued}
    last = await db.fetch(
        """select day, count(*) from (
               select customer_id, max((issued_at at time zone 'UTC')::date) as day
               from consentry.tokens where institution_id = $1 group by 1) as seen group by 1""",
        tenant.institution_id,
    )
    counted = {d.day: n for d, n in days.items() if d.kind is Count.CUSTOMERS_LAST_SEEN and n}
    assert counted == {row[0]: row[1] for row in last}


async def test_visits_are_exact_while_many_write_and_count(
    services: Services, bku: Tenant, other: Tenant, super_connection: Any
) -> None:
    async def write(tenant: Tenant, seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(40):
            await issue(services, tenant, f"customer-{chance.randint(1, 9)}")

    writing = asyncio.gather(*(write(tenant, seed) for tenant in (bku, other) for seed in (1, 2)))

    async def count_until_done() -> None:
        while not writing.done():
            await count_visits(services.session, settled_after=timedelta(milliseconds=200))

    await asyncio.gather(writing, count_until_done(), count_until_done())
    await count_all_visits(services)
    await expect_exact_visits(super_connection, bku)
    await expect_exact_visits(super_connection, other)


async def test_visits_of_days_on_which_no_worker_ran_are_caught_up(
    services: Services, bku: Tenant, super_connection: Any
) -> None:
    for days in range(3):
        for customer in range(days + 1):
            await issue(services, bku, f"customer-{customer}", at=f"now() + interval '{days} days'")
    await super_connection.execute(
        """create or replace function consentry.now() returns timestamptz language sql stable parallel safe
           as $$ select statement_timestamp() + interval '3 days' $$"""
    )
    await count_all_visits(services)
    await expect_exact_visits(super_connection, bku)
    await count_all_visits(services)
    await expect_exact_visits(super_connection, bku)


async def test_failed_sign_ins_count_for_the_institution_whose_client_was_named(
    services: Services, bku: Tenant, other: Tenant, super_connection: Any
) -> None:
    await super_connection.execute(
        "select consentry.record_failed_sign_ins($1, $2, $2)", [bku.client_id, bku.client_id, "nobody"], [None] * 3
    )
    await count_all_visits(services)
    ((counted, number),) = (await daily(super_connection, bku)).items()
    assert (counted.kind, counted.application_id, number) == (Count.SIGN_INS_FAILED, WHOLE, 2)
    assert not await daily(super_connection, other)


async def test_no_visit_is_counted_past_an_open_write(services: Services, bku: Tenant, super_connection: Any) -> None:
    async with services.session.begin(bku.institution_id) as slow:
        await slow.execute("select pg_current_xact_id()")
        await issue(services, bku, "anna")
        await count_all_visits(services)
        assert not await daily(super_connection, bku)
    await count_all_visits(services)
    await expect_exact_visits(super_connection, bku)


async def test_the_sums_of_another_institution_are_out_of_sight(
    database: Database, services: Services, bku: Tenant, other: Tenant
) -> None:
    for tenant in (bku, other):
        (customer_id, *_) = await add_customers(services, tenant, 1)
        await add_consent(services.session, tenant, customer_id, "budget", "_1")
        await issue(services, tenant, customer_id)
    await count_consents(services.session)
    await count_all_visits(services)
    connection = await asyncpg.connect(database.app_url)
    tables = ("daily_counts", "application_counts", "institution_counts", "customers_seen", "account_endings")
    try:
        async with connection.transaction():
            await connection.execute("select consentry.enter($1)", [other.institution_id])
            for table in tables:
                seen = await connection.fetch(f"select distinct institution_id from consentry.{table}")
                assert [row[0] for row in seen] == [other.institution_id], table
        for table in tables:
            assert await connection.fetchval(f"select count(*) from consentry.{table}") == 0, table
    finally:
        await connection.close()
