"""`consentry audit`: verified here and elsewhere, with an exit code that a cron job can trust."""

import json
from pathlib import Path

import asyncpg
import pytest

from consentry.usecases.services import Services
from consentry.worker.publishing import file_witness
from tests.builders import Tenant
from tests.cli.commands import run
from tests.conftest import Database
from tests.worker.trail import Trail


@pytest.fixture
async def trail(services: Services, bku: Tenant, other: Tenant, database: Database) -> Trail:
    """Two institutions' sealed audit, with their checkpoints in the file of the installation."""
    made = Trail(services, bku)
    await made.write(5)
    await made.seal()
    await made.witness()
    for statement in made.published:
        file_witness(database.folder / "audit-checkpoints.jsonl")(statement)
    return made


async def test_an_intact_trail_is_exit_code_0_and_a_changed_one_3(
    database: Database, trail: Trail, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    told = run(database.environment, "audit", "verify", "--json")
    assert told.code == 0
    assert told.document["intact"]
    assert [(i["institution"], i["sealed"], i["last_checkpoint"]) for i in told.document["institutions"]] == [
        ("bku", 7, 7),
        ("other", 2, 2),
    ]
    entry_id = await super_connection.fetchval(
        "update consentry.audit_entries set actor_id = 'x' where subject_id = '3' returning entry_id"
    )
    broken = run(database.environment, "audit", "verify", "--json")
    assert broken.code == 3
    assert broken.document["institutions"][0]["faults"] == [f"Entry 6 ({entry_id}) is not what was sealed."]
    assert "does not hold" in run(database.environment, "audit", "verify").out
    assert run(database.environment, "audit", "verify", "--institution", "other").code == 0
    assert run(database.environment, "audit", "verify", "--institution", "x", "--json").refusal == "unknown_institution"


async def test_an_institution_that_vanished_is_missed_by_its_checkpoints(
    database: Database, trail: Trail, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await super_connection.execute("update consentry.institutions set public_id = 'renamed' where public_id = 'other'")
    told = run(database.environment, "audit", "verify", "--json")
    assert told.code == 3
    assert told.document["faults"] == ["The institution other has checkpoints but is not there."]


async def test_a_tail_that_was_cut_off_with_the_kept_checkpoints_is_found_by_the_file(
    database: Database, trail: Trail, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """R131: and with the attacker's own key in the database, the checkpoints' signatures are not known any more."""
    await super_connection.execute(
        """delete from consentry.audit_seals;
           delete from consentry.audit_entries;
           delete from consentry.audit_checkpoints;
           update consentry.audit_chains set sequence = 0, hash = sha256(''), written_by = '0',
                  entry_id = '00000000-0000-0000-0000-000000000000'"""
    )
    told = run(database.environment, "audit", "verify", "--json")
    assert told.code == 3
    assert "the end was cut off" in told.document["institutions"][0]["faults"][0]
    await super_connection.execute("delete from consentry.installation_keys")
    told = run(database.environment, "audit", "verify", "--json")
    assert told.code == 3
    assert all("its key is not known" in fault for fault in told.document["faults"])


async def test_an_export_is_verified_offline(database: Database, trail: Trail, tmp_path: Path) -> None:
    export, keys, forged = tmp_path / "bku.jsonl", tmp_path / "public.json", tmp_path / "forged.jsonl"
    keys.write_text(run(database.environment, "audit", "public-key").out)
    words = ("audit", "export", "--institution", "bku", "--output", str(export))
    assert run(database.environment, *words).code == 0
    assert run(database.environment, *words, "--json").code == 2
    assert run(database.environment, *words).code == 1
    assert run(database.environment, *words[:4]).out.encode() == export.read_bytes()

    checkpoints = str(database.folder / "audit-checkpoints.jsonl")
    offline = ("audit", "verify-export", "--public-key", str(keys), "--checkpoints", checkpoints, "--json")
    told = run({}, *offline, str(export))
    assert (told.code, told.document["institutions"][0]["sealed"]) == (0, 7)
    lines = export.read_text().splitlines()
    forged.write_text("\n".join([*lines[:2], lines[2].replace('"tester"', '"nobody"'), *lines[3:]]))
    told = run({}, *offline, str(forged))
    assert told.code == 3
    assert told.document["institutions"][0]["faults"][0].startswith("Entry 3 (")
    forged.write_text("\n".join(lines[:4]))
    assert run({}, *offline, str(forged)).code == 3
    forged.write_text("nonsense")
    assert run({}, *offline, str(forged)).refusal == "malformed_export"
    assert run({}, *offline, str(tmp_path / "nowhere")).refusal == "file_unreadable"
    assert run({}, "audit", "verify-export", "--public-key", str(export), str(export), "--json").code == 1


async def test_an_export_holds_no_secret(database: Database, trail: Trail) -> None:
    """R133, R137."""
    told = run(database.environment, "audit", "export", "--institution", "bku").out
    assert trail.tenant.client_secret not in told
    for line in told.splitlines():
        assert json.loads(line)["institution"] == "bku"
