"""`consentry institution`: each change is in force when the command ends, and in the audit."""

import asyncpg
import httpx

from tests.builders import Tenant
from tests.cli.commands import run
from tests.conftest import Database
from tests.serving import Service

BODY = {"type": "consent_management", "scopes": "customer.modify_consent:c-1"}


def test_an_institution_is_added_once(database: Database) -> None:
    added = run(database.environment, "institution", "add", "bku", "--name", "Bank of Example", "--json").document
    assert added == {
        "id": "bku",
        "name": "Bank of Example",
        "host": None,
        "status": "enabled",
        "secret_overlap_seconds": 86400,
        "created_at": added["created_at"],
    }
    for taken in ("bku", "BKU"):
        again = run(database.environment, "institution", "add", taken, "--name", "Another", "--json")
        assert (again.code, again.refusal) == (1, "institution_exists")
    bad = run(database.environment, "institution", "add", "no id", "--name", "Another", "--json")
    assert (bad.code, bad.refusal) == (1, "invalid_institution")
    assert run(database.environment, "institution", "list", "--json").document == [added]
    assert "Bank of Example" in run(database.environment, "institution", "list").out


def test_a_disabled_institution_is_refused_from_that_moment_and_served_again_when_enabled(
    database: Database, bku: Tenant, other: Tenant, service: Service
) -> None:
    with httpx.Client(base_url=service.base_url, timeout=60) as http:
        token = http.post("/api/v4/token", auth=bku.basic, json=BODY).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        assert http.get("/api/v4/consent_management", headers=bearer).status_code == 200

        assert run(database.environment, "institution", "disable", "bku", "--json").document["status"] == "disabled"
        assert http.post("/api/v4/token", auth=bku.basic, json=BODY).status_code == 401
        assert http.get("/api/v4/consent_management", headers=bearer).status_code == 401
        assert http.post("/api/v4/token", auth=other.basic, json=BODY).status_code == 200

        assert run(database.environment, "institution", "enable", "bku", "--json").document["status"] == "enabled"
        assert http.post("/api/v4/token", auth=bku.basic, json=BODY).status_code == 200


async def test_host_and_overlap_are_checked_changed_and_recorded_once(
    database: Database, bku: Tenant, other: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    settings = database.environment
    changed = run(settings, "institution", "set-host", "bku", "Consents.BKU.example", "--json").document
    assert changed["host"] == "consents.bku.example"
    taken = run(settings, "institution", "set-host", "other", "consents.bku.example", "--json")
    assert taken.refusal == "institution_exists"
    assert run(settings, "institution", "set-host", "bku", "host:80", "--json").refusal == "invalid_institution"
    assert run(settings, "institution", "set-overlap", "bku", "2h", "--json").document["secret_overlap_seconds"] == 7200
    assert run(settings, "institution", "set-overlap", "bku", "2h", "--json").code == 0
    assert run(settings, "institution", "set-overlap", "bku", "31d", "--json").refusal == "invalid_institution"
    assert run(settings, "institution", "set-host", "bku", "--json").document["host"] is None
    recorded = await super_connection.fetch(
        """select actor_kind, actor_id is not null, after::json->>'host', after::json->>'secret_overlap_seconds'
           from consentry.audit_entries where action = 'institution.changed' order by entry_id"""
    )
    assert [tuple(row) for row in recorded] == [
        ("operator", True, "consents.bku.example", "86400"),
        ("operator", True, "consents.bku.example", "7200"),
        ("operator", True, None, "7200"),
    ]
