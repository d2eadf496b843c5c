"""Sixty-four at once of everything that must happen once, against two workers and a real database (R61, R109, R111)."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from consentry.usecases.services import Services
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.flows.caller import Caller, at_once, eventually, opened_http, shared_accounts, statuses
from tests.serving import Service

MANY = 64
CHECKING, SAVINGS, CARD = (account["account_id"] for account in ACCOUNTS)


@dataclass(frozen=True, slots=True)
class Bench:
    """A customer with one consent, a token, and a caller with many open connections."""

    http: httpx.AsyncClient
    caller: Caller
    token: str
    consent_id: str = "_race"

    async def version(self) -> str:
        answer = await self.caller.consent(self.token, self.consent_id)
        assert answer.status_code == 200, answer.text
        return answer.headers["etag"]


@pytest.fixture
async def bench(service: Service, services: Services, bku: Tenant) -> AsyncIterator[Bench]:
    await add_customer(services.session, bku, "racer")
    await add_consent(services.session, bku, "racer", "budget", "_race")
    async with opened_http(service.base_url, connections=MANY) as http:
        caller = Caller(http, bku)
        yield Bench(http, caller, await caller.token("racer"))


async def history(db: Any, consent_id: str) -> Sequence[asyncpg.Record]:
    rows: list[asyncpg.Record] = await db.fetch(
        "select version, kind, detail, at from consentry.consent_changes where consent_id = $1 order by version",
        consent_id,
    )
    return rows


async def count(db: Any, table: str, condition: str, *values: object) -> int:
    found: int = await db.fetchval(f"select count(*) from consentry.{table} where {condition}", *values)
    return found


def jti_of(token: str) -> UUID:
    payload = token.split(".")[1]
    return UUID(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"])


async def test_a_token_revoked_by_many_at_once_dies_once(bench: Bench, super_connection: Any) -> None:
    answers = await at_once(bench.http, [lambda: bench.caller.revoke(bench.token)] * MANY)
    assert statuses(answers) == {200: MANY}
    assert len({answer.json()["revoked_at"] for answer in answers}) == 1
    assert len({answer.content for answer in answers}) == 1
    jti = str(jti_of(bench.token))
    assert await count(super_connection, "audit_entries", "action = 'token.revoked' and subject_id = $1", jti) == 1
    assert (await bench.caller.consents(bench.token)).status_code == 401


async def test_of_many_rotations_with_one_secret_two_succeed(bench: Bench, super_connection: Any) -> None:
    """The newest rotates; while the new one is unused, the one before may replace it once (a lost answer)."""
    caller = bench.caller
    answers = await at_once(bench.http, [caller.rotate] * MANY)
    assert statuses(answers) == {200: 2, 403: MANY - 2}
    assert {a.json()["error"] for a in answers if a.status_code == 403} == {"superseded_secret"}
    made = [answer.json() for answer in answers if answer.status_code == 200]
    assert len({body["previous_secret_expires_at"] for body in made}) == 1
    live = "expires_at is null or expires_at > consentry.now()"
    assert await count(super_connection, "credential_secrets", live) == 2
    assert await count(super_connection, "audit_entries", "action = 'credentials.rotated'") == 2
    assert await count(super_connection, "events", "kind = 'CREDENTIALS_ROTATED'") == 2
    tried = [await caller.issue("racer", secret=body["client_secret"]) for body in made]
    assert sorted(answer.status_code for answer in tried) == [200, 401]
    assert (await caller.issue("racer")).status_code == 200


async def test_toggles_of_one_account_leave_a_history_without_gaps(bench: Bench, super_connection: Any) -> None:
    wanted = [number % 2 == 0 for number in range(MANY)]
    share = partial(bench.caller.share, bench.token, bench.consent_id, SAVINGS)
    answers = await at_once(bench.http, [partial(share, enabled=on) for on in wanted])
    assert statuses(answers) == {200: MANY}
    for answer, on in zip(answers, wanted, strict=True):
        assert (SAVINGS in shared_accounts(answer.json())) is on
    rows = await history(super_connection, bench.consent_id)
    assert [row["version"] for row in rows] == list(range(2, len(rows) + 2))
    assert rows, "nothing was changed at all"
    assert [json.loads(row["detail"])["enabled"] for row in rows] == [n % 2 == 0 for n in range(len(rows))]
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    final = await super_connection.fetchrow("select version, shared_accounts from consentry.consents")
    assert final["version"] == rows[-1]["version"]
    assert (SAVINGS in json.loads(final["shared_accounts"])) is json.loads(rows[-1]["detail"])["enabled"]
    for table in ("audit_entries", "events"):
        kind = "action = 'consent.account_shared' or action = 'consent.account_withheld'"
        recorded = await count(super_connection, table, kind if table == "audit_entries" else "true")
        assert recorded == len(rows)


async def test_many_who_stop_sharing_stop_it_once(bench: Bench, super_connection: Any) -> None:
    answers = await at_once(bench.http, [lambda: bench.caller.stop(bench.token, bench.consent_id)] * MANY)
    assert statuses(answers) == {200: MANY}
    assert len({answer.json()["revoked_at"] for answer in answers}) == 1
    assert len({answer.headers["etag"] for answer in answers}) == 1
    assert await count(super_connection, "audit_entries", "action = 'consent.revoked'") == 1
    assert await count(super_connection, "events", "kind = 'CONSENT_REVOKED'") == 1
    assert len(await history(super_connection, bench.consent_id)) == 1


async def test_nothing_commits_on_a_token_after_its_revocation_was_answered(
    bench: Bench, super_connection: Any
) -> None:
    """R27: sixty-four taps race the revocation; what is counted when it is answered stays so."""
    caller, running = bench.caller, asyncio.Event()

    async def tap(number: int) -> httpx.Response:
        answer = await caller.share(bench.token, bench.consent_id, CARD, enabled=number % 2 == 0)
        if answer.status_code == 200 and CARD in shared_accounts(answer.json()):  # so that something was changed
            running.set()
        return answer

    async def tapping(number: int) -> list[httpx.Response]:
        answers: list[httpx.Response] = []
        while not answers or answers[-1].status_code == 200:
            answers.append(await tap(number + len(answers)))
        return answers

    taps = [asyncio.create_task(tapping(number)) for number in range(MANY - 1)]
    await running.wait()
    revoked = await caller.revoke(bench.token)
    changed = await count(super_connection, "consent_changes", "true")
    assert revoked.status_code == 200
    answers = [answer for answered in await asyncio.gather(*taps) for answer in answered]
    assert await count(super_connection, "consent_changes", "true") == changed > 0
    assert statuses(answers)[401] == MANY - 1
    assert {a.json()["error"] for a in answers if a.status_code != 200} == {"invalid_token"}


async def test_of_many_changes_with_one_etag_one_succeeds(bench: Bench, super_connection: Any) -> None:
    """Each would change something, so that the first one makes all others stale."""
    tag = await bench.version()
    share, new, stop = bench.caller.share, bench.caller.share_new, bench.caller.stop
    token, consent_id = bench.token, bench.consent_id
    different = [
        lambda: share(token, consent_id, CHECKING, enabled=False, if_match=tag),
        lambda: share(token, consent_id, SAVINGS, enabled=True, if_match=tag),
        lambda: share(token, consent_id, CARD, enabled=True, if_match=tag),
        lambda: new(token, consent_id, automatic=True, if_match=tag),
        lambda: stop(token, consent_id, if_match=tag),
    ]
    answers = await at_once(bench.http, [different[number % len(different)] for number in range(MANY)])
    assert statuses(answers) == {200: 1, 412: MANY - 1}
    assert {a.json()["error"] for a in answers if a.status_code == 412} == {"stale_etag"}
    (row,) = await history(super_connection, consent_id)
    assert row["version"] == 2
    (succeeded,) = (answer for answer in answers if answer.status_code == 200)
    shown = await bench.caller.consent(token, consent_id)
    assert (shown.headers["etag"], shown.content) == (succeeded.headers["etag"], succeeded.content)


async def test_changes_that_change_nothing_agree_with_one_etag(bench: Bench, super_connection: Any) -> None:
    tag = await bench.version()
    same = partial(bench.caller.share, bench.token, bench.consent_id, CHECKING, enabled=True, if_match=tag)
    answers = await at_once(bench.http, [same] * MANY)
    assert statuses(answers) == {200: MANY}
    assert {answer.headers["etag"] for answer in answers} == {tag}
    assert await count(super_connection, "consent_changes", "true") == 0
    assert await count(super_connection, "audit_entries", "action like 'consent.%'") == 0


async def test_a_rotation_in_the_middle_of_a_load_fails_no_request(bench: Bench) -> None:
    """R45: clients take up the new secret one after the other; old and new ones are served all the time."""
    caller, secrets, ends = bench.caller, [bench.caller.tenant.client_secret], asyncio.Event()
    failed: list[httpx.Response] = []
    served: list[httpx.Response] = []

    async def asks(number: int) -> None:
        while not ends.is_set():
            # Half of the servers learn of the new secret at once, the others go on with the one they have.
            answer = await caller.issue(f"customer-{number}", secret=secrets[-1] if number % 2 else secrets[0])
            (served if answer.status_code == 200 else failed).append(answer)

    async def enough(wanted: int) -> bool:
        return len(served) >= wanted or bool(failed)

    clients = [asyncio.create_task(asks(number)) for number in range(16)]
    await eventually(partial(enough, 300))
    answer = await caller.rotate()
    assert answer.status_code == 200, answer.text
    secrets.append(answer.json()["client_secret"])
    await eventually(partial(enough, len(served) + 600))
    ends.set()
    await asyncio.gather(*clients)
    assert [a.text for a in failed] == []
    assert len(served) >= 900
