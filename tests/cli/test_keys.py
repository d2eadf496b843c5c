"""`consentry keys`: new keys come in under load without a failed request, and old ones go when nothing needs them."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest

from consentry.keyring import parse_keyring, read_key_file
from consentry.usecases.services import Services
from tests.builders import Tenant, add_consent, add_customer
from tests.cli.commands import Ran, run
from tests.conftest import Database
from tests.serving import Service

BODY = {"type": "consent_management", "scopes": "customer.modify_consent:c-1"}


@asynccontextmanager
async def load(service: Service, tenant: Tenant) -> AsyncIterator[list[int]]:
    """Ask for tokens and lists all the time meanwhile; give the statuses of the answers."""
    statuses: list[int] = []
    stop = asyncio.Event()

    async def ask(http: httpx.AsyncClient) -> None:
        while not stop.is_set():
            answer = await http.post("/api/v4/token", auth=tenant.basic, json=BODY)
            statuses.append(answer.status_code)
            if answer.status_code == 200:
                bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
                statuses.append((await http.get("/api/v4/consent_management", headers=bearer)).status_code)

    async with httpx.AsyncClient(base_url=service.base_url, timeout=30) as http:
        callers = [asyncio.create_task(ask(http)) for _ in range(4)]
        try:
            yield statuses
        finally:
            stop.set()
            await asyncio.gather(*callers)


async def command(database: Database, *words: str) -> Ran:
    return await asyncio.to_thread(run, database.environment, *words)


async def forget_recent_use(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Make as if a minute had passed: a secret's hash moves at most once a minute."""
    await connection.execute("update consentry.credential_secrets set last_used_at = now() - interval '2 minutes'")


@pytest.mark.serial
async def test_keys_rotate_under_load_without_a_failed_request(
    database: Database,
    services: Services,
    bku: Tenant,
    start: Callable[..., Service],
    super_connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """R46: rotated, moved by use, and retired, while requests go on."""
    await add_customer(services.session, bku, "c-1")
    await add_consent(services.session, bku, "c-1", "budget", "_1")
    before = read_key_file(database.key_file)
    service = start()
    async with load(service, bku) as statuses:
        rotated = (await command(database, "keys", "rotate", "--json")).document
        after = read_key_file(database.key_file)
        assert rotated["current"] == [after.current_pepper, after.current_encryption_key]
        assert {*before.peppers, *before.encryption_keys} == set(rotated["older"])
        sealed_under = await super_connection.fetch("select distinct sealed_under from consentry.signing_keys")
        assert [row[0] for row in sealed_under] == [after.current_encryption_key]

        await forget_recent_use(super_connection)
        deadline = time.monotonic() + 60
        while await super_connection.fetchval("select pepper_id from consentry.credential_secrets") in before.peppers:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        retired = (await command(database, "keys", "rotate", "--retire", "--json")).document
        assert retired == {"current": rotated["current"], "coming": [], "older": []}
        assert len(read_key_file(database.key_file).peppers) == 1
        served = len(statuses)
        deadline = time.monotonic() + 60
        while len(statuses) < served + 50:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    assert set(statuses) == {200}
    actions = await super_connection.fetch("select action from consentry.audit_entries order by entry_id")
    assert "keys.rotated" in [row[0] for row in actions]


def test_keys_that_something_live_is_stored_under_are_not_retired(database: Database, bku: Tenant) -> None:
    assert run(database.environment, "keys", "rotate", "--json").code == 0
    kept = database.key_file.read_bytes()
    refused = run(database.environment, "keys", "rotate", "--retire", "--json")
    assert (refused.code, refused.refusal) == (1, "keys_still_used")
    assert bku.client_secret[-4:] in refused.err
    assert database.key_file.read_bytes() == kept
    assert run(database.environment, "credentials", "rotate", "--institution", "bku", "--at-once", "--json").code == 0
    assert run(database.environment, "keys", "rotate", "--retire", "--json").document["older"] == []


def test_new_keys_are_prepared_handed_round_and_activated_step_by_step(database: Database, bku: Tenant) -> None:
    before = database.keyring
    assert run(database.environment, "keys", "rotate", "--activate", "--json").refusal == "keys_unusable"
    prepared = run(database.environment, "keys", "rotate", "--prepare", "--json").document
    assert prepared["current"] == [before.current_pepper, before.current_encryption_key]
    assert run(database.environment, "keys", "rotate", "--prepare", "--json").document == prepared
    shown = run(database.environment, "keys", "show", "--json").document
    assert {key["key"]: (key["state"], key["in_use"]) for key in shown["keys"]} == {
        before.current_pepper: ("current", 1),
        before.current_encryption_key: ("current", 1),
        **dict.fromkeys(prepared["coming"], ("coming", 0)),
    }
    activated = run(database.environment, "keys", "rotate", "--activate", "--json").document
    assert activated["current"] == prepared["coming"]
    assert database.key_file.stat().st_mode & 0o777 == 0o600


def test_a_vaults_keys_are_printed_for_the_vault_and_never_written(database: Database, bku: Tenant) -> None:
    settings = {**database.environment, "CONSENTRY_KEYS": database.key_file.read_text()}
    del settings["CONSENTRY_KEY_FILE"]
    database.key_file.unlink()
    refused = run(settings, "keys", "rotate", "--json")
    assert (refused.code, refused.refusal) == (1, "keys_elsewhere")
    assert run(settings, "keys", "rotate", "--print", "--json").refusal == "step_missing"
    for step in ("--prepare", "--activate"):
        settings["CONSENTRY_KEYS"] = run(settings, "keys", "rotate", step, "--print").out
    printed = parse_keyring(settings["CONSENTRY_KEYS"])
    assert printed.current_pepper not in database.keyring.peppers
    assert run(settings, "credentials", "rotate", "--institution", "bku", "--at-once", "--json").code == 0
    retired = parse_keyring(run(settings, "keys", "rotate", "--retire", "--print").out)
    assert len(retired.peppers) == len(retired.encryption_keys) == 1
    assert not database.key_file.exists()


async def test_an_installation_goes_on_without_keys_that_are_lost(
    database: Database, services: Services, bku: Tenant, start: Callable[..., Service]
) -> None:
    await add_customer(services.session, bku, "c-1")
    await add_consent(services.session, bku, "c-1", "budget", "_1")
    settings = database.environment
    assert run(settings, "keys", "replace-lost", "--yes", "--json").refusal == "nothing_lost"
    database.key_file.unlink()
    assert run(settings, "keys", "replace-lost", "--json").refusal == "keys_unusable"
    assert not database.key_file.exists()
    done = run(settings, "keys", "replace-lost", "--yes", "--json").document
    assert set(done["lost"]) == {*database.keyring.peppers, *database.keyring.encryption_keys}
    assert (done["institutions"], done["secrets_ended"]) == (["bku"], 1)
    assert run(settings, "keys", "replace-lost", "--yes", "--json").refusal == "nothing_lost"

    service = start()
    made = run(settings, "credentials", "rotate", "--institution", "bku", "--json").document
    async with httpx.AsyncClient(base_url=service.base_url, timeout=60) as http:
        assert (await http.post("/api/v4/token", auth=bku.basic, json=BODY)).status_code == 401
        answer = await http.post("/api/v4/token", auth=(made["client_id"], made["client_secret"]), json=BODY)
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert len((await http.get("/api/v4/consent_management", headers=bearer)).json()) == 1


def test_no_command_shows_a_key(database: Database, bku: Tenant) -> None:
    secret = [*json.loads(database.key_file.read_text())["peppers"].values()]
    for words in (("keys", "show"), ("keys", "rotate"), ("doctor",)):
        told = run(database.environment, *words)
        assert not any(key in told.out + told.err for key in secret)


def test_a_service_that_died_is_not_waited_for(database: Database, bku: Tenant, service: Service) -> None:
    service.process.kill()
    service.process.wait()
    told = run(database.environment, "keys", "rotate", "--json")
    assert told.code == 0
    assert "no service" in told.err
    with contextlib.suppress(FileNotFoundError):
        assert list((database.folder / "services").iterdir()) == []
