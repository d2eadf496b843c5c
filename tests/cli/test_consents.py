"""`consentry consents`: an operator sees what a customer shares, and that they looked is recorded."""

import asyncpg

from consentry.usecases.consent.dispute import dispute
from consentry.usecases.services import Services
from tests.builders import Tenant, add_consent, add_customer
from tests.cli.commands import run
from tests.conftest import Database
from tests.records.asking import about, token_of


async def test_a_customers_consents_are_listed_and_the_look_is_recorded(
    database: Database, services: Services, bku: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await add_customer(services.session, bku, "c-1")
    await add_consent(services.session, bku, "c-1", "budget", "_1")
    here = ("consents", "list", "--institution", "bku", "--customer")
    (consent,) = run(database.environment, *here, "c-1", "--json").document
    assert (consent["id"], consent["status"], consent["application_name"]) == ("_1", "active", "Budget")
    assert [account["enabled"] for account in consent["accounts"]] == [True, False, False]
    assert "Everyday Checking" in run(database.environment, *here, "c-1").out
    assert run(database.environment, *here, "nobody", "--json").document == []
    assert run(database.environment, *here, "two words", "--json").refusal == "invalid_scope"
    looked = await super_connection.fetch(
        "select subject_id from consentry.audit_entries where action = 'consents.listed' order by entry_id"
    )
    assert [row[0] for row in looked] == ["c-1", "c-1", "nobody"]


async def test_the_history_of_a_consent_names_who_acted_and_the_look_is_recorded(
    database: Database, services: Services, bku: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await add_customer(services.session, bku, "c-1")
    await add_consent(services.session, bku, "c-1", "budget", "_1")
    await dispute(services.changes, about(await token_of(services, bku, "c-1"), "_1", request_id="r77"))
    here = ("consents", "history", "--institution", "bku", "--consent")
    told = run(database.environment, *here, "_1", "--json").document
    assert (told["consent"], told["customer"]) == ("_1", "c-1")
    assert [entry["kind"] for entry in told["entries"]] == ["disputed", "stopped", "consented"]
    assert told["entries"][1]["recorded"]["request_id"] == "r77"
    shown = run(database.environment, *here, "_1").out
    assert "customer c-1" in shown
    assert "not_recognised" in shown
    assert run(database.environment, *here, "_2", "--json").refusal == "unknown_consent"
    looked = await super_connection.fetch(
        "select subject_id from consentry.audit_entries where action = 'consents.looked_at'"
    )
    assert [row[0] for row in looked] == ["_1", "_1"]
