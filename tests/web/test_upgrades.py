"""Clients that offer another protocol with their requests, as Java's does with HTTP/2, are served like any other."""

import json
import re
import socket
from base64 import b64encode
from urllib.parse import urlsplit

import pytest

from tests.web.calls import Api

BODY = b'{"type":"consent_management","scopes":"customer.modify_consent:anna"}'
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
WHOLE = b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
LAST = b"GET /api/v4/consent_management HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def exchange(api: Api, *pieces: bytes) -> bytes:
    address = urlsplit(api.base_url)
    received = b""
    with socket.create_connection((str(address.hostname), address.port or 80), timeout=30) as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            opened.sendall(piece)
        while data := opened.recv(65536):
            received += data
    return received


def token_request(api: Api, offer: bytes = OFFER) -> bytes:
    basic = b64encode(":".join(api.tenant.basic).encode())
    return (
        b"POST /api/v4/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Basic "
        + basic
        + b"\r\n"
        + offer
    )


@pytest.mark.parametrize("rest", [WHOLE, CHUNKED])
@pytest.mark.parametrize("offer", [OFFER, OFFER.replace(b"h2c", b"websocket")])
def test_the_body_of_a_request_that_offers_an_upgrade_is_read(api: Api, rest: bytes, offer: bytes) -> None:
    request = token_request(api, offer) + rest
    at_once = exchange(api, request + LAST)
    byte_by_byte = exchange(api, *(bytes([byte]) for byte in request), LAST)
    for answers in (at_once, byte_by_byte):
        assert re.findall(rb"HTTP/1\.1 ([0-9]+) ", answers) == [b"200", b"401"]
        token = answers.split(b"\r\n\r\n")[1].partition(b"HTTP/1.1")[0]
        assert "access_token" in json.loads(token)


def test_many_offers_on_one_connection_are_answered_in_order(api: Api) -> None:
    offered = b"GET /api/v4/nowhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    answers = exchange(api, (offered + token_request(api) + WHOLE) * 50 + LAST)
    assert re.findall(rb"HTTP/1\.1 ([0-9]+) ", answers) == [b"404", b"200"] * 50 + [b"401"]


def test_a_tunnel_is_refused(api: Api) -> None:
    answer = exchange(api, b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
