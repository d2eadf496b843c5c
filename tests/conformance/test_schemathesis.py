"""The OpenAPI document and the service agree, asked thousands of ways that nobody wrote down.

Schemathesis reads the document that the running service serves, makes requests from it, right and wrong ones, and
checks each answer: no fault of ours, no status, header, media type or member that the document does not promise.
"""

import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from consentry.usecases.services import Services
from consentry.web.consent_api.operations import Operation
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.serving import Service

QUICK = {"seed": 1, "max-examples": 100}
"""The same requests each time, however long they take."""
LONG = {"max-time": 240}
LONG_RUNS = 4
LIVE = tuple(f"_live{number}" for number in range(200))

CONFIG = """
[auth.openapi.credentials]
username = "{client_id}"
password = "{client_secret}"

[auth.openapi.token]
bearer = "{token}"

[dictionaries.consents]
values = {consents}

[dictionaries.accounts]
values = {accounts}

[dictionaries.scopes]
values = ["customer.modify_consent:anna", "customer.modify_consent:a:b"]

[dictionaries.tokens]
values = ["{spare}"]

[parameters]
"path.token" = {{ dictionary = "tokens", probability = 0.3 }}
"path.ConsentPublicId" = {{ dictionary = "consents", probability = 0.7 }}
"path.AccountId" = {{ dictionary = "accounts", probability = 0.7 }}

[checks.positive_data_acceptance]
# Well-formed requests may be refused for what they name, or for how things stand.
expected-statuses = [200, 401, 403, 404, 409, 412, 429]

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 412, 413, 415, 429]

[checks.missing_required_header]
expected-statuses = [400, 401, 403, 415]
"""


@pytest.fixture
async def customer(services: Services, bku: Tenant) -> str:
    """A customer with many live consents, for each can be stopped once only, and an ended one."""
    await add_customer(services.session, bku, "anna")
    for consent_id in LIVE:
        await add_consent(services.session, bku, "anna", "budget", consent_id)
    ended = {"revoked_at": datetime.now(UTC), "revoked_by": "customer", "revocation_reason": "user_action"}
    await add_consent(services.session, bku, "anna", "lender", "_ended", **ended)
    return "anna"


def token(service: Service, tenant: Tenant, customer: str) -> str:
    answer = httpx.post(
        f"{service.base_url}/api/v4/token",
        auth=tenant.basic,
        json={"type": "consent_management", "scopes": f"customer.modify_consent:{customer}"},
        timeout=60,
    )
    return str(answer.json()["access_token"])


def run(service: Service, tenant: Tenant, customer: str, folder: Path, how_much: dict[str, int]) -> str:
    """Run it against the service; give what it said, or fail with it."""
    config = folder / "schemathesis.toml"
    config.write_text(
        CONFIG.format(
            client_id=tenant.client_id,
            client_secret=tenant.client_secret,
            token=token(service, tenant, customer),
            spare=token(service, tenant, customer),
            consents=json.dumps([*LIVE, "_ended"]),
            accounts=json.dumps([account["account_id"] for account in ACCOUNTS]),
        )
    )
    options = {"checks": "all", "request-timeout": 60, "output-truncate": "false", "generation-database": "none"}
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "--config-file", config),
            *("run", f"{service.base_url}/openapi/consent-api.json", "--url", service.base_url),
            *("--continue-on-failure", *(f"--{name}={value}" for name, value in {**options, **how_much}.items())),
        ],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "160"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def succeeded(service: Service) -> set[str]:
    """Give the operations that were answered with 200 at least once."""
    metrics = httpx.get(f"{service.base_url}/metrics", timeout=60).text
    counted = r'consentry_request_seconds_count\{error="",operation="(\w+)",status="200"\} ([0-9.]+)'
    return {operation for operation, count in re.findall(counted, metrics) if float(count) > 0}


def test_the_service_keeps_to_its_document(service: Service, bku: Tenant, customer: str, tmp_path: Path) -> None:
    said = run(service, bku, customer, tmp_path, QUICK)
    assert "Tested: 11" in said
    # It got through to what each operation does, not only to refusals.
    deadline = time.monotonic() + 60
    while succeeded(service) < {operation.value for operation in Operation}:
        assert time.monotonic() < deadline, succeeded(service)


@pytest.mark.long
def test_it_keeps_to_it_for_long(service: Service, bku: Tenant, customer: str, tmp_path: Path) -> None:
    """A token lives five minutes, so it takes several runs."""
    for number in range(LONG_RUNS):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert "Tested: 11" in run(service, bku, customer, folder, LONG)
