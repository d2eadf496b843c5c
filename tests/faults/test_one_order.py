"""The service behaves as if every operation happened at one moment, whatever happens to its workers (R113).

Many clients ask, change and revoke while workers are killed and paused; what they saw is checked object by object
against sequential models of a token and of a consent.
"""

import asyncio
import os
import random
import signal
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import httpx
import pytest

from consentry.usecases.services import Services
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.faults.linearizability import Operation, check
from tests.faults.processes import kill, workers_of
from tests.flows.caller import NO_ANSWER, Caller, eventually, opened_http, shared_accounts
from tests.serving import Service

pytestmark = pytest.mark.serial

CLIENTS = 16
LEAST_ANSWERS = 300
LEAST_BETWEEN_KILLS = 30
PATIENCE = 120
CUSTOMERS = ("ann", "bob")
CONSENTS = 2
TOKENS = 3
ACCOUNT_IDS = tuple(account["account_id"] for account in ACCOUNTS)

Seen = tuple[int, frozenset[str], bool, bool]
"""What is seen of a consent: its version, the accounts that are shared, whether new ones are, whether it has ended."""


def token_model(state: str, asked: tuple[str], answered: str | None) -> Iterable[str]:
    """Model a token: `live`, or the time at which it was revoked (`?` if nobody was told)."""
    if asked == ("use",):
        return [state] if (answered == "live") is (state == "live") else []
    if answered is None:
        return ["?" if state == "live" else state]
    return [answered] if state in ("live", "?", answered) else []


def consent_model(state: Seen, asked: tuple[str, ...], answered: Seen | str | None) -> Iterable[Seen]:
    """Model a consent: `read`, `share` and `withhold` an account, `all_new` on or off, `stop`."""
    after = _after(state, asked)
    if answered is None:
        return [state if after is None else after]
    if after is None:
        return [state] if answered == "consent_not_active" else []
    return [after] if answered == after else []


def _after(state: Seen, asked: tuple[str, ...]) -> Seen | None:
    version, shared, all_new, ended = state
    match asked:
        case ("read",):
            return state
        case ("stop",):
            return state if ended else (version + 1, shared, all_new, True)
        case _ if ended:
            return None
        case ("share" | "withhold" as kind, account):
            changed = shared | {account} if kind == "share" else shared - {account}
            return state if changed == shared else (version + 1, changed, all_new, ended)
        case ("all_new", wanted):
            return state if (wanted == "on") is all_new else (version + 1, shared, wanted == "on", ended)
    raise AssertionError(asked)


@dataclass(slots=True)
class Recorder:
    """What all clients asked and were answered, object by object, and the tokens they share."""

    caller: Caller
    chance: random.Random
    ends: float
    of_tokens: dict[str, list[Operation[Any, Any]]] = field(default_factory=lambda: defaultdict(list))
    of_consents: dict[str, list[Operation[Any, Any]]] = field(default_factory=lambda: defaultdict(list))
    tokens: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    answered: int = 0
    unknown: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def has_revoked(self) -> bool:
        """Tell whether a token was revoked."""
        return any(operation.asked == ("revoke",) for history in self.of_tokens.values() for operation in history)

    @property
    def is_over(self) -> bool:
        """Tell whether the time is over, and there is something to check; a slow machine is given more of it."""
        late = time.monotonic() - self.ends
        has_enough = self.answered > LEAST_ANSWERS and self.unknown > 0 and self.has_revoked
        return late > PATIENCE or (late > 0 and has_enough)

    async def has_answered(self, wanted: int) -> bool:
        """Tell whether there are so many answers, or there will be no more."""
        return self.answered >= wanted or self.is_over

    async def act(self) -> None:
        """Be one client until the end."""
        while not self.is_over:
            customer = self.chance.choice(CUSTOMERS)
            known = self.tokens[customer]
            kind = self.chance.random()
            if len(known) < TOKENS:
                await self._issue(customer)
            elif kind < 0.04:
                await self._revoke(known.pop(self.chance.randrange(len(known))), remember=known)
            else:
                await self._use(self.chance.choice(known), f"_{customer}{self.chance.randrange(CONSENTS)}")

    async def _issue(self, customer: str) -> None:
        answer = await self._asked(self.caller.issue(customer))
        if answer is not None and answer.status_code == 200:
            self.tokens[customer].append(answer.json()["access_token"])

    async def _revoke(self, token: str, *, remember: list[str]) -> None:
        if self.chance.random() < 0.5:
            remember.append(token)  # others go on to use and revoke it
        called = time.monotonic()
        answer = await self._asked(self.caller.revoke(token))
        moment = None if answer is None else answer.json()["revoked_at"]
        self._record(self.of_tokens[token], called, ("revoke",), moment)

    async def _use(self, token: str, consent_id: str) -> None:
        asked = self._next_wish()
        called = time.monotonic()
        answer = await self._asked(self._request(asked, token, consent_id))
        if answer is None:
            if asked != ("read",):
                self._record(self.of_consents[consent_id], called, asked, None)
            return
        is_dead = answer.status_code == 401
        self._record(self.of_tokens[token], called, ("use",), "dead" if is_dead else "live")
        if is_dead:
            known = self.tokens[consent_id[1:-1]]
            if token in known:
                known.remove(token)
            return
        body = answer.json()
        seen: Seen | str
        if answer.status_code == 200:
            version = int(answer.headers["etag"].strip('"').split(".")[0])
            ended, all_new = body["revoked_at"] is not None, body["auto_enable_future_accounts"]
            seen = (version, frozenset(shared_accounts(body)), all_new, ended)
        else:
            seen = body["error"]
        self._record(self.of_consents[consent_id], called, asked, seen)

    def _next_wish(self) -> tuple[str, ...]:
        kind = self.chance.random()
        if kind < 0.35:
            return ("read",)
        if kind < 0.353:
            return ("stop",)
        if kind < 0.5:
            return ("all_new", self.chance.choice(("on", "off")))
        return (self.chance.choice(("share", "withhold")), self.chance.choice(ACCOUNT_IDS))

    async def _request(self, asked: tuple[str, ...], token: str, consent_id: str) -> httpx.Response:
        match asked:
            case ("read",):
                return await self.caller.consent(token, consent_id)
            case ("stop",):
                return await self.caller.stop(token, consent_id)
            case ("all_new", wanted):
                return await self.caller.share_new(token, consent_id, automatic=wanted == "on")
            case (kind, account):
                return await self.caller.share(token, consent_id, account, enabled=kind == "share")
        raise AssertionError(asked)

    async def _asked(self, call: Any) -> httpx.Response | None:
        """Give the answer, or None where nobody knows what came of it."""
        try:
            answer: httpx.Response = await call
        except NO_ANSWER:
            self.unknown += 1
            return None
        if answer.status_code == 503:
            self.unknown += 1
            return None
        if answer.status_code >= 500 or answer.status_code == 404:
            self.faults.append(answer.text)
        self.answered += 1
        return answer

    @staticmethod
    def _record(history: list[Operation[Any, Any]], called: float, asked: tuple[str, ...], answered: Any) -> None:
        ended = None if answered is None else time.monotonic()
        history.append(Operation(called=called, ended=ended, asked=asked, answered=answered))


async def _trouble(service: Service, recorder: Recorder) -> None:
    """Kill workers at random moments, and pause others for a moment, until the end.

    The eldest dies: one worker may have taken every connection, and would otherwise be spared each time by chance.
    Nothing more happens before the service answers again, however long its workers take to start.
    """
    chance = recorder.chance
    for number in count():
        wanted = recorder.answered + LEAST_BETWEEN_KILLS
        await asyncio.sleep(chance.uniform(0.3, 3.5))
        await eventually(partial(recorder.has_answered, wanted), seconds=2 * PATIENCE)
        if recorder.is_over:
            return
        workers = await asyncio.to_thread(workers_of, service)
        if not workers:
            continue
        if number % 3 == 2:
            paused = chance.choice(workers)
            os.kill(paused, signal.SIGSTOP)
            await asyncio.sleep(0.3)
            os.kill(paused, signal.SIGCONT)
        else:
            kill(workers[0])


async def _run(service: Service, services: Services, bku: Tenant, *, seed: int, seconds: float) -> Recorder:
    for customer in CUSTOMERS:
        await add_customer(services.session, bku, customer)
        for number in range(CONSENTS):
            await add_consent(services.session, bku, customer, f"app{number}", f"_{customer}{number}")
    async with opened_http(service.base_url, connections=CLIENTS, seconds=10) as http:
        recorder = Recorder(Caller(http, bku), random.Random(seed), time.monotonic() + seconds)
        trouble = asyncio.create_task(_trouble(service, recorder))
        await asyncio.gather(*(recorder.act() for _ in range(CLIENTS)))
        await trouble
    return recorder


def _verify(recorder: Recorder, *, seed: int) -> None:
    assert recorder.faults == [], f"seed {seed}"
    for token, history in recorder.of_tokens.items():
        assert (found := check(history, initial="live", model=token_model)) is None, f"seed {seed}: {token}: {found}"
    first: Seen = (1, frozenset({ACCOUNT_IDS[0]}), False, False)
    for consent, changes in recorder.of_consents.items():
        found = check(changes, initial=first, model=consent_model)
        assert found is None, f"seed {seed}: {consent}: {found}"


async def test_tokens_and_consents_are_linearizable_while_workers_die(
    service: Service, services: Services, bku: Tenant
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    recorder = await _run(service, services, bku, seed=seed, seconds=10)
    assert recorder.answered > LEAST_ANSWERS, "hardly anything was asked"
    assert recorder.unknown > 0, "no worker died in the middle of anything"
    assert recorder.has_revoked
    _verify(recorder, seed=seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(50))
async def test_they_are_linearizable_in_many_runs(service: Service, services: Services, bku: Tenant, seed: int) -> None:
    _verify(await _run(service, services, bku, seed=seed, seconds=15), seed=seed)
