"""What is sent to the port without being a proper request: cut short, bounded, and never a crash (R100, R107)."""

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.serving import Service
from tests.web.calls import Api


@contextlib.contextmanager
def connected(service: Service, *, seconds: float = 30) -> Iterator[socket.socket]:
    address = urlsplit(service.base_url)
    assert address.hostname
    assert address.port
    with socket.create_connection((address.hostname, address.port), timeout=seconds) as opened:
        yield opened


def read_all(opened: socket.socket) -> bytes:
    """Read until the other side closes."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := opened.recv(65536):
            received += data
    return received


def is_alive(service: Service) -> bool:
    return httpx.get(f"{service.base_url}/live", timeout=60).status_code == 200


LIST = b"GET /api/v4/consent_management HTTP/1.1\r\nHost: x\r\n"
TOKEN = b"POST /api/v4/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"nonsense\r\n\r\n",
        b"GET /api/v4/consent_management HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        LIST + b"X: a\r\n b\r\n\r\n",
        LIST + b"X : a\r\n\r\n",
        LIST + b"X: a\x00b\r\n\r\n",
        TOKEN + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        TOKEN + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        TOKEN + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        TOKEN + b"Content-Length: -1\r\n\r\n",
        TOKEN + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        TOKEN + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_closed(service: Service, request_: bytes) -> None:
    with connected(service) as opened:
        opened.sendall(request_)
        answer = read_all(opened)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 401 "))
    assert b"connection: close" in answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert is_alive(service)


def test_headers_without_end_are_cut_short(service: Service) -> None:
    for piece in (b"x" * 65536, b"X: " + b"y" * 1000 + b"\r\n"):
        sent = 0
        with connected(service) as opened:
            opened.sendall(LIST + b"X: ")
            with contextlib.suppress(ConnectionError):
                while sent < 20_000_000:
                    opened.sendall(piece)
                    sent += len(piece)
            answer = read_all(opened)
        assert sent < 10_000_000
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
        assert is_alive(service)


def test_headers_of_ordinary_size_pass_however_slowly_they_come(service: Service) -> None:
    with connected(service) as opened:
        for byte in LIST + b"X: " + b"y" * 2000 + b"\r\nConnection: close\r\n\r\n":
            opened.sendall(bytes([byte]))
        assert read_all(opened).startswith(b"HTTP/1.1 401 ")


def test_who_says_nothing_or_stops_in_the_middle_is_left(service: Service) -> None:
    """Nobody holds a place for ever: neither without a request, nor within its headers or its body."""
    starts = [b"", b"GET", LIST, TOKEN + b"Authorization: Basic YTpi\r\nContent-Length: 50\r\n\r\n{"]
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(connected(service, seconds=60)) for _ in starts]
        for opened, start in zip(silent, starts, strict=True):
            opened.sendall(start)
        answers = [read_all(opened) for opened in silent]
    assert time.monotonic() - began < 40
    assert answers[0] == b""
    assert [answer.split(b" ")[1] for answer in answers[1:]] == [b"408", b"408", b"408"]
    assert is_alive(service)


def test_requests_that_follow_each_other_at_once_are_answered_in_order(api: Api, service: Service) -> None:
    body = b'{"type":"other","scopes":"x"}' + b" " * 60_000
    with connected(service) as opened:
        auth = b"Authorization: Basic YTpi\r\nContent-Length: %d\r\n" % len(body)
        opened.sendall((TOKEN + auth + b"\r\n" + body) * 5 + LIST + b"Connection: close\r\n\r\n")
        answer = read_all(opened)
    statuses = re.findall(rb"HTTP/1\.1 ([0-9]+) ", answer)
    assert statuses == [b"400"] * 5 + [b"401"]


def test_a_browser_that_goes_away_within_a_form_is_no_fault(service: Service) -> None:
    """R138: what the log calls a failure is one of ours."""
    before = len(service.logged())
    with connected(service) as opened:
        opened.sendall(
            b"POST /embed/authorizations HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\naccess_token="
        )
    deadline = time.monotonic() + 60
    while '"operation":"open_page"' not in (logged := service.logged()[before:]):
        assert time.monotonic() < deadline, logged
        time.sleep(0.05)
    assert "request failed" not in logged
