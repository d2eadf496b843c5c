"""Retention: whole months go, the rest of a chain still verifies, and nothing goes that has to stay."""

import asyncpg
import pytest

from consentry.config import Retention
from consentry.store import partitions
from consentry.usecases.retention.drop_expired import drop_expired
from tests.worker.trail import Trail

YEARS = Retention(event_days=90, audit_days=366, consent_days=366)
OLD = "20200101"
BEGIN, END = "2020-01-01 00:00+00", "2020-02-01 00:00+00"


@pytest.fixture
async def old(
    trail: Trail, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> "asyncpg.Connection[asyncpg.Record]":
    """Make the first six entries of the trail years old, in partitions of their time."""
    for parent in ("audit_entries", "audit_seals", "events"):
        await super_connection.execute(
            f"""create table consentry.{parent}_{OLD} partition of consentry.{parent}
                for values from ('{await first_id(super_connection, BEGIN)}')
                to ('{await first_id(super_connection, END)}')"""
        )
        await super_connection.execute(f"alter table consentry.{parent}_{OLD} owner to consentry_owner")
    return super_connection


async def first_id(connection: "asyncpg.Connection[asyncpg.Record]", moment: str) -> object:
    return await connection.fetchval(f"select consentry.first_id_at('{moment}')")


async def age(trail: Trail, connection: "asyncpg.Connection[asyncpg.Record]", *, last: int) -> None:
    """Give entries and seals up to a number ids of the old month, and seal the chain anew as it would have been."""
    await connection.execute(
        f"""
        create temporary table moved as
            select entry_id, ('{await first_id(connection, BEGIN)}'::uuid) as first, sequence
            from consentry.audit_seals where sequence <= {last};
        alter table moved add column aged uuid;
        update moved set aged = consentry.time_ordered_id('{BEGIN}'::timestamptz + sequence * interval '1 hour');
        update consentry.audit_entries e set entry_id = aged from moved m where m.entry_id = e.entry_id;
        delete from consentry.audit_seals;
        delete from consentry.audit_checkpoints;
        update consentry.audit_chains set sequence = 0, hash = sha256(''), written_by = '0',
               entry_id = '00000000-0000-0000-0000-000000000000';
        """
    )
    await trail.seal()
    trail.published.clear()
    await trail.witness()
    assert (await trail.verify()).faults == ()


async def test_an_old_month_goes_and_the_rest_of_the_chain_still_verifies(
    trail: Trail, old: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await age(trail, old, last=6)
    dropped = await drop_expired(trail.services.session, YEARS)
    assert dropped == [f"audit_seals_{OLD}", f"audit_entries_{OLD}", f"events_{OLD}"]
    verdict = await trail.verify()
    assert (verdict.entries, verdict.sealed, verdict.pruned, verdict.faults) == (4, 10, 6, ())
    assert await drop_expired(trail.services.session, YEARS) == []

    await trail.write(2)
    await trail.seal()
    await trail.witness()
    assert (await trail.verify()).faults == ()
    entry_id = await old.fetchval("select entry_id from consentry.audit_seals where sequence = 7")
    await old.execute("update consentry.audit_entries set actor_id = 'x' where entry_id = $1", entry_id)
    assert (await trail.verify()).faults == (f"Entry 7 ({entry_id}) is not what was sealed.",)


async def test_what_is_said_to_be_dropped_before_its_time_is_found(
    trail: Trail, old: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await age(trail, old, last=6)
    await old.execute(
        """delete from consentry.audit_entries e using consentry.audit_seals s
           where s.entry_id = e.entry_id and s.sequence <= 10;
           delete from consentry.audit_seals;
           update consentry.audit_chains set pruned_sequence = sequence, pruned_hash = hash"""
    )
    verdict = await trail.verify()
    assert verdict.faults == ()
    now = await old.fetchval("select now()")
    (sentence,) = (await trail.witnesses()).pruned_too_early("bku", pruned=verdict.pruned, now=now)
    assert "Entry 10 of bku was dropped although" in sentence


async def test_nothing_goes_under_legal_hold_or_before_it_is_sealed(
    trail: Trail, old: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await age(trail, old, last=6)
    await old.execute("update consentry.institutions set legal_hold = true")
    assert await drop_expired(trail.services.session, YEARS) == []
    await old.execute("update consentry.institutions set legal_hold = false")
    await old.execute("delete from consentry.audit_seals where sequence = 2")
    assert await drop_expired(trail.services.session, YEARS) == [f"events_{OLD}"]


async def test_less_than_the_least_time_is_refused_by_the_database_itself(trail: Trail) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await drop_expired(trail.services.session, Retention(event_days=29, audit_days=366, consent_days=366))


async def test_partitions_are_made_ahead_by_the_applications_role(
    trail: Trail, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with trail.services.session.connection() as connection:
        await partitions.ensure(connection)  # a week may have begun since the tables were made
        assert await partitions.ensure(connection) == 0
        weeks = await partitions.weeks_ahead(connection)
        assert weeks >= 4
        last = await super_connection.fetchval("select max(relname) from pg_class where relname ~ '^tokens_[0-9]{8}$'")
        await super_connection.execute(f"drop table consentry.{last}")
        assert await partitions.weeks_ahead(connection) < weeks
        assert await partitions.ensure(connection) == 1
