"""Acknowledged is durable: workers and PostgreSQL are killed at random moments under load (R116).

The service runs its embedded server, as a bank's trial does, and must bring everything back by itself.
"""

import asyncio
import base64
import json
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from consentry.keyring import read_key_file
from consentry.store import embedded
from consentry.store.embedded import EmbeddedPostgres
from consentry.usecases.audit.seal import seal_audit
from consentry.usecases.audit.verify import verify_audit
from consentry.usecases.services import Services
from consentry.wiring import open_services
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.conftest import make_tenant
from tests.faults.ledger import Acknowledged, ConsentState, Ledger, read_facts
from tests.faults.processes import children_of, kill, workers_of
from tests.flows.caller import NO_ANSWER, Caller, eventually, opened_http, shared_accounts
from tests.serving import Service, start_service

pytestmark = pytest.mark.serial

CLIENTS = 8
CONSENTS = 40
LEAST_BETWEEN_KILLS = 20
ACCOUNT_IDS = tuple(account["account_id"] for account in ACCOUNTS)
FIRST = ConsentState(shared=frozenset({ACCOUNT_IDS[0]}), all_new=False, ended=False)


@dataclass(frozen=True, slots=True)
class Home:
    """A service with its embedded server, in a folder of its own."""

    folder: Path
    service: Service

    @property
    def postmaster(self) -> int | None:
        """The process id that the server's pid file names."""
        try:
            return int((self.folder / "postgresql" / "postmaster.pid").read_text().split("\n")[0])
        except (FileNotFoundError, ValueError):
            return None

    @asynccontextmanager
    async def visited(self) -> Any:
        """Attach to the embedded server, starting it if need be; give it and the use cases on it."""
        held = await asyncio.to_thread(embedded.start, self.folder)
        try:
            async with open_services(held.app_url, read_key_file(self.folder / "keys.json"), connections=4) as services:
                yield held, services
        finally:
            await asyncio.to_thread(held.release)


@pytest.fixture
def home() -> Iterator[Home]:
    folder = Path(tempfile.mkdtemp(prefix="consentry-kills-"))
    folder.chmod(0o711)
    service = start_service(
        {"CONSENTRY_DATA_DIR": str(folder), "CONSENTRY_BIND": "127.0.0.1:0", "CONSENTRY_WORKERS": "2"}
    )
    yield Home(folder, service)
    service.stop()
    shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True)
class Load:
    """Clients that each change consents of their own and tokens, and write down what is acknowledged."""

    caller: Caller
    rotating: Caller
    ledger: Ledger
    chance: random.Random
    ends: asyncio.Event = field(default_factory=asyncio.Event)
    faults: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    async def client(self, number: int) -> None:
        """Act for one customer until the end."""
        consents = [f"_c{number}_{n}" for n in range(CONSENTS)]
        token = ""
        while not self.ends.is_set():
            if not token or self.chance.random() < 0.1:
                token = await self._issue(f"customer-{number}") or token
            elif self.chance.random() < 0.06:
                await self._revoke(token)
                token = ""
            else:
                await self._change(token, consents)

    async def rotation(self) -> None:
        """Rotate another institution's credentials, one after the other, until the end."""
        unknown = 0
        while not self.ends.is_set():
            answer = await self._asked(self.rotating.rotate(secret=self.secrets[-1]))
            if answer is None:
                unknown += 1
            elif answer.status_code == 200:
                self.secrets.append(answer.json()["client_secret"])
                await self._asked(self.rotating.issue("anybody", secret=self.secrets[-1]))
                unknown = 0
            else:
                if unknown < 2:  # one lost answer is forgiven, a second one is for an admin to mend
                    self.faults.append(f"a secret that was acknowledged does not rotate: {answer.text}")
                return

    async def _issue(self, customer: str) -> str | None:
        answer = await self._asked(self.caller.issue(customer))
        if answer is None:
            return None
        token = str(answer.json()["access_token"])
        self.ledger.tokens[jti_of(token)] = customer
        return token

    async def _revoke(self, token: str) -> None:
        answer = await self._asked(self.caller.revoke(token))
        if answer is not None:
            self.ledger.revoked[jti_of(token)] = answer.json()["revoked_at"]

    async def _change(self, token: str, consents: list[str]) -> None:
        consent_id, account = consents[0], self.chance.choice(ACCOUNT_IDS)
        kind = self.chance.random()
        if kind < 0.04 and len(consents) > 1:
            answer = await self._asked(self.caller.stop(token, consent_id))
        elif kind < 0.2:
            answer = await self._asked(self.caller.share_new(token, consent_id, automatic=kind < 0.12))
        else:
            answer = await self._asked(self.caller.share(token, consent_id, account, enabled=kind < 0.6))
        if answer is None:
            self.ledger.unknown += 1
            return
        if answer.status_code == 409:  # ended by a request that nobody answered
            consents.pop(0)
            return
        body = answer.json()
        ended = body["revoked_at"] is not None
        shown = ConsentState(frozenset(shared_accounts(body)), body["auto_enable_future_accounts"], ended)
        version = int(answer.headers["etag"].strip('"').split(".")[0])
        self.ledger.changes.append(Acknowledged(consent_id, version, answer.headers["x-request-id"], shown))
        if ended:
            self.ledger.ended[consent_id] = body["revoked_at"]
            consents.pop(0)

    async def _asked(self, call: Any) -> httpx.Response | None:
        """Give the answer; None where there is none, or a 503: nobody knows what came of it."""
        try:
            answer: httpx.Response = await call
        except NO_ANSWER:
            await asyncio.sleep(0.02)
            return None
        if answer.status_code == 503:
            await asyncio.sleep(0.02)
            return None
        if answer.status_code not in (200, 403, 409):
            self.faults.append(f"{answer.status_code}: {answer.text}")
            return None
        return answer


def jti_of(token: str) -> UUID:
    payload = token.split(".")[1]
    return UUID(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"])


async def _kill_something(home: Home, chance: random.Random) -> str:
    """Kill a worker, the server, or one of its processes; give what it was."""
    kind = chance.choice(("worker", "server", "backend"))
    postmaster = home.postmaster
    if kind == "worker":
        victims = await asyncio.to_thread(workers_of, home.service)
    elif kind == "server":
        victims = [] if postmaster is None else [postmaster]
    else:
        victims = [] if postmaster is None else list(await asyncio.to_thread(children_of, postmaster))
    return kind if victims and kill(chance.choice(victims)) else ""


async def _answers_again(load: Load) -> bool:
    try:
        return (await load.caller.issue("prober")).status_code == 200
    except NO_ANSWER:
        return False


async def _has(ledger: Ledger, size: int) -> bool:
    return ledger.size >= size


async def _run(home: Home, *, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    async with home.visited() as (_, services):
        bku, other = await _prepare(services)
    async with opened_http(home.service.base_url, connections=CLIENTS + 4, seconds=20) as http:
        load = Load(Caller(http, bku), Caller(http, other), Ledger(FIRST), chance, secrets=[other.client_secret])
        clients = [asyncio.create_task(load.client(number)) for number in range(CLIENTS)]
        clients.append(asyncio.create_task(load.rotation()))
        killed = 0
        while killed < kills:
            wanted = load.ledger.size + LEAST_BETWEEN_KILLS
            await eventually(partial(_has, load.ledger, wanted))
            await asyncio.sleep(chance.uniform(0.1, 0.8))
            killed += bool(await _kill_something(home, chance))
            await eventually(lambda: _answers_again(load))
        last = home.postmaster
        assert last is not None
        kill(last)
        load.ends.set()
        await asyncio.gather(*clients)
        assert load.faults == [], f"seed {seed}"
        await eventually(lambda: _answers_again(load))
        assert (await load.rotating.issue("anybody", secret=load.secrets[-1])).status_code == 200, f"seed {seed}"
    assert await asyncio.to_thread(home.service.stop) == 0
    assert load.ledger.size >= LEAST_BETWEEN_KILLS * kills, "hardly anything was acknowledged"
    async with home.visited() as (held, services):
        await _verify(held, load.ledger, seed=seed)
        for tenant in (bku, other):
            await _verify_audit(services, tenant)


async def _prepare(services: Services) -> tuple[Tenant, Tenant]:
    bku, other = await make_tenant(services, "bku"), await make_tenant(services, "other")
    for number in range(CLIENTS):
        await add_customer(services.session, bku, f"customer-{number}")
        for n in range(CONSENTS):
            await add_consent(services.session, bku, f"customer-{number}", "budget", f"_c{number}_{n}")
    return bku, other


async def _verify(held: EmbeddedPostgres, ledger: Ledger, *, seed: int) -> None:
    db = await asyncpg.connect(held.super_url)
    try:
        assert ledger.faults(await read_facts(db)) == [], f"seed {seed}"
        # The negative control: a loss that is planted in the same database is seen.
        async with db.transaction():
            await db.execute("delete from consentry.tokens where jti = $1", next(iter(ledger.tokens)))
            await db.execute(
                "update consentry.consents set version = version - 1 where consent_id = $1",
                ledger.changes[0].consent_id,
            )
            assert len(ledger.faults(await read_facts(db))) >= 2
    finally:
        await db.close()


async def _verify_audit(services: Services, tenant: Tenant) -> None:
    while await seal_audit(services.session, tenant.institution_id):
        pass
    verdict = await verify_audit(services.session, tenant.institution_id, statements={})
    assert verdict.faults == ()
    assert verdict.sealed == verdict.entries > 0


async def test_nothing_acknowledged_is_lost_when_processes_are_killed(home: Home) -> None:
    await _run(home, kills=5, seed=0)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
async def test_nothing_acknowledged_is_lost_in_two_hundred_kills(home: Home, seed: int) -> None:
    await _run(home, kills=20, seed=seed)
