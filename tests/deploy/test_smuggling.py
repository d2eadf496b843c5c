"""Requests that two parsers may read in two ways, sent to nginx and to the service itself (R100).

Each bears a second request inside or behind it. Where the first is ambiguous, it is refused, the connection ends, and
the second is never answered.
"""

import re
import socket
import ssl
from urllib.parse import urlsplit

import pytest

from tests.deploy.conftest import Installation
from tests.deploy.proxy import API

HOST = f"Host: {API}\r\n".encode()
LIST = b"GET /api/v4/consent_management HTTP/1.1\r\n" + HOST
TOKEN = b"POST /api/v4/token HTTP/1.1\r\nContent-Type: application/json\r\n" + HOST
SECOND = b"GET /api/v9/second HTTP/1.1\r\n" + HOST + b"\r\n"  # answered with 404
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"\r\n0\r\n\r\n"

AMBIGUOUS = {
    "a length, and chunks": TOKEN + b"Content-Length: 5\r\n" + CHUNKED + END + SECOND,
    "chunks, and a length": TOKEN + CHUNKED + b"Content-Length: 200\r\n" + END + SECOND,
    "two lengths": TOKEN + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc" + SECOND,
    "twice the same length": TOKEN + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc" + SECOND,
    "a list of lengths": TOKEN + b"Content-Length: 3, 3\r\n\r\nabc" + SECOND,
    "a length with a sign": TOKEN + b"Content-Length: +3\r\n\r\nabc" + SECOND,
    "a negative length": TOKEN + b"Content-Length: -1\r\n\r\n" + SECOND,
    "a folded header": LIST + b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n" + SECOND,
    "a folded coding": TOKEN + b"Transfer-Encoding:\r\n chunked\r\n" + END + SECOND,
    "a bare CR": LIST + b"X: a\rTransfer-Encoding: chunked\r\n\r\n" + SECOND,
    "a blank before the colon": TOKEN + b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n" + END + SECOND,
    "an unknown coding": TOKEN + b"Transfer-Encoding: xchunked\r\n" + END + SECOND,
    "chunked, but not last": TOKEN + b"Transfer-Encoding: chunked, identity\r\n" + END + SECOND,
    "two codings": TOKEN + CHUNKED + b"Transfer-Encoding: identity\r\n" + END + SECOND,
    "a vertical tab": TOKEN + b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 5\r\n" + END + SECOND,
    "a NUL": LIST + b"X: a\x00b\r\n\r\n" + SECOND,
    "a bare LF in a chunk's extension": TOKEN + CHUNKED + b"\r\n2;\nxx\r\nab\r\n0\r\n\r\n" + SECOND,
    "a chunk's size with a prefix": TOKEN + CHUNKED + b"\r\n0x2\r\nab\r\n0\r\n\r\n" + SECOND,
    "a chunk's size that overflows": TOKEN + CHUNKED + b"\r\nffffffffffffffff2\r\nab\r\n0\r\n\r\n" + SECOND,
}
BARE_LF = {
    "bare LFs": LIST.replace(b"\r\n", b"\n") + b"X: a\n\n" + SECOND,
    "a coding behind a bare LF": TOKEN + b"X: a\n" + CHUNKED + END + SECOND,
}


def _answers(opened: socket.socket, request: bytes, *, expected: int | None) -> list[bytes]:
    """Send a request and give as many answers as are expected; None: all, with nothing more to be sent."""
    opened.sendall(request)
    if expected is None:
        opened.shutdown(socket.SHUT_WR)
    received = b""
    while data := opened.recv(65536):
        received += data
        if received.count(b"HTTP/1.1 ") == expected:
            break
    return re.split(rb"(?=HTTP/1\.1 \d)", received)[1:]


def _direct(installation: Installation, request: bytes, *, expected: int | None = None) -> list[bytes]:
    address = urlsplit(installation.service.base_url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as opened:
        return _answers(opened, request, expected=expected)


def _through_nginx(installation: Installation, request: bytes, *, expected: int | None = None) -> list[bytes]:
    proxy = installation.proxy
    context = ssl.create_default_context(cafile=proxy.certificate)
    with (
        socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=API) as secured,
    ):
        return _answers(secured, request, expected=expected)


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("request_", [*AMBIGUOUS.values(), *BARE_LF.values()], ids=[*AMBIGUOUS, *BARE_LF])
def test_the_service_refuses_what_is_ambiguous_and_hangs_up(installation: Installation, request_: bytes) -> None:
    (refused,) = _direct(installation, request_)
    assert _status(refused) == 400


@pytest.mark.parametrize("request_", AMBIGUOUS.values(), ids=list(AMBIGUOUS))
def test_nginx_passes_nothing_on_that_is_ambiguous(installation: Installation, request_: bytes) -> None:
    answers = _through_nginx(installation, request_)
    assert [_status(answer) for answer in answers] in ([400], [501], [])
    assert b"x-request-id" not in b"".join(answers).lower()  # the service never saw it


@pytest.mark.parametrize("request_", BARE_LF.values(), ids=list(BARE_LF))
def test_nginx_takes_a_bare_lf_for_an_end_of_line_and_passes_on_whole_ones(
    installation: Installation, request_: bytes
) -> None:
    """The service, which refuses bare LFs, answers both requests: what reached it were two clear ones."""
    answers = _through_nginx(installation, request_, expected=2)
    assert [_status(answer) for answer in answers] == [401, 404]
    assert all(b"x-request-id" in answer for answer in answers)


@pytest.mark.parametrize("path", [b"/api/v4/consent_management", b"/docs"])
def test_two_hosts_are_refused_by_both(installation: Installation, path: bytes) -> None:
    request = b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"Host: dashboard.bank.example\r\n\r\n"
    for ask in (_direct, _through_nginx):
        (refused,) = ask(installation, request, expected=1)
        assert _status(refused) == 400
