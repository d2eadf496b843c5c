"""An app that the bank has stopped, as its customers see it: it says so, and what they decide is theirs as before."""

from typing import Any

import httpx
import pytest

from tests.builders import ACCOUNTS, Tenant
from tests.serving import Service
from tests.web.calls import Api
from tests.web.screens import Dashboard, Screen

SAVINGS = ACCOUNTS[1]["account_id"]
SAID = "Your bank has paused this app's access"


@pytest.fixture
def dashboard(service: Service, client: httpx.Client) -> Dashboard:
    return Dashboard(client, service.base_url)


async def stop(connection: Any, tenant: Tenant, *, status: str = "disabled") -> None:
    await connection.execute(
        "update consentry.applications set status = $1 where institution_id = $2 and application_id = 'budget'",
        status,
        tenant.institution_id,
    )


@pytest.mark.parametrize("status", ["disabled", "needs_review"])
async def test_a_customer_is_told_of_a_stopped_app_on_the_list_and_on_its_screen(
    api: Api, dashboard: Dashboard, bku: Tenant, super_connection: Any, status: str
) -> None:
    await stop(super_connection, bku, status=status)
    first = dashboard.open(api.token())
    assert first.text.count("Paused by your bank") == 1
    shown = dashboard.post("/embed/apps/_budget1", first.secret)
    assert SAID in shown.text
    assert "Paused by your bank" in shown.text
    assert SAID not in dashboard.post("/embed/apps/_lender1", first.secret).text


async def test_an_app_whose_intermediary_is_stopped_is_told_as_stopped(
    api: Api, dashboard: Dashboard, bku: Tenant, super_connection: Any
) -> None:
    await super_connection.execute(
        """insert into consentry.intermediaries (institution_id, intermediary_id, name, status)
           values ($1, 'agg', 'Aggregator', 'disabled')""",
        bku.institution_id,
    )
    await super_connection.execute(
        """update consentry.applications set intermediary_id = 'agg'
           where institution_id = $1 and application_id = 'budget'""",
        bku.institution_id,
    )
    first = dashboard.open(api.token())
    assert first.text.count("Paused by your bank") == 1
    assert SAID in dashboard.post("/embed/apps/_budget1", first.secret).text


async def test_the_consents_of_a_stopped_app_stay_and_can_be_changed_and_stopped(
    api: Api, dashboard: Dashboard, bku: Tenant, super_connection: Any
) -> None:
    await stop(super_connection, bku)
    first = dashboard.open(api.token())
    shown = dashboard.post("/embed/apps/_budget1", first.secret)
    fields = next(f for f in shown.fields("/embed/apps/_budget1/accounts") if f["account"] == SAVINGS)
    switched = dashboard.post("/embed/apps/_budget1/accounts", fields.pop("session"), **fields)
    assert "Budget receives Rainy Day now." in switched.text
    asked = dashboard.post("/embed/apps/_budget1/stop", first.secret)
    (confirm,) = asked.fields("/embed/apps/_budget1/stop/confirmed")
    done = dashboard.post("/embed/apps/_budget1/stop/confirmed", confirm.pop("session"), **confirm)
    assert "You have stopped sharing with Budget" in done.text
    ended = dashboard.post("/embed/apps/_budget1", first.secret)
    assert "Stopped by you" in ended.text
    assert SAID not in ended.text, "what the customer has ended, nobody else has paused"


async def test_the_api_says_of_a_stopped_app_what_it_said_before(api: Api, bku: Tenant, super_connection: Any) -> None:
    before = api.consents(api.token())
    await stop(super_connection, bku)
    assert api.consents(api.token()) == before


@pytest.mark.parametrize(("locale", "said"), [("es", "Pausada por su banco"), ("fr", "Mise en pause par votre banque")])
async def test_it_is_said_in_the_customers_language(
    api: Api, dashboard: Dashboard, bku: Tenant, super_connection: Any, locale: str, said: str
) -> None:
    await stop(super_connection, bku)
    address = f"{dashboard.base_url}/embed/authorizations?locale={locale}"
    assert said in Screen(dashboard.client.post(address, data={"access_token": api.token()})).text
