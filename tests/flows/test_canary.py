"""No secret is found where none belongs: logs, metrics, errors, rows, dumps, commands (R43, R91, R137).

Everything is done once, rightly and wrongly, with logs at their most talkative; what was secret is then looked for.
"""

import asyncio
import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from consentry.config import Settings
from consentry.domain.credential import mac_of
from consentry.domain.receipt import NO_WORDING
from consentry.store import institutions
from consentry.store.embedded import EmbeddedPostgres
from consentry.usecases.credentials.leaked import end_leaked_credentials
from consentry.usecases.credentials.rotate import rotate_credentials
from consentry.usecases.receipt.keys import purpose_of as purpose_of_receipt_key
from consentry.usecases.receipt.make import ReceiptOrder, make_receipt
from consentry.usecases.services import Services
from consentry.usecases.token.issue import HandedOutToken, PresentedCredentials
from consentry.usecases.token.signing_keys import purpose_of
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.conftest import OPERATOR, Database
from tests.faults.processes import children_of
from tests.flows.caller import Caller, opened_http
from tests.serving import Service, environment

CUSTOMER = "anna"
CHECKING = ACCOUNTS[0]["account_id"]


@dataclass(slots=True)
class Run:
    """What was secret in a run, and what the service answered where it refused."""

    client_id: str
    secrets: list[str]
    tokens: list[str] = field(default_factory=list)
    refusals: list[httpx.Response] = field(default_factory=list)

    def note(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code >= 400:
            self.refusals.append(answer)
        return answer

    def canaries(self, keys: Iterable[bytes]) -> dict[str, str]:
        """Give everything that must not be found, in each form in which it could be: what it is by how it reads."""
        found: dict[str, str] = {}
        for secret in self.secrets:
            found |= {
                secret: "a client secret",
                secret.encode().hex(): "a client secret in hex",
                secret[11:-8]: "most of one",
            }
            basic = base64.b64encode(f"{self.client_id}:{secret}".encode()).decode()
            found[basic] = "Basic credentials"
        for token in self.tokens:
            found |= {
                token: "a token",
                token.rpartition(".")[2]: "a token's signature",
                token.encode().hex(): "a token in hex",
            }
        for key in keys:
            found |= {key.hex(): "a key in hex", base64.b64encode(key).decode(): "a key in base64"}
            found[base64.urlsafe_b64encode(key).decode().rstrip("=")] = "a key in a JWK"
        return found


async def do_everything(run: Run, caller: Caller, service: Service, bku: Tenant, db: Any) -> None:
    """Ask for every operation, rightly and in every wrong way in which a secret travels."""
    note, secret = run.note, bku.client_secret
    for _ in range(3):
        run.tokens.append(await caller.token(CUSTOMER))
    token, spare, dead = run.tokens
    for call in (
        caller.consents(token),
        caller.consent(token, "_c"),
        caller.share(token, "_c", CHECKING, enabled=False),
        caller.share_new(token, "_c", automatic=True),
        caller.stop(token, "_c"),
        caller.share(token, "_c", CHECKING, enabled=True),
        caller.share(token, "_c", CHECKING, enabled=False, if_match='"1.1"'),
        caller.consent(token, "_unknown"),
        caller.revoke(dead),
        caller.consents(dead),
        caller.revoke(spare + "x"),
        caller.revoke(token, secret="wrong"),
        caller.issue(CUSTOMER, secret=secret[:-1]),
        caller.issue("not a customer"),
        caller.rotate(),
    ):
        answer = note(await call)
        if answer.status_code == 200 and "client_secret" in answer.text:
            run.secrets.append(answer.json()["client_secret"])
    http, api = caller.http, f"/api/{caller.version}"
    bearer = {"Authorization": f"Bearer {token}"}
    swapped = base64.b64encode(f"{secret}:{bku.client_id}".encode()).decode()
    for method, path, more in (
        ("POST", "/token", {"headers": {"Authorization": f"Basic {swapped}"}, "json": {"type": "consent_management"}}),
        ("DELETE", f"/token/{token}", {"headers": {"Authorization": f"Basic {swapped}"}}),
        ("POST", "/token", {"headers": bearer, "json": {"type": secret, "scopes": token}}),
        ("POST", "/token", {"auth": bku.basic, "json": {"type": "consent_management", "scopes": token}}),
        ("POST", "/token", {"auth": bku.basic, "content": secret.encode()}),
        ("GET", f"/consent_management?access_token={token}", {}),
        ("GET", f"/consent_management?client_secret={secret}", {"headers": bearer}),
        ("GET", f"/token/{token}", {"auth": bku.basic}),
        ("DELETE", f"/token/{token}/more", {"auth": bku.basic}),
        ("PATCH", f"/consent_management/{token}", {"headers": bearer}),
        ("GET", f"/{token}", {}),
        ("GET", f"/../../{secret}", {}),
        ("GET", "/consent_management", {"headers": {"Authorization": f"Bearer {token} {token}"}}),
        ("GET", "/consent_management", {"headers": {"Authorization": f"Token {token}"}}),
    ):
        note(await http.request(method, api + path, **more))
    for path in (f"/docs/{token}", f"/metrics?token={token}", f"/live/{secret}", f"/openapi/{secret}.json"):
        note(await http.get(path, headers=bearer))
    # A fault of ours: the database refuses a row that nothing should be wrong with.
    await db.execute("alter table consentry.tokens add constraint unlucky check (customer_id <> 'unlucky')")
    assert note(await caller.issue("unlucky")).status_code == 500
    await db.execute("alter table consentry.tokens drop constraint unlucky")


def consentry(database: Database, *arguments: str) -> str:
    """Run a command; give all it says."""
    done = subprocess.run(
        [sys.executable, "-m", "consentry", *arguments],
        env=environment({**database.environment, "CONSENTRY_LOG_LEVEL": "debug"}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout + done.stderr


def dump(postgres: EmbeddedPostgres, database: Database) -> str:
    return subprocess.run(
        [postgres.binaries / "pg_dump", "--dbname", database.super_url], capture_output=True, text=True, check=True
    ).stdout


async def opened_keys(services: Services, bku: Tenant, db: Any) -> list[bytes]:
    """Give the installation's keys and the institution's signing keys in clear."""
    keys = [*services.keyring.peppers.values(), *services.keyring.encryption_keys.values()]
    for kid, sealed, under in await db.fetch("select kid, sealed_key, sealed_under from consentry.signing_keys"):
        keys.append(services.keyring.open(sealed, key_id=under, purpose=purpose_of(kid)))
    for kid, sealed, under in await db.fetch("select kid, sealed_key, sealed_under from consentry.receipt_keys"):
        private = json.loads(services.keyring.open(sealed, key_id=under, purpose=purpose_of_receipt_key(kid)))["d"]
        keys.append(base64.urlsafe_b64decode(private + "="))
    assert len(keys) >= 4
    return keys


async def test_no_secret_is_found_where_none_belongs(
    start: Callable[..., Service],
    services: Services,
    postgres: EmbeddedPostgres,
    database: Database,
    bku: Tenant,
    super_connection: Any,
) -> None:
    service = start(CONSENTRY_LOG_LEVEL="debug", CONSENTRY_FAILURES_PER_MINUTE="1000000")
    await add_customer(services.session, bku, CUSTOMER)
    await add_consent(services.session, bku, CUSTOMER, "budget", "_c")
    run = Run(bku.client_id, [bku.client_secret])
    async with opened_http(service.base_url) as http:
        caller = Caller(http, bku)
        await do_everything(run, caller, service, bku, super_connection)
        shown = await rotate_credentials(services, bku.institution_id, actor=OPERATOR)
        run.secrets.append(shown.client_secret)
        run.tokens.append(await caller.token(CUSTOMER, secret=shown.client_secret))
        receipt = (await make_receipt(services, ReceiptOrder(bku.institution_id, "_c", OPERATOR, NO_WORDING))).file
        keys = await opened_keys(services, bku, super_connection)
        dumped = dump(postgres, database)
        sinks = {
            "log": service.logged(),
            "metrics": (await http.get("/metrics")).text,
            "refusals": "\n".join(f"{answer.headers} {answer.text}" for answer in run.refusals),
            "dump": dumped,
            "PostgreSQL's log": "".join(p.read_text() for p in (postgres.data_dir / "postgresql").glob("**/*.log")),
            "processes": repr(children_of(service.process.pid)),
            "credentials show": consentry(database, "credentials", "show", "--institution", "bku"),
            "audit export": consentry(database, "audit", "export", "--institution", "bku"),
            "doctor": consentry(database, "doctor"),
            "keys show": consentry(database, "keys", "show"),
            "receipt": receipt.decode(),
            "receipt public-key": consentry(database, "receipt", "public-key", "--institution", "bku"),
            "published keys": (await http.get("/receipts/bku/keys")).text,
        }
        for place, text in sinks.items():
            assert text, place
            for canary, what in run.canaries(keys).items():
                assert canary not in text, f"{what} in {place}"
        assert len(run.refusals) > 20
        assert '"event":"request failed"' in sinks["log"]
        assert mac_of(run.secrets[-1], next(iter(services.keyring.peppers.values()))).hex() in dumped
        await _nothing_of_it_opens_anything(caller, dumped + sinks["log"])
        # The control: the same search finds what is there.
        assert (await caller.issue(CUSTOMER, secret=run.secrets[-1])).status_code == 200
    await end_leaked_credentials(services, bku.institution_id, actor=OPERATOR)


async def _nothing_of_it_opens_anything(caller: Caller, text: str) -> None:
    """R43: whoever has the dump and the logs can't sign in with any word of them."""
    words = sorted(set(re.findall(r"[A-Za-z0-9_\-./+=~:$]{8,300}", text)))
    assert len(words) > 300
    gate = asyncio.Semaphore(32)

    async def attempt(word: str) -> None:
        async with gate:
            signed_in = await caller.issue(CUSTOMER, secret=word)
            assert signed_in.status_code == 401, word
            if word.count(".") == 2:
                read = await caller.consents(word)
                assert read.status_code == 401, word

    await asyncio.gather(*(attempt(word) for word in words))


def test_what_is_shown_of_an_object_shows_no_secret(database: Database, tmp_path: Path) -> None:
    """R91: a stray `repr` in a log or a trace tells nothing."""
    keyring, secret = database.keyring, "cns_secret_canary"
    settings = Settings.read(
        {"CONSENTRY_KEYS": keyring.to_json(), "CONSENTRY_DATABASE_URL": f"postgresql://app:{secret}@db/consentry"}
    )
    shown = [
        settings,
        keyring,
        Tenant(1, "bku", "id", secret),
        PresentedCredentials(client_id="id", client_secret=secret, host=None, source="::1", request_id="r"),
        HandedOutToken(access_token=secret, expires_in=300),
        institutions.SealedSigningKey(1, "bku", secret.encode(), "kek"),
    ]
    keys = [base64.b64encode(key).decode() for key in (*keyring.peppers.values(), *keyring.encryption_keys.values())]
    for value in shown:
        for text in (repr(value), str(value), f"{value!r:}"):
            assert not any(canary in text for canary in (secret, *keys)), type(value).__name__


@pytest.mark.parametrize("command", ["serve", "doctor", "institution list"])
def test_settings_that_are_refused_are_not_quoted(tmp_path: Path, command: str) -> None:
    secret = "cns_secret_canary"
    for settings in (
        {"CONSENTRY_KEYS": secret},
        {"CONSENTRY_DATABASE_URL": f"postgresql://app:{secret}@127.0.0.1:1/nothing"},
        {"CONSENTRY_DATABASE_URL": f"nonsense {secret}"},
        {"CONSENTRY_KEY_COMMAND": f"echo {secret}; exit 1"},
        {"CONSENTRY_BIND": secret},
        {"CONSENTRY_SECRET": secret},
    ):
        done = subprocess.run(
            [sys.executable, "-m", "consentry", *command.split()],
            env=environment(
                {
                    "CONSENTRY_DATA_DIR": str(tmp_path),
                    "CONSENTRY_DATABASE_URL": "postgresql://app@127.0.0.1:1/nothing",
                    **settings,
                }
            ),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode != 0, settings
        assert secret not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
