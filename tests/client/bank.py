"""A server that behaves like the Consent Management API, as far as a client can tell, and can be told to misbehave.

Owns tokens, credentials and one consent in memory, and a list of what it was asked; leaves the rules of the real API to
the real server's tests.
"""

import json
from base64 import b64decode
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from socket import SHUT_RDWR
from threading import Thread
from typing import Any, cast
from urllib.parse import unquote

SECRET = "cns_secret_first"
ACCOUNT = "ACT~2f61:chk/01%x"
CUSTOMER = "cus:5b81"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens instead of the next answer. Status 0 cuts the connection; with `done` the work is done first."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"<html>busy</html>"
    done: bool = False


CUT = Trouble(0)
CUT_AFTER_THE_WORK = Trouble(0, done=True)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived; the path is raw."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


class Bank:
    """The state behind the server."""

    def __init__(self) -> None:
        self.url = ""
        self.secrets = [SECRET]
        self.expires_in = 300
        self.tokens: dict[str, str] = {}
        self.accounts = {ACCOUNT: True, "..": False}
        self.automatic = False
        self.ended = False
        self.version = 1
        self.asked: list[Asked] = []
        self.troubles: deque[Trouble] = deque()
        self._numbers = count(1)

    @property
    def lines(self) -> list[str]:
        return [asked.line for asked in self.asked]

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], Any]:
        """Do what is asked; return status, headers and body."""
        _, _, _, kind, *rest = asked.path.split("/")
        if kind == "consent_management":
            customer = self.tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
            if customer is None:
                return refused(401, "invalid_token", "Request a new token.")
            return self._consents(asked, customer, [unquote(part) for part in rest])
        if not self._knows(asked.headers.get("authorization", "")):
            return refused(401, "invalid_client", "Authenticate with HTTP Basic.")
        if kind == "api_access_credentials":
            return self._rotated()
        return self._revoked(unquote(rest[0])) if rest else self._issued(json.loads(asked.body)["scopes"])

    def _knows(self, authorization: str) -> bool:
        name, _, secret = b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        return unquote(name) == "bku/1" and unquote(secret) in self.secrets

    def _issued(self, scopes: str) -> tuple[int, dict[str, str], Any]:
        token = f"token.{next(self._numbers)}"
        self.tokens[token] = scopes.partition(":")[2]
        return 200, {}, {"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in}

    def _revoked(self, token: str) -> tuple[int, dict[str, str], Any]:
        customer = self.tokens.pop(token, None)
        if customer is None:
            return refused(404, "unknown_token", "Send a token of this institution.")
        time = "2026-03-02T09:14:31.207Z"
        times = {"revoked_at": time, "created_at": time, "updated_at": time}
        owner = {"id": 7, "tokenable_id": 1, "tokenable_type": "Institution"}
        scopes = {"customer.modify_consent": customer}
        return 200, {}, {**owner, **times, "token": token, "expires_in": 300, "scopes": scopes}

    def _rotated(self) -> tuple[int, dict[str, str], Any]:
        self.secrets.append(f"cns_secret_{next(self._numbers)}")
        times = {"created_at": "2026-03-02T09:20:00.118Z", "previous_secret_expires_at": "2026-03-03T09:20:00.118Z"}
        return 200, {}, {"client_id": "bku/1", "client_secret": self.secrets[-1], "name": "consent_management", **times}

    def _consents(self, asked: Asked, customer: str, path: list[str]) -> tuple[int, dict[str, str], Any]:
        if not path:
            return 200, {}, [self._consent(listed="/v6/" in asked.path)] if customer == CUSTOMER else []
        if path[0] != "_9f2c":
            return refused(404, "unknown_consent", "List the consents again.")
        if asked.method == "PUT" and asked.headers.get("if-match", self._tag) != self._tag:
            return refused(412, "stale_etag", "Read the consent again.")
        if path[1:2] == ["accounts"] and path[2:] and path[2] not in self.accounts:
            return refused(404, "unknown_account", "Use an account_id of the consent.")
        if asked.method == "PUT":
            self._change(path[1:], json.loads(asked.body or b"{}"))
        return 200, {"ETag": self._tag}, self._consent(listed=False)

    def _change(self, path: list[str], body: dict[str, bool]) -> None:
        before = (dict(self.accounts), self.automatic, self.ended)
        match path:
            case ["accounts", account]:
                self.accounts[account] = body["enabled"]
            case ["accounts"]:
                self.automatic = body["automatic_access"]
            case _:
                self.ended = True
        self.version += before != (self.accounts, self.automatic, self.ended)

    @property
    def _tag(self) -> str:
        return f'"{self.version}"'

    def _consent(self, *, listed: bool) -> dict[str, Any]:
        accounts = [
            {"enabled": enabled, "nickname": "Checking", "account_id": name, "account_number_display": "XXXXXXXX4821"}
            for name, enabled in self.accounts.items()
        ]
        time = "2025-06-14T19:48:18.354Z"
        consent = {
            "id": "_9f2c",
            "application_name": "Tallyleaf Budget",
            "application_icon_url": None,
            "created_at": time,
            "last_accessed": None,
            "accounts": accounts,
            "auto_enable_future_accounts": self.automatic,
            "consented_on": time,
            "revoked_at": time if self.ended else None,
        }
        later = {"status": "active", "data_clusters": ["BALANCES"], "etag": self._tag, "a_member_of_tomorrow": 1}
        return {**consent, **later} if listed else consent


def refused(status: int, code: str, description: str) -> tuple[int, dict[str, str], Any]:
    """Make a refusal; its request id is its code."""
    return status, {"X-Request-Id": f"req-{code}"}, {"error": code, "error_description": description}


class Server(ThreadingHTTPServer):
    """The server and the bank behind it."""

    bank: Bank


class Handler(BaseHTTPRequestHandler):
    """Takes a request to the bank, unless there is trouble."""

    def answer(self) -> None:
        bank = cast(Server, self.server).bank
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, body)
        bank.asked.append(asked)
        trouble = bank.troubles.popleft() if bank.troubles else None
        if trouble is None:
            status, extra, value = bank.answer(asked)
            self.say(status, extra, json.dumps(value).encode())
            return
        if trouble.done:
            bank.answer(asked)
        if trouble.status:
            self.say(trouble.status, trouble.headers, trouble.body)
        else:
            self.connection.shutdown(SHUT_RDWR)

    do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - the names are the standard library's

    def say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Say nothing."""


@contextmanager
def open_bank() -> Iterator[Bank]:
    """Serve a bank on a free port of this machine."""
    with Server(("127.0.0.1", 0), Handler) as server:
        server.bank = Bank()
        server.bank.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.bank
        finally:
            server.shutdown()
            thread.join()
