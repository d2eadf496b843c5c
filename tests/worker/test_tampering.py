"""Whoever changes the audit behind the product's back is found, and where (R130, R131)."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consentry.domain.audit import GENESIS, AuditEntry, ChainStatement, next_hash
from consentry.store import sealing
from consentry.usecases.audit.export import export_audit, read_line
from consentry.usecases.audit.verify_export import verify_export
from consentry.usecases.audit.witnesses import Witnesses
from tests.worker.trail import Trail

if TYPE_CHECKING:
    Superuser = asyncpg.Connection
ENTRIES = 10


@pytest.fixture
async def behind(super_connection: "Superuser[asyncpg.Record]") -> "Superuser[asyncpg.Record]":
    """A connection of somebody who may do everything."""
    return super_connection


async def entry_number(connection: "Superuser[asyncpg.Record]", number: int) -> object:
    return await connection.fetchval("select entry_id from consentry.audit_seals where sequence = $1", number)


async def test_an_untouched_trail_holds(trail: Trail) -> None:
    verdict = await trail.verify()
    assert (verdict.entries, verdict.sealed, verdict.faults) == (ENTRIES, ENTRIES, ())
    assert len(trail.published) == 1


@pytest.mark.parametrize(
    "change",
    [
        "action = 'test.happenee'",
        "outcome = 'refused'",
        "actor_kind = 'system'",
        "actor_id = 'somebody'",
        "actor_id = null",
        "subject_kind = 'thinh'",
        "subject_id = '55'",
        "before = '{\"number\": 6}'",
        'after = \'{"number": 6, "name": "Zoe"}\'',
        "after = null",
        "source = '127.0.0.2'",
        "request_id = 'r-x'",
        "at = at + interval '1 microsecond'",
    ],
)
async def test_any_changed_member_of_an_entry_is_found_and_named(
    trail: Trail, behind: "Superuser[asyncpg.Record]", change: str
) -> None:
    entry_id = await entry_number(behind, 7)
    await behind.execute(f"update consentry.audit_entries set {change} where entry_id = $1", entry_id)
    assert (await trail.verify()).faults == (f"Entry 7 ({entry_id}) is not what was sealed.",)


async def test_a_deleted_entry_is_found_whether_its_seal_is_left_or_not(
    trail: Trail, behind: "Superuser[asyncpg.Record]"
) -> None:
    entry_id = await entry_number(behind, 4)
    await behind.execute("delete from consentry.audit_entries where entry_id = $1", entry_id)
    assert (await trail.verify()).faults == ("Entry 4 is missing.", "Entry 4 was deleted; its seal is left.")
    await behind.execute("delete from consentry.audit_seals where entry_id = $1", entry_id)
    assert (await trail.verify()).faults == ("Entry 4 is missing.",)
    await behind.execute("delete from consentry.audit_seals where sequence between 5 and 6")
    faults = (await trail.verify()).faults
    assert faults[0] == "Entries 4 to 6 are missing."
    assert len([fault for fault in faults if "no place in the chain" in fault]) == 2


async def test_an_entry_put_in_later_is_found(trail: Trail, behind: "Superuser[asyncpg.Record]") -> None:
    await behind.execute(
        """insert into consentry.audit_entries (institution_id, entry_id, at, action, actor_kind, subject_kind,
                                                written_by)
           select institution_id, consentry.time_ordered_id(now()), at, 'forged', 'system', 'thing', written_by
           from consentry.audit_entries where entry_id = $1""",
        await entry_number(behind, 3),
    )
    (fault,) = (await trail.verify()).faults
    assert "has no place in the chain: it was put in later" in fault
    await trail.seal()
    assert (await trail.verify()).faults == (fault,)


async def test_an_entry_put_in_with_a_forged_seal_is_found(trail: Trail, behind: "Superuser[asyncpg.Record]") -> None:
    entry_id = await behind.fetchval(
        """insert into consentry.audit_entries (institution_id, entry_id, at, action, actor_kind, subject_kind)
           select institution_id, consentry.time_ordered_id(now()), at, 'forged', 'system', 'thing'
           from consentry.audit_entries limit 1 returning entry_id"""
    )
    await behind.execute(
        "insert into consentry.audit_seals select institution_id, $1, 5, hash, sealed_at from consentry.audit_seals"
        " where sequence = 5",
        entry_id,
    )
    assert any("Entry 5" in fault for fault in (await trail.verify()).faults)


async def test_two_entries_that_swapped_places_are_found(trail: Trail, behind: "Superuser[asyncpg.Record]") -> None:
    await behind.execute(
        "update consentry.audit_seals set sequence = 13 - sequence where sequence in (6, 7)",
    )
    faults = (await trail.verify()).faults
    assert [fault.split(" (")[0] for fault in faults] == ["Entry 6", "Entry 7", "Entry 8"]


async def cut_tail(connection: "Superuser[asyncpg.Record]", *, last: int) -> None:
    """Cut the end off as somebody does who knows how the chain is stored: head, seals, entries and kept checkpoints."""
    await connection.execute(
        """delete from consentry.audit_entries e using consentry.audit_seals s
           where s.entry_id = e.entry_id and s.sequence > $1""",
        last,
    )
    await connection.execute("delete from consentry.audit_seals where sequence > $1", last)
    await connection.execute("delete from consentry.audit_checkpoints where sequence > $1", last)
    await connection.execute(
        """update consentry.audit_chains c set sequence = s.sequence, hash = s.hash, entry_id = e.entry_id,
                  written_by = e.written_by
           from consentry.audit_seals s join consentry.audit_entries e using (institution_id, entry_id)
           where s.sequence = $1 and s.institution_id = c.institution_id""",
        last,
    )


async def test_a_tail_that_was_cut_off_is_found_by_a_checkpoint_alone(
    trail: Trail, behind: "Superuser[asyncpg.Record]"
) -> None:
    """R131."""
    await cut_tail(behind, last=6)
    assert (await trail.verify()).faults == (
        "The chain ends at entry 6, but a checkpoint witnesses entry 10: the end was cut off.",
    )
    kept, trail.published = trail.published, []
    assert (await trail.verify()).faults == ()
    trail.published = kept

    await trail.write(6)
    await trail.seal()
    assert (await trail.verify()).faults == ("Entry 10 does not have the hash that its checkpoint witnesses.",)


async def test_a_head_that_was_set_back_is_found(trail: Trail, behind: "Superuser[asyncpg.Record]") -> None:
    await behind.execute("update consentry.audit_chains set sequence = 9")
    assert (await trail.verify()).faults == ("The chain ends at entry 10, but 9 were sealed.",)


async def test_a_chain_made_anew_is_found_by_its_checkpoint(trail: Trail, behind: "Superuser[asyncpg.Record]") -> None:
    entry_id = await entry_number(behind, 2)
    await behind.execute("update consentry.audit_entries set actor_id = 'nobody' where entry_id = $1", entry_id)
    async with trail.services.session.begin(trail.tenant.institution_id) as connection:
        entries = [e async for e in sealing.sealed_entries(connection, trail.tenant.institution_id)]
    digest = GENESIS
    for found in entries:
        digest = next_hash(digest, found.entry)
        await behind.execute(
            "update consentry.audit_seals set hash = $1 where entry_id = $2", digest, found.entry.entry_id
        )
    await behind.execute("update consentry.audit_chains set hash = $1", digest)
    assert (await trail.verify()).faults == ("Entry 10 does not have the hash that its checkpoint witnesses.",)
    await trail.write(1)
    await trail.seal()
    await trail.witness()
    assert trail.broken
    assert len(trail.published) == 1, "no checkpoint is signed for a chain that is not the witnessed one"


async def test_a_forked_chain_has_checkpoints_that_contradict_each_other(
    trail: Trail, behind: "Superuser[asyncpg.Record]"
) -> None:
    await cut_tail(behind, last=6)
    await trail.write(4)
    await trail.seal()
    await trail.witness()
    assert len(trail.published) == 2
    (fault,) = (await trail.witnesses()).faults
    assert "the chain was forked" in fault


async def test_a_checkpoint_that_others_signed_or_changed_is_no_checkpoint(trail: Trail) -> None:
    witnesses = await trail.witnesses()
    assert witnesses.faults == []
    (statement,) = trail.published
    header, payload, signature = statement.split(".")
    for forged in (f"{header}.{payload[:-2]}AA.{signature}", f"{header}.{payload}.", "nonsense", f"{statement}.x"):
        read = Witnesses()
        read.add(forged, public_keys={}, place="Line 1")
        assert len(read.faults) == 1
    unknown = Witnesses()
    unknown.add(statement, public_keys={}, place="Line 1")
    assert unknown.faults == ["Line 1 is no checkpoint: its key is not known."]


async def test_an_export_verifies_offline_and_each_changed_byte_of_it_is_found(trail: Trail) -> None:
    """R130: with an export, checkpoints and a public key, and nothing else."""
    session, institution_id = trail.services.session, trail.tenant.institution_id
    lines = [line async for line in export_audit(session, institution_id)]
    witnesses = await trail.witnesses()

    def faults(changed: list[bytes]) -> tuple[str, ...]:
        return verify_export(map(read_line, changed), witnesses=witnesses)["bku"].faults

    assert faults(lines) == ()
    assert faults([*lines[:4], *lines[5:]]) == ("Entry 5 is missing.",)
    assert faults(lines[:-1])
    assert faults([*lines[:3], lines[4], lines[3], *lines[5:]])
    for number, line in enumerate(lines):
        document = json.loads(line)
        for name, value in document.items():
            if name in ("institution", "entry_id") or not isinstance(value, str):
                continue
            changed = value[:-1] + ("0" if value[-1] != "0" else "1") if name in ("hash", "at") else value + "x"
            if name == "at":
                changed = value.replace("+00:00", "+00:01")
            forged = [*lines[:number], json.dumps({**document, name: changed}).encode(), *lines[number + 1 :]]
            assert faults(forged), (number, name)


@settings(max_examples=200)
@given(st.data())
def test_canonical_bytes_tell_any_two_different_entries_apart(data: st.DataObject) -> None:
    texts = st.one_of(st.none(), st.text(max_size=20))
    objects = st.one_of(st.none(), st.dictionaries(st.text(max_size=5), st.integers(), max_size=3).map(json.dumps))
    entries = st.builds(
        AuditEntry,
        entry_id=st.uuids(),
        at=st.datetimes(timezones=st.just(UTC)),
        action=st.text(max_size=10),
        outcome=st.sampled_from(["done", "refused"]),
        actor_kind=st.text(max_size=10),
        actor_id=texts,
        subject_kind=st.text(max_size=10),
        subject_id=texts,
        before=objects,
        after=objects,
        source=texts,
        request_id=texts,
    )
    first, second = data.draw(entries), data.draw(entries)
    same = all(
        (json.loads(a) if name in ("before", "after") and a else a)
        == (json.loads(b) if name in ("before", "after") and b else b)
        for name, a, b in ((n, getattr(first, n), getattr(second, n)) for n in AuditEntry.__dataclass_fields__)
    )
    assert (first.canonical_bytes() == second.canonical_bytes()) is same


def test_a_statement_reads_back_and_nothing_else_is_one() -> None:
    made = ChainStatement("bku", 7, b"\x01" * 32, datetime(2026, 1, 2, tzinfo=UTC))
    assert ChainStatement.from_json(made.to_json()).to_json() == made.to_json()
    for text in (b"", b"[]", b"{}", b'{"sequence":7}', b'{"sequence":7,"hash":"zz","institution":"b","at":"x"}'):
        with pytest.raises(ValueError, match="no statement"):
            ChainStatement.from_json(text)
