"""Under which address a portal takes itself to be: what providers are told to answer to."""

import pytest
from starlette.requests import Request

from consentry.config import Settings
from consentry.domain.refusal.request import InvalidRequest
from consentry.web.portal.origins import asked_origin


def asked(host: str, *, scheme: str = "http", forwarded: str = "", proxies: str = "0") -> str:
    headers = [(b"host", host.encode("latin-1"))] + ([(b"x-forwarded-proto", forwarded.encode())] if forwarded else [])
    scope = {"type": "http", "scheme": scheme, "path": "/", "query_string": b"", "headers": headers, "method": "GET"}
    return asked_origin(Settings.read({"CONSENTRY_TRUSTED_PROXIES": proxies}), Request(scope))


@pytest.mark.parametrize(
    ("origin", "given"),
    [
        ("http://localhost:8080", asked("localhost:8080")),
        ("http://bku.localhost:8080", asked("BKU.localhost:8080")),
        ("http://[::1]:8080", asked("[::1]:8080")),
        ("https://[2001:db8::1]:8443", asked("[2001:DB8::1]:8443")),
        ("https://portal.bank.example", asked("portal.bank.example")),
        ("https://portal.bank.example", asked("portal.bank.example:443", scheme="https")),
        ("https://portal.bank.example:8443", asked("portal.bank.example:8443", scheme="https")),
        ("https://portal.bank.example", asked("portal.bank.example", forwarded="http", proxies="1")),
        ("http://localhost", asked("localhost:80", forwarded="https")),
        ("https://localhost:8080", asked("localhost:8080", forwarded="https", proxies="1")),
        ("https://localhost:8080", asked("localhost:8080", forwarded="http, https", proxies="1")),
        ("http://localhost:8080", asked("localhost:8080", forwarded="https, http", proxies="1")),
        ("https://localhost:8080", asked("localhost:8080", forwarded="https, http", proxies="2")),
        ("https://localhost:8080", asked("localhost:8080", forwarded="gopher", proxies="1")),
    ],
)
def test_the_origin_is_as_it_was_asked_and_secure_but_on_this_machine(origin: str, given: str) -> None:
    assert given == origin


@pytest.mark.parametrize("host", ["", "a b", "a/b", "a@b", 'x"><script>', "a:b", "a:123456", "ä", "[::1", "[1:2:3]",
                                  "[....]", "[127.0.0.1]", "[1:2:3]:8080", "[::1]x"])  # fmt: skip
def test_a_host_that_is_none_has_no_origin(host: str) -> None:
    with pytest.raises(InvalidRequest):
        asked(host)
