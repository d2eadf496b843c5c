"""What operators ask of a running service, and what stands beside the API."""

import time
from pathlib import Path

import httpx
import pytest

from tests.conftest import Database
from tests.serving import Service, start_service


def test_a_running_service_is_alive_and_ready(service: Service) -> None:
    """R139."""
    assert httpx.get(f"{service.base_url}/live", timeout=60).json() == {"status": "alive"}
    assert httpx.get(f"{service.base_url}/ready", timeout=60).json() == {"status": "ready"}


def counted(service: Service) -> float:
    metrics = httpx.get(f"{service.base_url}/metrics", timeout=60).text
    wanted = 'consentry_request_seconds_count{error="missing_token",operation="list_consents",status="401"} '
    return next((float(line.removeprefix(wanted)) for line in metrics.splitlines() if line.startswith(wanted)), 0.0)


def test_metrics_count_requests_by_operation_status_and_code_over_all_workers(service: Service) -> None:
    """R139: what other workers counted is told after a second or two."""
    ends = time.monotonic() + 60
    before = counted(service)
    for _ in range(20):
        httpx.get(f"{service.base_url}/api/v4/consent_management", timeout=60)
    while counted(service) < before + 20 and time.monotonic() < ends:
        time.sleep(0.05)
    assert counted(service) >= before + 20


@pytest.mark.parametrize("path", ["/", "/nothing", "/live/", "/docs/assets/..%2fpage.py", "/openapi/other.json"])
def test_paths_that_lead_nowhere_say_so_in_json(service: Service, path: str) -> None:
    answer = httpx.get(service.base_url + path, timeout=60)
    assert answer.status_code == 404
    assert answer.json()["error"] == "not_found"
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


def test_a_wrong_method_beside_the_api_is_told_the_right_one(service: Service) -> None:
    answer = httpx.post(f"{service.base_url}/live", timeout=60)
    assert (answer.status_code, answer.json()["error"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


def test_whom_to_tell_of_a_vulnerability_is_told_where_it_is_set(
    shared_database: Database, service: Service, tmp_path: Path
) -> None:
    """R145: security.txt (RFC 9116)."""
    assert httpx.get(f"{service.base_url}/.well-known/security.txt", timeout=60).status_code == 404
    settings = {
        "CONSENTRY_DATA_DIR": str(tmp_path),
        "CONSENTRY_WORKERS": "1",
        "CONSENTRY_SECURITY_CONTACT": "mailto:security@bank.example",
        "CONSENTRY_SECURITY_EXPIRES": "2099-11-30",
    }
    told = start_service({**shared_database.environment, **settings})
    try:
        answer = httpx.get(f"{told.base_url}/.well-known/security.txt", timeout=60)
    finally:
        told.stop()
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == "Contact: mailto:security@bank.example\nExpires: 2099-11-30T00:00:00Z\n"
