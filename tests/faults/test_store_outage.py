"""The store is away, slow, half dead or read-only: 503, never a 200 that is not true, and no restart needed (R123)."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg
import httpx
import pytest

from consentry.usecases.services import Services
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.conftest import Database
from tests.faults.chaos_proxy import ChaosProxy, Cut, Trouble, chaos_proxy
from tests.faults.processes import kill, wait_for_workers, workers_of
from tests.flows.caller import Caller, eventually, opened_http, shared_accounts
from tests.serving import Service

CONSENT = "_outage"
CHECKING, SAVINGS, _ = (account["account_id"] for account in ACCOUNTS)
MOST_SECONDS_TO_ANSWER = 60.0
MOST_SECONDS_TO_RECOVER = 60.0
MOST_SECONDS_TO_END = 45.0


@dataclass(frozen=True, slots=True)
class Outage:
    """A service whose way to the database can be troubled."""

    service: Service
    proxy: ChaosProxy
    caller: Caller
    token: str
    db: Any

    async def everything(self) -> Sequence[httpx.Response]:
        """Ask for every operation at once, the refused ones too."""
        asked: list[Awaitable[httpx.Response]] = [
            self.caller.issue("someone"),
            self.caller.issue("someone", secret="cns_secret_wrong"),
            self.caller.revoke(self.token),
            self.caller.rotate(),
            self.caller.consents(self.token),
            self.caller.consent(self.token, CONSENT),
            self.caller.share(self.token, CONSENT, SAVINGS, enabled=True),
            self.caller.share_new(self.token, CONSENT, automatic=True),
            self.caller.stop(self.token, CONSENT),
        ]
        return await asyncio.gather(*asked)

    async def facts(self) -> list[list[Any]]:
        """Give everything that the operations could have changed."""
        return [
            list(await self.db.fetch(f"select * from consentry.{table} order by 1, 2, 3"))
            for table in ("consents", "consent_changes", "events", "audit_entries", "credential_secrets")
        ] + [list(await self.db.fetch("select jti, revoked_at, spent_at from consentry.tokens order by 1"))]

    async def works(self) -> bool:
        """Tell whether tokens are issued and consents are read and changed."""
        issued = await self.caller.issue("prober")
        if issued.status_code != 200:
            assert issued.status_code == 503, issued.text
            return False
        token = issued.json()["access_token"]
        answers = [
            await self.caller.consent(token, "_probe"),
            await self.caller.share(token, "_probe", CHECKING, enabled=True),
        ]
        return all(answer.status_code == 200 for answer in answers)

    async def recovers(self) -> None:
        await eventually(self.works, seconds=MOST_SECONDS_TO_RECOVER)


@pytest.fixture
def proxy(database: Database) -> Iterator[ChaosProxy]:
    with chaos_proxy(Path(parse_qs(urlsplit(database.app_url).query)["host"][0])) as running:
        yield running


@pytest.fixture
async def outage(
    proxy: ChaosProxy,
    start: Callable[..., Service],
    services: Services,
    bku: Tenant,
    database: Database,
    super_connection: Any,
) -> AsyncIterator[Outage]:
    await add_customer(services.session, bku, "anna")
    await add_consent(services.session, bku, "anna", "budget", CONSENT)
    await add_customer(services.session, bku, "prober")
    await add_consent(services.session, bku, "prober", "budget", "_probe")
    url = f"postgresql://consentry_app@/{database.name}?host={quote(str(proxy.folder), safe='/')}"
    service = start(CONSENTRY_DATABASE_URL=url, CONSENTRY_DRAIN_SECONDS="1")
    async with opened_http(service.base_url, seconds=MOST_SECONDS_TO_ANSWER) as http:
        caller = Caller(http, bku)
        yield Outage(service, proxy, caller, await caller.token("anna"), super_connection)


def is_told_to_wait(answer: httpx.Response) -> bool:
    """Check that an answer is a whole 503: JSON, and when to come again."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["error"] == "temporarily_unavailable"
    return True


@pytest.mark.parametrize("trouble", [Trouble.REFUSED, Trouble.RESET, Trouble.HALF_OPEN])
async def test_without_a_store_everything_waits_and_comes_back_by_itself(outage: Outage, trouble: Trouble) -> None:
    """R123, R27: a revocation is not answered with 200 unless the token is dead."""
    before, workers = await outage.facts(), workers_of(outage.service)
    outage.proxy.set(trouble)
    for _ in range(2):
        assert all(is_told_to_wait(answer) for answer in await outage.everything())
    assert (await outage.caller.http.get("/live")).status_code == 200
    assert (await outage.caller.http.get("/ready")).status_code == 503
    assert await outage.facts() == before
    outage.proxy.set(Trouble.NONE)
    await outage.recovers()
    assert (await outage.caller.http.get("/ready")).status_code == 200
    assert (await outage.caller.consent(outage.token, CONSENT)).status_code == 200
    assert workers_of(outage.service) == workers


@pytest.mark.parametrize("trouble", [Trouble.LATENCY, Trouble.TRICKLE])
async def test_a_slow_store_slows_and_breaks_nothing(outage: Outage, trouble: Trouble) -> None:
    """R123."""
    outage.proxy.set(trouble)
    token = await outage.caller.token("anna")
    changed = await outage.caller.share(token, CONSENT, SAVINGS, enabled=True)
    assert (changed.status_code, shared_accounts(changed.json())) == (200, {CHECKING, SAVINGS})
    answers = [await outage.caller.consents(token), await outage.caller.revoke(token)]
    assert [answer.status_code for answer in answers] == [200, 200]
    outage.proxy.set(Trouble.NONE)
    assert (await outage.caller.consents(token)).status_code == 401


async def test_a_worker_that_dies_while_the_store_is_away_is_replaced_when_it_is_back(outage: Outage) -> None:
    outage.proxy.set(Trouble.REFUSED)
    dead = workers_of(outage.service)[0]
    kill(dead)
    await eventually(lambda: _asleep(dead not in workers_of(outage.service)))
    outage.proxy.set(Trouble.NONE)
    # A connection that the dead worker held may be cut only now: what is asked of the living goes over new ones.
    async with opened_http(outage.service.base_url, seconds=MOST_SECONDS_TO_ANSWER) as http:
        await replace(outage, caller=replace(outage.caller, http=http)).recovers()
    await asyncio.to_thread(wait_for_workers, outage.service, count=2, other_than=frozenset({dead}))


async def test_a_service_whose_store_hangs_can_still_be_ended(outage: Outage) -> None:
    """R127: also when a worker has just died and its successor can't connect."""
    outage.proxy.set(Trouble.HALF_OPEN)
    kill(workers_of(outage.service)[0])
    await eventually(lambda: _asleep(len(workers_of(outage.service)) == 2))
    began = time.monotonic()
    assert await asyncio.to_thread(outage.service.stop) == 0
    assert time.monotonic() - began < MOST_SECONDS_TO_END


async def _asleep(found: bool) -> bool:
    return found


async def test_a_read_only_store_is_waited_for(outage: Outage, database: Database) -> None:
    """R123; what a store that takes no writes shows may be old, so nothing is decided on it (R112)."""
    before = await outage.facts()
    alter = f"alter database {database.name} set default_transaction_read_only"
    await outage.db.execute(f"{alter} = on")
    await end_connections(outage.db, database)
    assert all(is_told_to_wait(answer) for answer in await outage.everything())
    assert (await outage.caller.http.get("/ready")).status_code == 503
    assert await outage.facts() == before
    await outage.db.execute("set default_transaction_read_only = off")
    await outage.db.execute(f"{alter} = off")
    await outage.recovers()


async def end_connections(db: Any, database: Database) -> None:
    """End the application's connections, as a failover does."""
    await db.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and usename = 'consentry_app'",
        database.name,
    )


FULL = """create function public.is_full() returns trigger language plpgsql as $$ begin
          raise exception 'no space left' using errcode = '53100'; end $$;
          create trigger is_full before insert on consentry.{table} for each row execute function public.is_full()"""


@pytest.mark.parametrize("table", ["audit_entries", "events", "consent_changes"])
@pytest.mark.parametrize("way", ["full", "refused"])
async def test_what_cannot_be_recorded_does_not_happen(outage: Outage, table: str, way: str) -> None:
    """R129: the audit, the outbox and the history are part of the change."""
    before = await outage.facts()
    privilege = f"insert on consentry.{table}"
    if way == "full":
        await outage.db.execute(FULL.format(table=table))
    else:
        await outage.db.execute(f"revoke {privilege} from consentry_app")
    changes: list[Callable[[], Awaitable[httpx.Response]]] = [
        lambda: outage.caller.share(outage.token, CONSENT, SAVINGS, enabled=True),
        lambda: outage.caller.share_new(outage.token, CONSENT, automatic=True),
        lambda: outage.caller.stop(outage.token, CONSENT),
    ]
    if table != "consent_changes":
        changes.append(outage.caller.rotate)
    if table == "audit_entries":
        changes.append(lambda: outage.caller.revoke(outage.token))
    for answer in [await change() for change in changes] + await asyncio.gather(*(change() for change in changes)):
        assert is_told_to_wait(answer)
    assert [_without_use(facts) for facts in await outage.facts()] == [_without_use(facts) for facts in before]
    assert (await outage.caller.consent(outage.token, CONSENT)).status_code == 200
    if way == "full":
        await outage.db.execute("drop function public.is_full cascade")
    else:
        await outage.db.execute(f"grant {privilege} to consentry_app")
    for change in changes:
        assert (await change()).status_code == 200


def _without_use(rows: Sequence[asyncpg.Record]) -> list[dict[str, Any]]:
    """Leave out when a secret was used: that is no decision, and written by itself."""
    return [{k: v for k, v in row.items() if k not in ("first_used_at", "last_used_at")} for row in rows]


@pytest.mark.parametrize("where", list(Cut))
async def test_a_commit_that_is_cut_off_is_never_answered_as_done(outage: Outage, where: Cut) -> None:
    """R122: nobody knows what came of it, so the answer is 503, once, and it happened at most once."""
    outage.proxy.cut(b"COMMIT;", where)
    answer = await outage.caller.share(outage.token, CONSENT, SAVINGS, enabled=True)
    assert is_told_to_wait(answer)
    assert outage.proxy.cuts_to_come == 0
    happened = where is Cut.AFTER
    assert await outage.db.fetchval("select count(*) from consentry.consent_changes") == happened
    shown = await eventually(lambda: _answered(outage.caller.consent(outage.token, CONSENT)))
    assert (SAVINGS in shared_accounts(shown.json())) is happened
    again = await eventually(lambda: _answered(outage.caller.share(outage.token, CONSENT, SAVINGS, enabled=True)))
    assert SAVINGS in shared_accounts(again.json())
    for table in ("consent_changes", "events"):
        assert await outage.db.fetchval(f"select count(*) from consentry.{table}") == 1


@pytest.mark.parametrize("where", list(Cut))
async def test_a_revocation_that_is_cut_off_is_never_answered_as_done(outage: Outage, where: Cut) -> None:
    """R27."""
    assert (await outage.caller.revoke(await outage.caller.token("anna"))).status_code == 200  # statements are known
    outage.proxy.cut(b"COMMIT;", where)
    # Signing in commits first; where that one is cut, the revocation is not even tried.
    assert is_told_to_wait(await outage.caller.revoke(outage.token))
    assert outage.proxy.cuts_to_come == 0
    assert (await eventually(lambda: _answered(outage.caller.revoke(outage.token)))).status_code == 200
    assert (await outage.caller.consents(outage.token)).status_code == 401
    assert await outage.db.fetchval("select count(*) from consentry.audit_entries where action = 'token.revoked'") == 2


@pytest.mark.parametrize("where", list(Cut))
async def test_a_token_whose_row_is_uncertain_is_not_handed_out(outage: Outage, where: Cut) -> None:
    customer = f"cut-{where.name}"
    outage.proxy.cut(customer.encode(), where)
    assert is_told_to_wait(await outage.caller.issue(customer))
    count = "select count(*) from consentry.tokens where customer_id = $1"
    assert await outage.db.fetchval(count, customer) == (where is Cut.AFTER)
    assert (await eventually(lambda: _answered(outage.caller.issue(customer)))).status_code == 200


async def _answered(call: Awaitable[httpx.Response]) -> httpx.Response | None:
    answer = await call
    return None if answer.status_code == 503 else answer
