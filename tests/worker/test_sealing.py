"""The chain: linear however many write and seal at once, and never written by anybody but the sealer (R132)."""

import asyncio

import asyncpg
import pytest

from consentry.usecases.audit.seal import seal_audit
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.conftest import Database
from tests.worker.trail import Trail


async def test_64_writers_and_8_sealers_make_one_line_without_a_gap(services: Services, bku: Tenant) -> None:
    trail = Trail(services, bku)
    writing = asyncio.gather(*(trail.write(5) for _ in range(64)))

    async def seal_until_done() -> None:
        while not writing.done():
            await seal_audit(services.session, bku.institution_id)

    await asyncio.gather(writing, *(seal_until_done() for _ in range(8)))
    while await trail.seal():
        pass
    verdict = await trail.verify()
    assert (verdict.entries, verdict.sealed, verdict.faults) == (64 * 5 + 2, 64 * 5 + 2, ())


async def test_nothing_is_sealed_past_an_open_write(database: Database, services: Services, bku: Tenant) -> None:
    trail = Trail(services, bku)
    await trail.seal()
    async with services.session.begin(bku.institution_id) as slow:
        await slow.execute("select pg_current_xact_id()")
        await trail.write(3)
        assert await trail.seal() == 0
    assert await trail.seal() == 3
    assert (await trail.verify()).faults == ()


async def test_each_institution_has_a_chain_of_its_own(services: Services, bku: Tenant, other: Tenant) -> None:
    first, second = Trail(services, bku), Trail(services, other)
    await first.write(3)
    await first.seal()
    await first.witness()
    assert (await second.verify()).sealed == 2
    assert (await first.verify()).sealed == 5
    assert sorted((await first.witnesses()).by_institution) == ["bku", "other"]


@pytest.mark.parametrize("table", ["audit_entries", "audit_seals", "audit_checkpoints"])
@pytest.mark.parametrize("statement", ["update consentry.{} set institution_id = 0", "delete from consentry.{}"])
async def test_the_applications_role_can_add_to_the_trail_and_no_more(
    database: Database, trail: Trail, table: str, statement: str
) -> None:
    connection = await asyncpg.connect(database.app_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement.format(table))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"truncate consentry.{table}")
    finally:
        await connection.close()
