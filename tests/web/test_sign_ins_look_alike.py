"""Whoever fails to sign in learns nothing from it: neither who exists, nor what was wrong (R22)."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.conftest import make_tenant
from tests.serving import Service
from tests.web.calls import Api, check_answer, refused

ASKS: dict[str, Callable[[Api, tuple[str, str]], httpx.Response]] = {
    "request a token": lambda api, basic: api.call(
        "POST", "/token", auth=basic, json={"type": "consent_management", "scopes": "customer.modify_consent:anna"}
    ),
    "revoke a token": lambda api, basic: api.call("DELETE", f"/token/{'x' * 300}", auth=basic),
    "rotate": lambda api, basic: api.call(
        "POST", "/api_access_credentials", auth=basic, json={"name": "consent_management"}
    ),
}


def looks(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    headers = [(name, value) for name, value in answer.headers.multi_items() if name not in ("x-request-id", "date")]
    return answer.status_code, answer.content, headers


@pytest.fixture
async def expired(services: Services, super_connection: Any) -> Tenant:
    """An institution whose only secret has expired."""
    tenant = await make_tenant(services, f"expired-{time.time_ns()}")
    await super_connection.execute(
        "update consentry.credential_secrets set expires_at = consentry.now() where institution_id = $1",
        tenant.institution_id,
    )
    return tenant


@pytest.fixture
async def disabled(services: Services, super_connection: Any) -> Tenant:
    """An institution that is disabled."""
    tenant = await make_tenant(services, f"disabled-{time.time_ns()}")
    await super_connection.execute(
        "update consentry.institutions set status = 'disabled' where institution_id = $1", tenant.institution_id
    )
    return tenant


@pytest.mark.parametrize("ask", list(ASKS))
def test_every_failed_sign_in_looks_the_same(
    api: Api, other: Tenant, expired: Tenant, disabled: Tenant, ask: str
) -> None:
    failed = {
        "unknown client": ("nobody", api.tenant.client_secret),
        "wrong secret": (api.tenant.client_id, "cns_secret_0000000000000000000000000000000000"),
        "empty secret": (api.tenant.client_id, ""),
        "another one's secret": (api.tenant.client_id, other.client_secret),
        "another one's client": (other.client_id, api.tenant.client_secret),
        "expired secret": expired.basic,
        "disabled institution": disabled.basic,
        "long client": ("x" * 5_000, "x"),
        "long secret": (api.tenant.client_id, "x" * 5_000),
        "odd client": ("\u00e9\u4e16%00", "x"),
        "odd secret": (api.tenant.client_id, "%00%ff"),
    }
    answers = {kind: ASKS[ask](api, basic) for kind, basic in failed.items()}
    expected = looks(answers["unknown client"])
    refused(answers["unknown client"], 401, "invalid_client")
    assert expected[2].count(("www-authenticate", 'Basic realm="consentry"')) == 1
    for kind, answer in answers.items():
        assert looks(answer) == expected, kind


@pytest.mark.long
@pytest.mark.serial
@pytest.mark.parametrize("ask", list(ASKS))
def test_an_unknown_client_takes_as_long_as_a_wrong_secret(
    start: Callable[..., Service], client: httpx.Client, bku: Tenant, ask: str
) -> None:
    """A coarse check: the medians of interleaved requests differ by less than what the network hides."""
    service = start(CONSENTRY_WORKERS="1", CONSENTRY_FAILURES_PER_MINUTE="1000000", CONSENTRY_LOG_LEVEL="error")
    api = Api(client, service.base_url, bku)
    kinds = {
        "unknown": ("n" * len(bku.client_id), bku.client_secret),
        "wrong": (bku.client_id, bku.client_secret[::-1]),
    }
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for round_ in range(3_000):
        for kind, basic in kinds.items():
            began = time.perf_counter()
            answer = ASKS[ask](api, basic)
            if round_ >= 200:
                taken[kind].append(time.perf_counter() - began)
            check_answer(answer)
            assert answer.status_code == 401
    unknown, wrong = (statistics.median(taken[kind]) for kind in ("unknown", "wrong"))
    assert abs(unknown - wrong) < 0.25 * min(unknown, wrong), f"{unknown * 1000:.2f} ms against {wrong * 1000:.2f} ms"
