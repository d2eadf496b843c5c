"""`consentry serve`: what it refuses to start on, what it starts by itself, and what it survives."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from consentry.keyring import new_keyring, read_key_file, write_key_file
from consentry.store import embedded
from tests.builders import Tenant
from tests.cli.commands import run
from tests.conftest import Database
from tests.faults.processes import children_of
from tests.serving import Service, start_service


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="consentry-serve-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def settings(folder: Path) -> dict[str, str]:
    return {"CONSENTRY_DATA_DIR": str(folder), "CONSENTRY_BIND": "127.0.0.1:0", "CONSENTRY_WORKERS": "2"}


def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


def is_ready(service: Service) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{service.base_url}/ready", timeout=10).status_code == 200
    return False


def postmaster(folder: Path) -> int:
    return int((folder / "postgresql" / "postmaster.pid").read_text().split()[0])


@pytest.mark.serial
def test_a_new_folder_becomes_an_installation_that_heals_itself(folder: Path, settings: dict[str, str]) -> None:
    """R116, R127: the embedded server is killed under a running service, which goes on without a restart."""
    service = start_service(settings)
    try:
        assert is_ready(service)
        assert (folder / "keys.json").stat().st_mode & 0o777 == 0o600
        assert len(read_key_file(folder / "keys.json").peppers) == 1
        words = list(children_of(service.process.pid).values())
        assert sum("consentry worker --companion" in command for command in words) == 1
        assert run(settings, "institution", "add", "bku", "--name", "Bank", "--json").code == 0

        os.kill(postmaster(folder), signal.SIGKILL)
        until(lambda: is_ready(service))
        assert service.process.poll() is None
        assert run(settings, "institution", "list", "--json").document[0]["id"] == "bku"
        checkpoints = folder / "audit-checkpoints.jsonl"
        until(checkpoints.exists)
        assert run(settings, "audit", "verify", "--json").document["intact"]
    finally:
        assert service.stop() == 0
    until(lambda: not (folder / "postgresql" / "postmaster.pid").exists())


def test_no_key_file_is_made_for_what_was_stored_under_other_keys(folder: Path, settings: dict[str, str]) -> None:
    """R46: a new key would open nothing, and would hide that the right one is lost."""
    assert run(settings, "institution", "add", "keyed", "--name", "Bank", "--json").code == 0
    kept = folder / "keys.json"
    right = kept.read_bytes()
    kept.unlink()
    try:
        refused = run(settings, "serve", "--json")
        assert (refused.code, refused.refusal) == (1, "key_file_missing")
        assert not kept.exists()
        write_key_file(kept, new_keyring(), replace=False)
        assert run(settings, "serve", "--json").refusal == "keys_missing"
        kept.chmod(0o644)
        assert run(settings, "serve", "--json").refusal == "keys_unusable"
        kept.chmod(0o600)
        kept.write_text("{}")
        assert run(settings, "serve", "--json").refusal == "keys_unusable"
    finally:
        kept.write_bytes(right)
    assert run(settings, "institution", "list", "--json").code == 0


@pytest.mark.parametrize(("name", "value"), [("fsync", "off"), ("full_page_writes", "off"), ("data_sync_retry", "on")])
def test_a_server_that_can_lose_what_was_answered_is_refused(
    folder: Path, settings: dict[str, str], name: str, value: str
) -> None:
    """R119."""
    assert run(settings, "migrate", "--json").code == 0
    with embedded.start(folder, settings={name: value}) as server:
        refused = run({**settings, "CONSENTRY_DATABASE_URL": server.app_url}, "serve", "--json")
        assert (refused.code, refused.refusal) == (1, "unsafe_database")
        assert f"{name} is {value}" in refused.err


@pytest.mark.parametrize("role", ["super_url", "owner_url"])
def test_a_role_that_could_pass_the_second_wall_is_refused(database: Database, role: str) -> None:
    settings = {**database.environment, "CONSENTRY_DATABASE_URL": getattr(database, role)}
    refused = run(settings, "serve", "--json")
    assert (refused.code, refused.refusal) == (1, "unsafe_role")


async def test_a_commit_that_does_not_wait_for_the_disk_is_warned_of(
    database: Database, start: Callable[..., Service], super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """R119."""
    await super_connection.execute(f"alter database {database.name} set synchronous_commit = off")
    assert "synchronous_commit is off" in start(CONSENTRY_WORKERS="1").logged()


def test_an_address_that_is_taken_is_refused(database: Database, service: Service) -> None:
    taken = service.base_url.removeprefix("http://")
    refused = run(database.environment, "serve", "--bind", taken, "--json")
    assert (refused.code, refused.refusal) == (1, "start_failed")
    assert is_ready(service)


def test_options_go_over_settings_and_are_checked(database: Database) -> None:
    assert run(database.environment, "serve", "--bind", "nowhere", "--json").refusal == "invalid_setting"
    assert run(database.environment, "serve", "--workers", "0", "--json").refusal == "invalid_setting"


def test_a_database_of_others_gets_no_companion_unless_asked(start: Callable[..., Service]) -> None:
    service = start(CONSENTRY_WORKERS="1")
    words = list(children_of(service.process.pid).values())
    assert len(words) == 1
    assert "worker --companion" not in words[0]


def test_a_companion_ends_with_its_supervisor_even_if_that_is_killed(database: Database) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "consentry", "serve", "--with-worker", "--json"],
        env={**os.environ, **database.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["ready"]
    children = children_of(process.pid)
    assert any("worker --companion" in command for command in children.values())
    process.kill()
    process.wait()
    process.stdout.close()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))


async def test_two_services_that_start_at_once_on_an_empty_database_agree_on_one_key_file(
    database: Database, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    database.key_file.unlink()
    both = [start_service(database.environment) for _ in range(2)]
    assert [service.stop() for service in both] == [0, 0]
    assert len(read_key_file(database.key_file).peppers) == 1


def test_what_is_printed_for_people_is_one_line(database: Database, bku: Tenant) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "consentry", "serve", "--workers", "1"],
        env={**os.environ, **database.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("ready http://127.0.0.1:")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
