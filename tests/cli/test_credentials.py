"""`consentry credentials`: a secret is shown once, and works as long as it was said."""

import httpx

from consentry.domain.credential import is_secret
from tests.cli.commands import run
from tests.conftest import Database
from tests.serving import Service

BODY = {"type": "consent_management", "scopes": "customer.modify_consent:c-1"}


def test_the_life_of_credentials(database: Database, service: Service) -> None:
    """R42, R43."""
    settings = database.environment
    here = ("--institution", "bku", "--json")
    assert run(settings, "institution", "add", "bku", "--name", "Bank").code == 0
    assert run(settings, "credentials", "show", *here).refusal == "no_credentials"
    assert run(settings, "credentials", "rotate", *here).refusal == "no_credentials"

    first = run(settings, "credentials", "generate", *here).document
    assert first.keys() == {"client_id", "client_secret", "name", "created_at", "previous_secret_expires_at"}
    assert is_secret(first["client_secret"])
    assert run(settings, "credentials", "generate", *here).refusal == "credentials_exist"

    second = run(settings, "credentials", "rotate", "--overlap", "1h", *here).document
    assert second["client_id"] == first["client_id"]
    assert second["previous_secret_expires_at"] is not None

    with httpx.Client(base_url=service.base_url, timeout=60) as http:

        def asks(made: dict[str, str]) -> int:
            auth = (first["client_id"], made["client_secret"])
            return http.post("/api/v4/token", auth=auth, json=BODY).status_code

        assert [asks(first), asks(second)] == [200, 200]
        third = run(settings, "credentials", "rotate", "--at-once", *here).document
        assert [asks(first), asks(second), asks(third)] == [401, 401, 200]

        assert run(settings, "credentials", "leaked", *here).document["secrets_ended"] == 1
        assert asks(third) == 401
        fourth = run(settings, "credentials", "rotate", *here).document
        assert asks(fourth) == 200

    shown = run(settings, "credentials", "show", "--institution", "bku")
    for made in (first, second, third, fourth):
        assert made["client_secret"] not in shown.out + shown.err + service.logged()
        assert made["client_secret"][-4:] in shown.out


def test_a_secret_for_people_comes_with_the_warning_to_store_it(database: Database) -> None:
    assert run(database.environment, "institution", "add", "bku", "--name", "Bank").code == 0
    made = run(database.environment, "credentials", "generate", "--institution", "bku")
    assert made.code == 0
    client_id, secret = (line.split()[1] for line in made.out.splitlines())
    assert client_id
    assert is_secret(secret)
    assert "can't be shown again" in made.err


def test_two_ways_to_end_the_previous_secret_exclude_each_other(database: Database) -> None:
    both = run(database.environment, "credentials", "rotate", "--institution", "x", "--overlap", "1h", "--at-once")
    assert both.code == 2
    long = run(database.environment, "credentials", "rotate", "--institution", "bku", "--overlap", "31d", "--json")
    assert long.refusal == "unknown_institution"
