"""The calls of MX's public reference pages, made by curl itself with the options those pages use.

Only the base address, the credentials and the ids are this service's own.
"""

import base64
import json
import subprocess
from typing import Any

import pytest

from consentry.usecases.services import Services
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.serving import Service


def curl(method: str, url: str, *headers: str, data: str | None = None) -> Any:
    command = ["curl", "--silent", "--show-error", "--fail-with-body", "-L", "-g", "-X", method, url]
    for header in ("Accept: application/json", *headers):
        command += ["-H", header]
    if data is not None:
        command += ["-H", "Content-Type: application/json", "--data-raw", data]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture
async def customer(services: Services, bku: Tenant) -> str:
    await add_customer(services.session, bku, "fN7SsIMfJvJJcNjKBmB6Kg")
    await add_consent(services.session, bku, "fN7SsIMfJvJJcNjKBmB6Kg", "budget", "_aB3")
    return "fN7SsIMfJvJJcNjKBmB6Kg"


def test_the_documented_calls_work_unchanged(service: Service, bku: Tenant, customer: str) -> None:
    api = f"{service.base_url}/api/v4"
    basic = "Authorization: Basic " + base64.b64encode(":".join(bku.basic).encode()).decode()
    scopes = f"customer.modify_consent:{customer}"
    body = json.dumps({"type": "consent_management", "scopes": scopes}, separators=(",", ":"))
    token = curl("POST", f"{api}/token", basic, data=body)["access_token"]
    bearer = f"Authorization: Bearer {token}"
    (consent,) = curl("GET", f"{api}/consent_management", bearer)
    assert consent["id"] == "_aB3"
    account = consent["accounts"][1]["account_id"]
    assert account == ACCOUNTS[1]["account_id"]
    one = f"{api}/consent_management/{consent['id']}"
    changed = curl("PUT", f"{one}/accounts/{account}", bearer, data='{"enabled":true}')
    assert changed["accounts"][1]["enabled"] is True
    changed = curl("PUT", f"{one}/accounts", bearer, data='{"automatic_access":true}')
    assert changed["auto_enable_future_accounts"] is True
    assert curl("PUT", f"{one}/disable_app_sharing", bearer)["revoked_at"]
    revoked = curl("DELETE", f"{api}/token/{token}", basic)
    assert revoked["tokenable_type"] == "Institution"
    rotated = curl("POST", f"{api}/api_access_credentials", basic, data='{"name":"consent_management"}')
    assert rotated["client_id"] == bku.client_id
