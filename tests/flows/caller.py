"""An institution's server as the flows need it: many requests at once, each answer kept whole, nothing retried."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from tests.builders import Tenant

Result = TypeVar("Result")

PATIENCE = 120.0
NO_ANSWER = (httpx.TransportError,)


@dataclass(frozen=True, slots=True)
class Caller:
    """One institution's calls to one service; `host` overrides the header of that name."""

    http: httpx.AsyncClient
    tenant: Tenant
    version: str = "v6"
    host: str | None = None

    async def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = dict(arguments.pop("headers", {}))
        if self.host is not None:
            headers["Host"] = self.host
        return await self.http.request(method, f"/api/{self.version}{path}", headers=headers, **arguments)

    async def issue(self, customer_id: str, *, secret: str | None = None) -> httpx.Response:
        body = {"type": "consent_management", "scopes": f"customer.modify_consent:{customer_id}"}
        return await self.call("POST", "/token", auth=self._basic(secret), json=body)

    async def token(self, customer_id: str, *, secret: str | None = None) -> str:
        answer = await self.issue(customer_id, secret=secret)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def revoke(self, token: str, *, secret: str | None = None) -> httpx.Response:
        return await self.call("DELETE", f"/token/{token}", auth=self._basic(secret))

    async def rotate(self, *, secret: str | None = None) -> httpx.Response:
        body = {"name": "consent_management"}
        return await self.call("POST", "/api_access_credentials", auth=self._basic(secret), json=body)

    async def consents(self, token: str) -> httpx.Response:
        return await self._bearer(token, "GET", "")

    async def consent(self, token: str, consent_id: str) -> httpx.Response:
        return await self._bearer(token, "GET", f"/{consent_id}")

    async def share(
        self, token: str, consent_id: str, account_id: str, *, enabled: bool, if_match: str | None = None
    ) -> httpx.Response:
        path = f"/{consent_id}/accounts/{quote(account_id, safe='')}"
        return await self._bearer(token, "PUT", path, json={"enabled": enabled}, if_match=if_match)

    async def share_new(
        self, token: str, consent_id: str, *, automatic: bool, if_match: str | None = None
    ) -> httpx.Response:
        body = {"automatic_access": automatic}
        return await self._bearer(token, "PUT", f"/{consent_id}/accounts", json=body, if_match=if_match)

    async def stop(self, token: str, consent_id: str, *, if_match: str | None = None) -> httpx.Response:
        return await self._bearer(token, "PUT", f"/{consent_id}/disable_app_sharing", if_match=if_match)

    def _basic(self, secret: str | None) -> tuple[str, str]:
        return self.tenant.client_id, self.tenant.client_secret if secret is None else secret

    async def _bearer(
        self, token: str, method: str, path: str, *, if_match: str | None = None, **arguments: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        if if_match is not None:
            headers["If-Match"] = if_match
        return await self.call(method, f"/consent_management{path}", headers=headers, **arguments)


@asynccontextmanager
async def opened_http(base_url: str, *, connections: int = 64, seconds: float = 60) -> AsyncIterator[httpx.AsyncClient]:
    """Open a client of at most so many kept connections; httpx repeats nothing by itself."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(base_url=base_url, limits=limits, timeout=seconds) as client:
        yield client


async def at_once(
    http: httpx.AsyncClient, calls: Iterable[Callable[[], Awaitable[httpx.Response]]]
) -> list[httpx.Response]:
    """Start all calls at the same moment, over connections that are open already."""
    waiting = list(calls)
    await asyncio.gather(*(http.get("/live") for _ in waiting))
    start = asyncio.Event()

    async def held(call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        await start.wait()
        return await call()

    tasks = [asyncio.create_task(held(call)) for call in waiting]
    await asyncio.sleep(0)
    start.set()
    return await asyncio.gather(*tasks)


async def eventually(
    probe: Callable[[], Awaitable[Result | None]], *, seconds: float = PATIENCE, every: float = 0.05
) -> Result:
    """Ask until there is an answer that is neither None nor False; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = await probe()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < deadline, f"nothing within {seconds:.0f} s"
        await asyncio.sleep(every)


def statuses(answers: Iterable[httpx.Response]) -> dict[int, int]:
    """Count answers by status."""
    counted: dict[int, int] = {}
    for answer in answers:
        counted[answer.status_code] = counted.get(answer.status_code, 0) + 1
    return counted


def shared_accounts(consent: dict[str, Any]) -> set[str]:
    """Give the ids of the accounts that an answered consent shares."""
    return {account["account_id"] for account in consent["accounts"] if account["enabled"]}
