"""Calls of the API as tests make them: plain HTTP, with what every answer must have checked on the way."""

import re
from dataclasses import dataclass
from typing import Any

import httpx

from tests.builders import Tenant

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Api:
    """One institution's calls to one service."""

    client: httpx.Client
    base_url: str
    tenant: Tenant
    version: str = "v4"

    def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        answer = self.client.request(method, f"{self.base_url}/api/{self.version}{path}", **arguments)
        check_answer(answer)
        return answer

    def token(self, customer_id: str = "cust-1") -> str:
        answer = self.request_token(f"customer.modify_consent:{customer_id}")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def request_token(self, scopes: object) -> httpx.Response:
        return self.call(
            "POST", "/token", auth=self.tenant.basic, json={"type": "consent_management", "scopes": scopes}
        )

    def bearer(self, token: str, method: str, path: str = "", **arguments: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", **arguments.pop("headers", {})}
        return self.call(method, f"/consent_management{path}", headers=headers, **arguments)

    def consents(self, token: str) -> list[dict[str, Any]]:
        answer = self.bearer(token, "GET")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found


def check_answer(answer: httpx.Response) -> None:
    """Check what every answer of the API has: JSON, not stored, an id; an error's exact members."""
    assert answer.headers["content-type"] == JSON
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert re.fullmatch(r"[0-9a-f]{20}", answer.headers["x-request-id"])
    assert "access-control-allow-origin" not in answer.headers
    assert "server" not in answer.headers
    if answer.status_code >= 400:
        body = answer.json()
        assert list(body) == ["error", "error_description"]
        assert re.fullmatch(r"[a-z_]+", body["error"])
        assert re.fullmatch(r"[ !#-\[\]-~]+\.", body["error_description"]), "R20"
        assert "Traceback" not in answer.text


def refused(answer: httpx.Response, status: int, code: str) -> None:
    """Check that an answer is this refusal."""
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text
