"""The nginx configuration that ships: what passes, what does not, and what its logs keep quiet about."""

import re
import socket
import ssl
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy.conftest import Installation
from tests.deploy.proxy import API, DASHBOARD, PORTAL, Proxy, run_proxy

INSIDE = ("/live", "/ready", "/metrics")
AROUND = ("/api/../metrics", "/api/%2e%2e/metrics", "/embed/..%2fmetrics", "//metrics", "/METRICS", "/docs/../ready")


def _client(proxy: Proxy, name: str, **options: Any) -> httpx.Client:
    """Talk to the proxy under a name that no resolver knows."""
    context = ssl.create_default_context(cafile=proxy.certificate)
    return httpx.Client(
        base_url=f"https://127.0.0.1:{proxy.port}",
        headers={"Host": name},
        transport=httpx.HTTPTransport(verify=context, **options),
        trust_env=False,
        timeout=60,
    )


def _get(client: httpx.Client, name: str, path: str, **arguments: Any) -> httpx.Response:
    return client.get(path, extensions={"sni_hostname": name}, **arguments)


def _token(client: httpx.Client, installation: Installation) -> httpx.Response:
    return client.post(
        "/api/v6/token",
        auth=installation.tenant.basic,
        json={"type": "consent_management", "scopes": "customer.modify_consent:anna"},
        extensions={"sni_hostname": API},
    )


@pytest.fixture
def proxy(installation: Installation) -> Proxy:
    return installation.proxy


@pytest.fixture
def api(proxy: Proxy) -> Iterator[httpx.Client]:
    with _client(proxy, API) as client:
        yield client


def _handshake(proxy: Proxy, name: str, version: ssl.TLSVersion) -> str | None:
    context = ssl.create_default_context(cafile=proxy.certificate)
    context.set_ciphers("DEFAULT@SECLEVEL=0")  # so that it is nginx that refuses old versions
    with warnings.catch_warnings(action="ignore"):
        context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return secured.version()


@pytest.mark.parametrize("name", [API, DASHBOARD, PORTAL])
def test_tls_is_of_today_under_each_name(proxy: Proxy, name: str) -> None:
    assert _handshake(proxy, name, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    assert _handshake(proxy, name, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        _handshake(proxy, name, ssl.TLSVersion.TLSv1_1)


def test_under_another_name_there_is_not_even_a_certificate(proxy: Proxy) -> None:
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        _handshake(proxy, "elsewhere.example", ssl.TLSVersion.TLSv1_3)


def _all_logged(proxy: Proxy) -> str:
    """Give its logs: it writes a request's line a moment after the answer, but before it answers another one."""
    _raw_get(proxy, API, "/")
    return proxy.logged()


def test_a_token_is_issued_used_and_revoked_through_it(api: httpx.Client, installation: Installation) -> None:
    token = _token(api, installation).raise_for_status().json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    listed = _get(api, API, "/api/v6/consent_management", headers=bearer)
    assert (listed.status_code, listed.json()) == (200, [])
    assert listed.headers.get_list("strict-transport-security") == ["max-age=31536000; includeSubDomains"]
    assert listed.headers["server"] == "nginx"
    revoked = api.delete(f"/api/v6/token/{token}", auth=installation.tenant.basic, extensions={"sni_hostname": API})
    assert revoked.status_code == 200
    assert _get(api, API, "/api/v6/consent_management", headers=bearer).status_code == 401


def test_what_a_client_claims_of_its_address_is_dropped(proxy: Proxy, installation: Installation) -> None:
    claims = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Real-IP": "203.0.113.9"}
    with _client(proxy, API, local_address="127.0.0.2") as client:
        answer = _get(client, API, "/api/v6/consent_management", headers=claims)
    line = _line_of_log(installation, answer.headers["x-request-id"])
    assert '"source":"127.0.0.2"' in line


def _line_of_log(installation: Installation, request_id: str) -> str:
    """Give what the service logged of a request; lines are written a moment after the answer."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        for line in installation.service.logged().splitlines():
            if request_id in line:
                return line
    raise AssertionError("the request was not logged")


@pytest.mark.parametrize("name", [API, DASHBOARD, PORTAL])
def test_what_is_for_operators_stays_inside(proxy: Proxy, name: str) -> None:
    with _client(proxy, name) as client, socket.socket():
        for path in (*INSIDE, *AROUND):
            answer = _raw_get(proxy, name, path)
            assert answer.startswith(b"HTTP/1.1 404 "), (path, answer)
            assert b"consentry_request_seconds" not in answer
        assert _get(client, name, "/").status_code == 404


def _raw_get(proxy: Proxy, name: str, path: str) -> bytes:
    """Ask for a path as it is written, which clients would tidy up."""
    context = ssl.create_default_context(cafile=proxy.certificate)
    with (
        socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        secured.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while data := secured.recv(65536):
            received += data
        return received


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (API, "/embed/authorizations"),
        (API, "/admin"),
        (DASHBOARD, "/api/v6/consent_management"),
        (DASHBOARD, "/docs"),
        (DASHBOARD, "/admin"),
        (PORTAL, "/api/v6/consent_management"),
        (PORTAL, "/embed/authorizations"),
        (PORTAL, "/administration"),
    ],
)
def test_each_surface_has_its_own_name(proxy: Proxy, name: str, path: str) -> None:
    with _client(proxy, name) as client:
        answer = _get(client, name, path)
    assert answer.status_code == 404
    assert "x-request-id" not in answer.headers  # nginx itself said so


def test_a_body_that_is_too_large_is_refused_before_it_is_passed_on(api: httpx.Client) -> None:
    answer = api.post("/api/v6/token", content=b"x" * 65537, extensions={"sni_hostname": API})
    assert answer.status_code == 413
    assert "x-request-id" not in answer.headers


def test_the_logs_hold_no_token_no_query_and_no_referer(
    api: httpx.Client, proxy: Proxy, installation: Installation
) -> None:
    canary = "canary7Qb2"
    token = _token(api, installation).json()["access_token"]
    for path in (
        f"/api/v6/token/{token}",
        f"/api/v6/token/{canary}",
        f"/api/v6/consent_management/{canary}?access_token={canary}",
        f"/embed/authorizations?access_token={canary}",
        f"/{canary}",
        f"/api/v6/{canary}" + "x" * 20_000,
    ):
        _get(api, API, path, headers={"Referer": f"https://x.example/{canary}", "User-Agent": canary})
    with _client(proxy, DASHBOARD) as client:
        _get(client, DASHBOARD, f"/embed/authorizations?access_token={canary}")
    for path in (f"/api/v6/token/{canary} nonsense", f"/api/v6/\x7f{canary}", f"/{canary}%00"):
        _raw_get(proxy, API, path)
    logged = _all_logged(proxy)
    assert canary not in logged
    assert token not in logged
    assert " token " in logged
    pattern = r"\S+ 127\.0\.0\.\d \S+ \S* (token|api|embed|portal|reference|other) \d{3} \d+ [\d.]+ TLSv1\.[23] \S+"
    assert [line for line in proxy.access_log() if not re.fullmatch(pattern, line)] == []


def test_where_no_service_answers_the_token_is_not_in_the_logs_either(tmp_path: Path) -> None:
    canary = "canary7Qb2"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but nobody listens
        upstream = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with run_proxy(tmp_path, upstream) as proxy:
            with _client(proxy, API) as client:
                answer = client.delete(f"/api/v6/token/{canary}", extensions={"sni_hostname": API})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.json()["error"] == "temporarily_unavailable"
            with _client(proxy, DASHBOARD) as client:
                shown = _get(client, DASHBOARD, f"/embed/authorizations?access_token={canary}")
            assert shown.status_code == 502
            logged = _all_logged(proxy)
    assert " token 503 " in logged
    assert " embed 502 " in logged
    assert canary not in logged
