"""The restore drill (R124): a service lives on after its backup, is lost, and is restored somewhere else.

What was ended after the backup stays ended; a restore that can't be right, or that was killed, leaves nothing behind.
"""

import asyncio
import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest

from consentry.keyring import Keyring, new_keyring, read_key_file, write_key_file
from consentry.usecases.audit.verify import verify_audit
from consentry.usecases.credentials.leaked import end_leaked_credentials
from consentry.usecases.institution.list_all import find_institution
from tests.builders import Tenant
from tests.conftest import OPERATOR
from tests.faults.drill import BURNT, CARD, CHECKING, SAVINGS, Past, change, live, running
from tests.faults.homes import Home, empty_home, new_home, seal_everything
from tests.web.calls import Api, refused

# A restore takes it when everything is loaded.
PARTITIONS_LOCK: Final = "hashtextextended('consentry.ensure_partitions', 0)"


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    with new_home() as home:
        yield live(home, tmp_path_factory.mktemp("backups"))


@pytest.fixture
def home(past: Past) -> Iterator[Home]:
    """A new machine, with the right key file and nothing else."""
    with empty_home() as made:
        shutil.copy(past.home.key_file, made.key_file)
        yield made


def _restore(home: Home, past: Past, *options: str) -> dict[str, Any]:
    done = home.run("restore", str(past.backup), "--json", *options)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _with_new_secret(home: Home, tenant: Tenant) -> Tenant:
    done = home.run("credentials", "rotate", "--institution", tenant.public_id, "--json")
    assert done.returncode == 0, done.stderr
    return replace(tenant, client_secret=json.loads(done.stdout)["client_secret"])


async def _query(url: str, query: str, *values: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        found: list[asyncpg.Record] = await connection.fetch(query, *values)
        return found
    finally:
        await connection.close()


def _is_untouched(home: Home) -> bool:
    (row,) = asyncio.run(_query(home.server.super_url, "select to_regnamespace('consentry') is null"))
    return bool(row[0])


def test_what_was_ended_after_the_backup_stays_ended(past: Past, home: Home) -> None:
    """R124: tokens, revoked consents, withheld accounts and replaced secrets, with the audit that came after."""
    report = _restore(home, past, "--reapply", str(past.export))
    bku, other = report["restored"]
    assert bku["reapplied"] | {"until": None} == {
        "consent_changes": 3,
        "tokens_revoked": 1,
        "secrets_ended": 1,
        "apps_stopped": 0,
        "registration_tokens_ended": 0,
        "customers_blocked": 0,
        "disabled": False,
        "staff_narrowed": 0,
        "not_applied": 0,
        "lost": {"consent.account_shared": 2},
        "until": None,
    }
    assert (bku["live_secrets"], other["live_secrets"], other["reapplied"]["secrets_ended"]) == ([], [], 1)
    with running(home) as service, httpx.Client(timeout=60) as client:
        old = Api(client, service.base_url, past.bku, version="v6")
        for token in past.tokens.values():
            refused(old.bearer(token, "GET"), 401, "invalid_token")
        for tenant in (past.bku, past.other):
            refused(replace(old, tenant=tenant).request_token("customer.modify_consent:ann"), 401, "invalid_client")
        api = replace(old, tenant=_with_new_secret(home, past.bku))
        ann = {consent["id"]: consent for consent in api.consents(api.token("ann"))}
        lender = ann["_lender"]
        assert lender["revoked_at"] == past.ann_at_the_end["_lender"]["revoked_at"]
        assert (lender["revoked_by"], lender["revocation_reason"]) == ("customer", "user_action")
        assert _shared(ann["_budget"]) == {CHECKING, SAVINGS}
        assert (_shared(ann["_tax"]), ann["_tax"]["auto_enable_future_accounts"]) == ({CHECKING, CARD}, False)
        assert api.consents(api.token("bob")) == past.bob_at_backup


def _shared(consent: dict[str, Any]) -> set[str]:
    return {account["account_id"] for account in consent["accounts"] if account["enabled"]}


def test_without_a_record_nothing_is_restored_unless_the_loss_is_accepted(past: Past, home: Home) -> None:
    done = home.run("restore", str(past.backup))
    assert (done.returncode, "(revives)" in done.stderr, _is_untouched(home)) == (1, True, True)
    report = _restore(home, past, "--accept-lost-decisions", "--end-secrets")
    assert [institution["reapplied"] for institution in report["restored"]] == [None, None]
    with running(home) as service, httpx.Client(timeout=60) as client:
        old = Api(client, service.base_url, past.bku, version="v6")
        for token in past.tokens.values():
            refused(old.bearer(token, "GET"), 401, "invalid_token")
        refused(old.request_token("customer.modify_consent:ann"), 401, "invalid_client")
        api = replace(old, tenant=_with_new_secret(home, past.bku))
        assert api.consents(api.token("ann")) == past.ann_at_backup


async def test_the_audit_goes_on_where_the_backup_ended(past: Past, home: Home) -> None:
    """The old server's transactions had higher numbers than the new one's: its entries are sealed all the same."""
    _restore(home, past, "--reapply", str(past.export))
    (highest,) = await _query(
        past.home.server.super_url, "select max(written_by::text::bigint) from consentry.audit_entries"
    )
    (current,) = await _query(home.server.super_url, "select pg_current_xact_id()::text::bigint")
    assert current[0] < highest[0] - BURNT / 2
    async with home.services() as services:
        for name, head in past.heads.items():
            institution_id = (await find_institution(services, name)).institution_id
            await seal_everything(services)
            await end_leaked_credentials(services, institution_id, actor=OPERATOR)
            await seal_everything(services)
            verdict = await verify_audit(services.session, institution_id, statements={head.sequence: head.hash})
            assert (verdict.faults, verdict.entries) == ((), verdict.sealed)
            assert verdict.sealed > head.sequence
    actions = await _query(
        home.server.super_url,
        """select action from consentry.audit_entries join consentry.audit_seals using (institution_id, entry_id)
           where institution_id = $1 order by sequence""",
        past.bku.institution_id,
    )
    assert actions[-1][0] == "credentials.leaked"
    assert {row[0] for row in actions[-6:-1]} >= {"installation.restored", "credentials.secrets_ended"}


def test_the_wrong_keys_are_refused(past: Past, home: Home) -> None:
    right = read_key_file(home.key_file)
    impostor = new_keyring()
    same_names = Keyring(
        peppers=dict(zip(right.peppers, impostor.peppers.values(), strict=True)), encryption_keys=right.encryption_keys
    )
    for keyring, code in ((impostor, "key_missing"), (same_names, "wrong_keys")):
        write_key_file(home.key_file, keyring, replace=True)
        done = home.run("restore", str(past.backup), "--accept-lost-decisions")
        assert (done.returncode, f"({code})" in done.stderr) == (1, True), done.stderr
        assert home.run("backup", "verify", str(past.backup)).returncode == 1
    assert "pepper_" in home.run("backup", "verify", str(past.backup), "--without-keys").stdout
    assert _is_untouched(home)


def test_a_damaged_backup_is_refused(past: Past, home: Home, tmp_path: Path) -> None:
    whole = past.backup.read_bytes()
    damaged = {
        place: bytearray(whole) for place in (100, 5_000, len(whole) // 2, whole.rindex(b'"public_id": "bku"') + 15)
    }
    for place, content in damaged.items():
        content[place] ^= 1
    cut = {-length: bytearray(whole[:length]) for length in (0, 511, 100_000, len(whole) - 2_000)}
    for number, content in enumerate((*damaged.values(), *cut.values())):
        file = tmp_path / f"{number}.tar"
        file.write_bytes(content)
        command = ("restore", "--accept-lost-decisions") if number % 2 else ("backup", "verify")
        done = home.run(*command, str(file))
        assert (done.returncode, "(damaged)" in done.stderr) == (1, True), (number, done.stderr)
    assert _is_untouched(home)


def test_an_export_that_does_not_follow_is_refused(past: Past, home: Home, tmp_path: Path) -> None:
    lines = past.export.read_bytes().splitlines(keepends=True)
    later = [n for n, line in enumerate(lines) if b'"consent.revoked"' in line]
    forged = lines[later[0]].replace(b"_lender", b"_budget")
    records = {
        "a gap": lines[: later[0] - 1] + lines[later[0] :],
        "a forged entry": [*lines[: later[0]], forged, *lines[later[0] + 1 :]],
        "from before the backup": lines[:1],
        "no export": [b"{}\n"],
    }
    for name, content in records.items():
        file = tmp_path / "audit.jsonl"
        file.write_bytes(b"".join(content))
        done = home.run("restore", str(past.backup), "--reapply", str(file))
        assert done.returncode == 1, name
        assert "(record_does_not_follow)" in done.stderr or "(export_unreadable)" in done.stderr, (name, done.stderr)
    assert _is_untouched(home)


def test_a_checkpoint_shows_that_an_export_ends_too_early(past: Past, home: Home, tmp_path: Path) -> None:
    lines = past.export.read_bytes().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if b'"institution": "bku"' in line)
    file = tmp_path / "audit.jsonl"
    file.write_bytes(b"".join(lines[:last] + lines[last + 1 :]))
    command = ("restore", str(past.backup), "--reapply", str(file))
    done = home.run(*command, CONSENTRY_CHECKPOINT_FILE=str(past.checkpoints))
    assert done.returncode == 0, done.stderr
    end = json.loads(lines[last])["sequence"]
    assert f"a checkpoint witnesses entry {end}, but nothing is known after entry {end - 1}" in done.stdout


def test_a_killed_restore_has_never_happened(past: Past, home: Home) -> None:
    async def interrupt() -> None:
        connection = await asyncpg.connect(home.server.super_url)
        try:
            await connection.execute(f"select pg_advisory_lock({PARTITIONS_LOCK})")
            killed = home.begin("restore", str(past.backup), "--accept-lost-decisions")
            await _wait(connection, "select exists (select from pg_locks where locktype = 'advisory' and not granted)")
            killed.kill()
            killed.communicate()
            await connection.execute(f"select pg_advisory_unlock({PARTITIONS_LOCK})")
            await _wait(
                connection,
                "select not exists (select from pg_stat_activity where application_name = 'consentry backup')",
            )
        finally:
            await connection.close()

    asyncio.run(interrupt())
    assert _is_untouched(home)
    assert len(_restore(home, past, "--accept-lost-decisions")["restored"]) == 2


async def _wait(connection: "asyncpg.Connection[asyncpg.Record]", condition: str) -> None:
    deadline = time.monotonic() + 120
    while not await connection.fetchval(condition):
        assert time.monotonic() < deadline, condition
        await asyncio.sleep(0.02)


def test_a_killed_backup_leaves_none(past: Past, tmp_path: Path) -> None:
    place = tmp_path / "never.tar"

    async def interrupt() -> None:
        connection = await asyncpg.connect(past.home.server.super_url)
        try:
            async with connection.transaction():
                await connection.execute("lock table consentry.applications in access exclusive mode")
                killed = past.home.begin("backup", str(place))
                await _wait(connection, "select exists (select from pg_locks where not granted)")
                killed.kill()
                killed.communicate()
        finally:
            await connection.close()

    asyncio.run(interrupt())
    assert not place.exists()


def test_a_database_in_use_or_not_empty_is_not_restored_over(past: Past, home: Home) -> None:
    _restore(home, past, "--accept-lost-decisions")
    again = home.run("restore", str(past.backup), "--accept-lost-decisions")
    unconfirmed = home.run("restore", str(past.backup), "--replace")
    with running(home):
        meanwhile = home.run("restore", str(past.backup), "--replace", "--yes")
    codes = [
        (done.returncode, done.stderr.rsplit("(", 1)[-1].strip(" )\n")) for done in (again, unconfirmed, meanwhile)
    ]
    assert codes == [(1, "not_empty"), (1, "not_confirmed"), (1, "in_use")]


def test_going_back_to_a_backup_revives_nothing(past: Past, home: Home) -> None:
    """The database that is replaced tells itself what was ended since."""
    _restore(home, past, "--accept-lost-decisions")
    with running(home) as service, httpx.Client(timeout=60) as client:
        api = Api(client, service.base_url, past.bku, version="v6")
        token = api.token("ann")
        change(api, token, "/_lender/disable_app_sharing", None)
        before = {consent["id"]: consent["revoked_at"] for consent in api.consents(token)}
    report = _restore(home, past, "--replace", "--yes")
    assert [institution["reapplied"]["consent_changes"] for institution in report["restored"]] == [1, 0]
    with running(home) as service, httpx.Client(timeout=60) as client:
        api = Api(client, service.base_url, past.bku, version="v6")
        refused(api.bearer(token, "GET"), 401, "invalid_token")
        assert {consent["id"]: consent["revoked_at"] for consent in api.consents(api.token("ann"))} == before


def test_a_backup_under_load_is_of_one_moment(past: Past, home: Home, tmp_path: Path) -> None:
    """Each consent of the backup agrees with its history, its audit entries and its events."""
    place = tmp_path / "under-load.tar"
    written = 0
    stop = threading.Event()

    def toggle(base_url: str, tenant: Tenant) -> None:
        nonlocal written
        with httpx.Client(timeout=60) as client:
            api = Api(client, base_url, tenant, version="v6")
            while not stop.is_set():
                token = api.token("bob")
                for enabled in (False, True):
                    change(api, token, f"/_bobs/accounts/{CHECKING}", {"enabled": enabled})
                    written += 1

    tenant = _with_new_secret(past.home, past.bku)
    with running(past.home) as service:
        threads = [threading.Thread(target=toggle, args=(service.base_url, tenant)) for _ in range(2)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 120
        while written < 20:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        before = written
        done = past.home.run("backup", str(place))
        during = written - before
        stop.set()
        for thread in threads:
            thread.join()
    assert (done.returncode, during > 0) == (0, True), done.stderr
    assert home.run("restore", str(place), "--accept-lost-decisions").returncode == 0
    disagreeing = asyncio.run(
        _query(
            home.server.super_url,
            """select consent_id from consentry.consents c where
                   version <> 1 + (select count(*) from consentry.consent_changes h where h.consent_id = c.consent_id)
                or version <> 1 + (select count(*) from consentry.audit_entries a where a.subject_id = c.consent_id)
                or version <> 1 + (select count(*) from consentry.events e where e.consent_id = c.consent_id)
                or exists (select from consentry.consent_changes h
                           where h.consent_id = c.consent_id and h.version = c.version
                             and (h.detail ->> 'enabled')::boolean <> (c.shared_accounts ? (h.detail ->> 'account_id')))
            """,
        )
    )
    assert disagreeing == []
    (changes,) = asyncio.run(
        _query(home.server.super_url, "select count(*) from consentry.consent_changes where consent_id = $1", "_bobs")
    )
    assert changes[0] >= before
