"""No source, institution or request can take more than its share (R104 to R107), whatever it sends."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.builders import Tenant
from tests.serving import Service
from tests.web.calls import Api, check_answer, refused

Start = Callable[..., Service]
MANY = 60
PATIENCE = 60


async def ask_many(
    service: Service, tenant: Tenant, count: int, *, secret: str | None = None, **headers: str
) -> list[httpx.Response]:
    """Ask for so many tokens at once."""
    async with httpx.AsyncClient(timeout=PATIENCE) as client:

        async def ask() -> httpx.Response:
            return await client.post(
                f"{service.base_url}/api/v4/token",
                auth=(tenant.client_id, secret or tenant.client_secret),
                json={"type": "consent_management", "scopes": "customer.modify_consent:anna"},
                headers=headers,
            )

        return await asyncio.gather(*(ask() for _ in range(count)))


def count(answers: list[httpx.Response]) -> Counter[int]:
    for answer in answers:
        check_answer(answer)
        if answer.status_code == 429:
            assert answer.json()["error"] == "rate_limited"
            assert 1 <= int(answer.headers["retry-after"]) <= 60
    return Counter(answer.status_code for answer in answers)


async def test_a_source_gets_its_rate_over_all_workers_and_no_more(start: Start, bku: Tenant) -> None:
    service = start(CONSENTRY_SOURCE_RATE="1", CONSENTRY_SOURCE_BURST="20")
    began = time.monotonic()
    counted = count(await ask_many(service, bku, MANY))
    # Two workers may both see the last free place, and a second brings another one; each by itself would let 20 in.
    assert 20 <= counted[200] < 30 + (time.monotonic() - began)
    assert counted[200] + counted[429] == MANY
    deadline = time.monotonic() + PATIENCE
    while count(await ask_many(service, bku, 1))[200] == 0:
        assert time.monotonic() < deadline, "the rate never came back"


async def test_an_institution_that_asks_too_much_disturbs_no_other(start: Start, bku: Tenant, other: Tenant) -> None:
    """R104."""
    service = start(CONSENTRY_INSTITUTION_RATE="0.1", CONSENTRY_INSTITUTION_BURST="10")
    began = time.monotonic()
    noisy, quiet = await asyncio.gather(ask_many(service, bku, MANY), ask_many(service, other, 8))
    assert 10 <= count(noisy)[200] < 20 + (time.monotonic() - began) / 10
    assert count(quiet) == {200: 8}
    token = quiet[0].json()["access_token"]
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        url = f"{service.base_url}/api/v4/consent_management"
        listed = list(await asyncio.gather(*(client.get(url) for _ in range(MANY))))
    assert 10 <= count(listed)[200] < 20 + (time.monotonic() - began) / 10
    assert count(listed)[200] + count(listed)[429] == MANY


async def test_wrong_secrets_lock_nobody_out(start: Start, bku: Tenant, other: Tenant, super_connection: Any) -> None:
    """R105: failures are counted for a source and a client together, and only when the secret is wrong."""
    service = start(CONSENTRY_FAILURES_PER_MINUTE="5")
    began = time.monotonic()
    wrong, right, elsewhere = await asyncio.gather(
        ask_many(service, bku, MANY, secret="wrong"),
        ask_many(service, bku, 20),
        ask_many(service, other, 3, secret="x"),
    )
    assert 5 <= count(wrong)[401] < 10 + (time.monotonic() - began) / 12
    assert count(wrong)[401] + count(wrong)[429] == MANY
    assert count(right) == {200: 20}
    assert count(elsewhere) == {401: 3}
    assert count(await ask_many(service, bku, 3)) == {200: 3}
    # R107: what is kept of them is bounded, too.
    kept = await super_connection.fetchval(
        "select count(*) from consentry.failed_sign_ins where client_id = $1", bku.client_id
    )
    assert kept == count(wrong)[401]


async def test_guessing_many_clients_leaves_a_bounded_trace(start: Start, bku: Tenant, super_connection: Any) -> None:
    """R107: a source that makes up client ids fills no table, and locks nobody out."""
    service = start(CONSENTRY_FAILURES_PER_MINUTE="3")
    began = time.monotonic()
    guesses = [replace(bku, client_id=f"guess-{bku.institution_id}-{number}") for number in range(MANY)]
    answers = await asyncio.gather(*(ask_many(service, guess, 1) for guess in guesses))
    counted = count([answer for (answer,) in answers])
    assert 30 <= counted[401] < 40 + (time.monotonic() - began) / 2
    assert counted[401] + counted[429] == MANY
    kept = await super_connection.fetchval(
        "select count(*) from consentry.failed_sign_ins where client_id like $1", f"guess-{bku.institution_id}-%"
    )
    assert kept == counted[401]
    assert count(await ask_many(service, bku, 3)) == {200: 3}


@pytest.mark.parametrize(
    ("proxies", "header", "source"),
    [
        ("0", "203.0.113.9", "127.0.0.1"),
        ("1", "203.0.113.9", "203.0.113.9"),
        ("1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("2", "192.0.2.66, 198.51.100.1, 203.0.113.9", "198.51.100.1"),
        ("2", "203.0.113.9", "127.0.0.1"),
        ("1", "2001:db8::7", "2001:db8::7"),
        ("1", "x" * 100, "127.0.0.1"),
        ("1", "", "127.0.0.1"),
    ],
)
async def test_only_what_trusted_proxies_say_is_a_source(
    start: Start, bku: Tenant, super_connection: Any, proxies: str, header: str, source: str
) -> None:
    """R106."""
    service = start(CONSENTRY_TRUSTED_PROXIES=proxies, CONSENTRY_WORKERS="1")
    (answer,) = await ask_many(service, bku, 1, **{"X-Forwarded-For": header})
    assert answer.status_code == 200
    stored = await super_connection.fetchval(
        "select source from consentry.tokens where institution_id = $1", bku.institution_id
    )
    assert stored == source


async def test_a_made_up_source_does_not_escape_the_rate(start: Start, bku: Tenant) -> None:
    service = start(CONSENTRY_SOURCE_RATE="0.1", CONSENTRY_SOURCE_BURST="5", CONSENTRY_TRUSTED_PROXIES="1")
    began = time.monotonic()
    spoofed = [await ask_many(service, bku, 1, **{"X-Forwarded-For": f"192.0.2.{n}, 203.0.113.9"}) for n in range(20)]
    assert 5 <= count([answer for (answer,) in spoofed])[200] <= 6 + (time.monotonic() - began) / 10
    assert count(await ask_many(service, bku, 4, **{"X-Forwarded-For": "203.0.113.10"})) == {200: 4}


async def test_more_at_once_than_can_be_answered_are_told_to_come_again(
    start: Start, bku: Tenant, super_connection: Any
) -> None:
    service = start(CONSENTRY_IN_FLIGHT="5", CONSENTRY_WORKERS="1")
    async with super_connection.transaction():
        # Whoever asks for a token relies on the institution's secrets, which somebody is changing just now.
        await super_connection.execute("select consentry.end_secrets_of($1)", bku.institution_id)
        waiting = {asyncio.create_task(ask_many(service, bku, 1)) for _ in range(20)}
        answered: set[asyncio.Task[list[httpx.Response]]] = set()
        while len(answered) < 15:
            done, waiting = await asyncio.wait(waiting, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            assert done, "whoever can't be answered waits"
            answered |= done
        assert count([answer for asked in answered for answer in asked.result()]) == {503: 15}
    assert count([answer for asked in waiting for answer in await asked]) == {200: 5}
    assert count(await ask_many(service, bku, 5)) == {200: 5}


def padded(size: int) -> bytes:
    """Give a request for a token of exactly so many bytes."""
    body = {"type": "consent_management", "scopes": "customer.modify_consent:anna", "more": ""}
    body["more"] = "x" * (size - len(json.dumps(body)))
    return json.dumps(body).encode()


def send(api: Api, content: Any, **headers: str) -> httpx.Response:
    return api.call(
        "POST",
        "/token",
        auth=api.tenant.basic,
        content=content,
        headers={"Content-Type": "application/json", **headers},
    )


def test_a_body_may_have_64_kib_and_not_a_byte_more(api: Api) -> None:
    assert send(api, padded(65_536)).status_code == 200
    answer = send(api, padded(65_537))
    refused(answer, 413, "body_too_large")
    assert answer.headers["connection"] == "close"
    chunks = [padded(65_537)[start : start + 8192] for start in range(0, 65_537, 8192)]
    refused(send(api, iter(chunks)), 413, "body_too_large")
    assert send(api, iter([padded(65_536)])).status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip", "zstd"])
def test_compressed_bodies_are_refused(api: Api, encoding: str) -> None:
    refused(send(api, padded(200), **{"Content-Encoding": encoding}), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "more",
    [
        "[" * 30_000 + "]" * 30_000,
        '{"a":' * 9_000 + "1" + "}" * 9_000,
        "[" * 60_000,
        "9" * 60_000,
        "-1e" + "9" * 300,
        '"' + "\\ud800" * 9_000 + '"',
        '"' + "\\u0000" * 9_000 + '"',
        "NaN",
        "1.7976931348623157e309",
    ],
)
def test_json_that_is_deep_or_odd_is_an_answer_not_a_crash(api: Api, more: str) -> None:
    for members in ('"type":"consent_management","scopes":"customer.modify_consent:anna","more":', '"type":'):
        answer = send(api, f"{{{members}{more}}}".encode())
        assert answer.status_code in (200, 400), answer.text
    answer = send(api, more.encode())
    refused(answer, 400, "invalid_request")


def test_many_parameters_and_a_long_address_are_an_answer(api: Api) -> None:
    token = api.token()
    assert api.bearer(token, "GET", "?" + "&".join(f"p{n}={n}" for n in range(4_000))).status_code == 200
    refused(api.bearer(token, "GET", "/_" + "x" * 30_000), 404, "unknown_consent")
    refused(
        api.bearer(token, "PUT", "/_budget1/accounts/" + "%41" * 10_000, json={"enabled": True}), 404, "unknown_account"
    )
    refused(api.call("DELETE", "/token/" + "x" * 30_000, auth=api.tenant.basic), 404, "unknown_token")


@pytest.mark.parametrize(
    "name", ["token", "access_token", "%61ccess_token", "access%5Ftoken", "client_secret", "client_id"]
)
def test_secrets_in_the_address_are_refused_however_they_are_spelled(api: Api, name: str) -> None:
    token = api.token()
    refused(api.bearer(token, "GET", f"?page=1&{name}={token}"), 400, "invalid_request")
