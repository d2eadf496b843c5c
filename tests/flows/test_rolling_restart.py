"""New code, new keys, a new machine: services are replaced and ended under load, and no request fails (R127)."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from consentry.usecases.services import Services
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.faults.processes import kill, wait_for_workers, workers_of
from tests.flows.caller import Caller, eventually, opened_http
from tests.serving import Service

pytestmark = pytest.mark.serial

CLIENTS = 8
CHECKING = ACCOUNTS[0]["account_id"]


@dataclass(slots=True)
class Load:
    """Clients that ask for everything in turn over kept connections, and repeat nothing."""

    caller: Caller
    ends: bool = False
    served: int = 0
    refused_connections: int = 0
    failures: list[str] = field(default_factory=list)

    async def client(self, number: int, *, until_refused: bool = False) -> None:
        """Ask until the end; with `until_refused` also until nobody listens any more."""
        while not self.ends:
            try:
                token = await self._succeeds(self.caller.issue("roller"))
                for _ in range(3):
                    await self._succeeds(self.caller.consents(token))
                    await self._succeeds(
                        self.caller.share(token, f"_r{number}", CHECKING, enabled=self.served % 2 == 0)
                    )
            except httpx.ConnectError as error:
                self.refused_connections += 1
                if until_refused:
                    return
                self.failures.append(repr(error))
            except (httpx.TransportError, AssertionError) as error:
                self.failures.append(repr(error))
                if until_refused:
                    return

    async def _succeeds(self, call: Any) -> str:
        answer: httpx.Response = await call
        assert answer.status_code == 200, answer.text
        self.served += 1
        body = answer.json()
        return str(body["access_token"]) if "access_token" in body else ""

    async def served_more(self, count: int) -> None:
        """Wait until so many more requests were answered."""
        wanted = self.served + count

        async def enough() -> bool:
            return self.served >= wanted or bool(self.failures)

        await eventually(enough)


@pytest.fixture
async def load(service: Service, services: Services, bku: Tenant) -> AsyncIterator[Load]:
    await add_customer(services.session, bku, "roller")
    for number in range(CLIENTS):
        await add_consent(services.session, bku, "roller", "budget", f"_r{number}")
    async with opened_http(service.base_url, connections=CLIENTS) as http:
        yield Load(Caller(http, bku))


async def test_replacing_the_workers_under_load_fails_no_request(service: Service, load: Load) -> None:
    clients = [asyncio.create_task(load.client(number)) for number in range(CLIENTS)]
    await load.served_more(50)
    for _ in range(2):
        old = frozenset(workers_of(service))
        service.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(wait_for_workers, service, count=2, other_than=old)
        await load.served_more(200)
    load.ends = True
    await asyncio.gather(*clients)
    assert load.failures == []
    assert load.served > 450


async def test_a_kept_connection_is_told_to_leave_and_loses_nothing(service: Service, load: Load) -> None:
    token = await load.caller.token("roller")
    old = frozenset(workers_of(service))
    service.process.send_signal(signal.SIGHUP)

    async def is_told_to_leave() -> bool:
        answer = await load.caller.consents(token)
        assert answer.status_code == 200
        return str(answer.headers.get("connection")) == "close"

    await eventually(is_told_to_leave)
    assert (await load.caller.consents(token)).status_code == 200
    await asyncio.to_thread(wait_for_workers, service, count=2, other_than=old)


async def test_ending_the_service_under_load_breaks_no_request(service: Service, load: Load) -> None:
    """Whoever gets through is answered; who comes later finds nobody there, at once, and goes elsewhere."""
    clients = [asyncio.create_task(load.client(number, until_refused=True)) for number in range(CLIENTS)]
    await load.served_more(100)
    began = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*clients)
    assert load.failures == []
    assert load.refused_connections == CLIENTS
    assert await asyncio.to_thread(service.process.wait, 60) == 0
    assert time.monotonic() - began < 25, "it waited for the end of its patience"


async def test_what_is_being_answered_when_the_service_ends_is_answered(
    service: Service, load: Load, super_connection: Any
) -> None:
    token = await load.caller.token("roller")
    async with super_connection.transaction():
        await super_connection.execute("select from consentry.consents where consent_id = '_r0' for update")
        change = asyncio.create_task(load.caller.share(token, "_r0", CHECKING, enabled=False))
        waiting = (
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )

        async def waits() -> bool:
            return bool(await super_connection.fetchval(waiting))

        await eventually(waits)
        service.process.send_signal(signal.SIGTERM)
        await eventually(lambda: _refuses(service.base_url))
    answer = await change
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")
    assert await asyncio.to_thread(service.process.wait, 60) == 0


async def _refuses(base_url: str) -> bool:
    async with httpx.AsyncClient(timeout=60) as client:
        try:
            await client.get(f"{base_url}/live", headers={"Connection": "close"}, timeout=10)
        except httpx.ConnectError:
            return True
        except httpx.TransportError:
            return False
    return False


async def test_a_dead_worker_is_replaced_while_the_other_one_serves(service: Service, load: Load) -> None:
    dead, survivor = workers_of(service)
    kill(dead)
    workers = await asyncio.to_thread(wait_for_workers, service, count=2, other_than=frozenset({dead}))
    assert survivor in workers
    clients = [asyncio.create_task(load.client(number)) for number in range(CLIENTS)]
    await load.served_more(100)
    load.ends = True
    await asyncio.gather(*clients)
    assert load.failures == []
    assert "a worker ended" in service.logged()
