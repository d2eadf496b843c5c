"""`consentry backup` and `consentry restore` on a PostgreSQL that others operate: what they say, and how they end."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from consentry.store.embedded import EmbeddedPostgres
from tests.builders import Tenant
from tests.conftest import Database, make_database
from tests.serving import environment

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(database: Database) -> Run:
    """Run a command with the test database's settings; `run("backup", "x", CONSENTRY_KEYS="...")` overrides them."""

    def _run(*command: str, **overrides: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "consentry", *command],
            env=environment({**database.environment, **overrides}),
            capture_output=True,
            text=True,
        )

    return _run


def error_of(done: "subprocess.CompletedProcess[str]") -> str:
    """Give the code of a command that failed, having told why in one sentence and done nothing else."""
    assert (done.returncode, done.stdout) == (1, "")
    document: dict[str, Any] = json.loads(done.stderr)
    assert list(document) == ["error", "error_description"]
    return str(document["error"])


async def test_a_backup_is_restored_to_another_database(
    run: Run, bku: Tenant, postgres: EmbeddedPostgres, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "backup.tar"
    made = run("backup", str(file))
    assert (made.returncode, made.stderr) == (0, "")
    for key in (database.keyring.current_pepper, database.keyring.current_encryption_key, str(database.key_file)):
        assert key in made.stdout
    folder = tmp_path / "other"
    folder.mkdir()
    target = await make_database(postgres, folder)
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(postgres.super_url)
    try:
        place = {"CONSENTRY_DATABASE_URL": target.app_url, "CONSENTRY_MIGRATION_URL": target.owner_url}
        restored = run("restore", str(file), "--accept-lost-decisions", **place)
        assert restored.returncode == 0, restored.stderr
        assert "ATTENTION, bku: WHAT WAS REVOKED OR ENDED AFTER" in restored.stdout
        assert "Next: consentry doctor" in restored.stdout
        listed = run("institution", "list", "--json", **place)
        assert [institution["id"] for institution in json.loads(listed.stdout)] == ["bku"]
    finally:
        await connection.execute(f"drop database {target.name} with (force)")
        await connection.close()


def test_a_backup_names_the_keys_and_what_it_holds(run: Run, bku: Tenant, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    made = json.loads(run("backup", str(file), "--json").stdout)
    checked = json.loads(run("backup", "verify", str(file), "--json").stdout)
    assert (checked["whole"], checked["keys_checked"]) == (True, True)
    for member in ("made_at", "size", "sha256", "keys", "institutions", "schema_version"):
        assert made[member] == checked[member]
    assert [(i["id"], i["consents"]) for i in made["institutions"]] == [("bku", 0)]


def test_what_can_not_be_backed_up_is_refused(run: Run, bku: Tenant, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    existing = tmp_path / "keys.json"
    missing = str(tmp_path / "no-keys.json")
    assert error_of(run("backup", str(existing), "--json")) == "exists"
    assert error_of(run("backup", str(file), "--json", CONSENTRY_MIGRATION_URL="")) == "no_owner"
    assert error_of(run("backup", str(file), "--json", CONSENTRY_KEY_FILE=missing)) == "keys_unusable"
    assert error_of(run("backup", str(file), "--json", CONSENTRY_POSTGRES_BIN=str(tmp_path))) == "programs_missing"
    assert error_of(run("backup", "verify", str(file), "--json")) == "no_backup"
    assert error_of(run("backup", "verify", str(existing), "--json")) == "damaged"
    assert error_of(run("restore", str(file), "--replace", "--json")) == "not_confirmed"
    assert not file.exists()


def test_a_backup_is_refused_without_the_keys_it_needs(
    run: Run, bku: Tenant, database: Database, tmp_path: Path
) -> None:
    other = database.keyring.with_new_keys()
    new_only = other.only(peppers=set(), encryption_keys=set()).to_json()
    assert error_of(run("backup", str(tmp_path / "backup.tar"), "--json", CONSENTRY_KEYS=new_only)) == "key_missing"
