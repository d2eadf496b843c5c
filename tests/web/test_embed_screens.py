"""What a customer does on the dashboard, without script: every step is a form and is answered by a screen."""

import json
from typing import Any

import httpx
import pytest

from consentry.usecases.services import Services
from consentry.web.embed.languages import catalogue
from consentry.web.receipts.composing import SHARED_MESSAGES
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.serving import Service
from tests.web.calls import Api
from tests.web.screens import Dashboard, Screen

CHECKING, SAVINGS = ACCOUNTS[0]["account_id"], ACCOUNTS[1]["account_id"]


@pytest.fixture
def dashboard(service: Service, client: httpx.Client) -> Dashboard:
    return Dashboard(client, service.base_url)


@pytest.fixture
def first(api: Api, dashboard: Dashboard) -> Screen:
    return dashboard.open(api.token())


def consent(api: Api, consent_id: str) -> dict[str, Any]:
    return next(found for found in api.consents(api.token()) if found["id"] == consent_id)


def test_one_app_answers_who_what_since_when_and_until_when(dashboard: Dashboard, first: Screen) -> None:
    shown = dashboard.post("/embed/apps/_budget1", first.secret)
    assert (shown.answer.status_code, shown.name) == (200, "app")
    for said in ("Budget", "Everyday Checking", "1234", "Rainy Day", "14 June 2024", "until you stop it", "never"):
        assert said in shown.text, said
    assert "transactions" in shown.text.lower()
    assert "investment holdings" not in shown.text, "what was not granted is not shown"


def test_a_switch_acts_at_once_and_can_be_undone(api: Api, dashboard: Dashboard, first: Screen) -> None:
    shown = dashboard.post("/embed/apps/_budget1", first.secret)
    fields = next(f for f in shown.fields("/embed/apps/_budget1/accounts") if f["account"] == SAVINGS)
    assert fields["enabled"] == "true"
    switched = dashboard.post("/embed/apps/_budget1/accounts", fields.pop("session"), **fields)
    assert "Budget receives Rainy Day now." in switched.text
    assert [a["enabled"] for a in consent(api, "_budget1")["accounts"]] == [True, True, False]
    undo = switched.fields("/embed/apps/_budget1/accounts")[0]
    assert (undo["account"], undo["enabled"]) == (SAVINGS, "false")
    dashboard.post("/embed/apps/_budget1/accounts", undo.pop("session"), **undo)
    assert [a["enabled"] for a in consent(api, "_budget1")["accounts"]] == [True, False, False]


def test_the_last_account_asks_first_and_offers_to_stop(api: Api, dashboard: Dashboard, first: Screen) -> None:
    shown = dashboard.post("/embed/apps/_budget1", first.secret)
    fields = next(f for f in shown.fields("/embed/apps/_budget1/accounts") if f["account"] == CHECKING)
    asked = dashboard.post("/embed/apps/_budget1/accounts", fields.pop("session"), **fields)
    assert "Budget would get nothing" in asked.text
    assert "Stop sharing" in asked.text
    assert consent(api, "_budget1")["accounts"][0]["enabled"] is True
    confirmed = asked.fields("/embed/apps/_budget1/accounts")[0]
    dashboard.post("/embed/apps/_budget1/accounts", confirmed.pop("session"), **confirmed)
    assert consent(api, "_budget1")["accounts"][0]["enabled"] is False
    assert consent(api, "_budget1")["revoked_at"] is None


def test_new_accounts_are_shared_by_themselves_if_the_customer_says_so(
    api: Api, dashboard: Dashboard, first: Screen
) -> None:
    shown = dashboard.post("/embed/apps/_budget1", first.secret)
    (fields,) = shown.fields("/embed/apps/_budget1/new-accounts")
    dashboard.post("/embed/apps/_budget1/new-accounts", fields.pop("session"), **fields)
    assert consent(api, "_budget1")["auto_enable_future_accounts"] is True


def test_stopping_takes_two_steps_and_shows_the_list(api: Api, dashboard: Dashboard, first: Screen) -> None:
    asked = dashboard.post("/embed/apps/_budget1/stop", first.secret)
    assert asked.name == "stop"
    for said in ("Stop sharing", "Keep sharing", "may keep", "may stop working"):
        assert said in asked.text
    assert consent(api, "_budget1")["revoked_at"] is None
    (fields,) = asked.fields("/embed/apps/_budget1/stop/confirmed")
    done = dashboard.post("/embed/apps/_budget1/stop/confirmed", fields.pop("session"), **fields)
    assert done.name == "list"
    assert "You have stopped sharing with Budget" in done.text
    assert "Stopped by you" in done.text
    assert consent(api, "_budget1")["revoked_at"] is not None
    again = dashboard.post("/embed/apps/_budget1/stop/confirmed", first.secret, **fields)
    assert again.answer.status_code in (200, 412), "once more changes nothing"


def test_all_apps_are_stopped_together(api: Api, dashboard: Dashboard, first: Screen) -> None:
    asked = dashboard.post("/embed/stop-all", first.secret)
    assert "This stops 2 apps:" in asked.text
    done = dashboard.post("/embed/stop-all/confirmed", first.secret)
    assert "You have stopped sharing with 2 apps." in done.text
    assert all(found["revoked_at"] for found in api.consents(api.token()))


def test_an_app_that_is_not_recognised_is_stopped_and_the_bank_is_told(
    api: Api, dashboard: Dashboard, first: Screen
) -> None:
    assert dashboard.post("/embed/apps/_lender1/dispute", first.secret).name == "dispute"
    told = dashboard.post("/embed/apps/_lender1/dispute/confirmed", first.secret)
    assert "call" in told.text
    assert consent(api, "_lender1")["revoked_at"] is not None


def test_a_change_of_another_window_is_shown_and_not_overwritten(api: Api, dashboard: Dashboard, first: Screen) -> None:
    """`If-Match`, as a form has it."""
    stale = dashboard.post("/embed/apps/_budget1", first.secret)
    dashboard.post("/embed/apps/_budget1/accounts", first.secret, account=SAVINGS, enabled="true")
    fields = next(f for f in stale.fields("/embed/apps/_budget1/accounts") if f["account"] == ACCOUNTS[2]["account_id"])
    answer = dashboard.post("/embed/apps/_budget1/accounts", fields.pop("session"), **fields)
    assert (answer.answer.status_code, answer.name) == (412, "app")
    assert "changed in another window" in answer.text
    assert [a["enabled"] for a in consent(api, "_budget1")["accounts"]] == [True, True, False]


def test_receipts_are_downloaded_in_both_forms(dashboard: Dashboard, first: Screen) -> None:
    pdf = dashboard.post("/embed/apps/_budget1/receipt.pdf", first.secret).answer
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")
    assert pdf.headers["content-disposition"].startswith("attachment;")
    signed = dashboard.post("/embed/apps/_budget1/receipt.json", first.secret).answer
    assert signed.headers["content-type"].startswith("application/json")
    assert "jws" in json.loads(signed.content)


def test_the_history_tells_what_was_done_and_by_whom(dashboard: Dashboard, first: Screen) -> None:
    dashboard.post("/embed/apps/_budget1/accounts", first.secret, account=SAVINGS, enabled="true")
    shown = dashboard.post("/embed/apps/_budget1", first.secret)
    assert "Rainy Day was shared" in shown.text
    assert "by you" in shown.text


async def test_other_customers_and_institutions_apps_are_not_there(
    dashboard: Dashboard, first: Screen, services: Services, bku: Tenant, other: Tenant
) -> None:
    """R90."""
    await add_customer(services.session, bku, "cust-2")
    await add_consent(services.session, bku, "cust-2", "budget", "_theirs")
    await add_customer(services.session, other, "cust-1")
    await add_consent(services.session, other, "cust-1", "budget", "_foreign")
    for strange in ("_theirs", "_foreign", "_nothing", "_a%00b"):
        for step in ("", "/stop", "/stop/confirmed", "/dispute/confirmed", "/receipt.pdf"):
            answer = dashboard.post(f"/embed/apps/{strange}{step}", first.secret)
            assert answer.answer.status_code == 404, (strange, step)
            assert "not on your list" in answer.text


async def test_names_of_apps_and_accounts_are_text(
    api: Api, dashboard: Dashboard, services: Services, bku: Tenant, super_connection: Any
) -> None:
    """R83."""
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}%(app)s"
    await super_connection.execute(
        "update consentry.applications set name = $1 where institution_id = $2", evil, bku.institution_id
    )
    first = dashboard.open(api.token())
    for path in ("/embed/apps", "/embed/apps/_budget1", "/embed/apps/_budget1/stop", "/embed/stop-all"):
        answer = dashboard.post(path, first.secret)
        assert answer.answer.status_code == 200
        assert "<script>alert" not in answer.answer.text
        assert "<img src=x" not in answer.answer.text
        assert evil in answer.text


@pytest.mark.parametrize(
    ("path", "locale", "said"),
    [("/embed/apps", "es", "Sus aplicaciones conectadas"), ("/embed/apps", "fr", "Vos applications connectées")],
)
def test_it_speaks_spanish_and_french(api: Api, dashboard: Dashboard, path: str, locale: str, said: str) -> None:
    address = f"{dashboard.base_url}/embed/authorizations?locale={locale}"
    opened = Screen(dashboard.client.post(address, data={"access_token": api.token()}))
    assert said in dashboard.post(path, opened.secret).text
    accepted = {"Accept-Language": f"{locale}-XX, en;q=0.5"}
    answer = Screen(
        dashboard.client.post(
            f"{dashboard.base_url}/embed/authorizations", data={"access_token": api.token()}, headers=accepted
        )
    )
    assert said in answer.text


@pytest.mark.parametrize("language", ["es", "fr"])
def test_receipts_share_the_dashboards_words(language: str) -> None:
    assert [message for message in SHARED_MESSAGES if message not in catalogue(language)] == []


async def test_a_name_turns_no_sentence_around(
    dashboard: Dashboard, api: Api, bku: Tenant, super_connection: Any
) -> None:
    """R83: controls of direction and the like are left out of names."""
    await super_connection.execute(
        "update consentry.applications set name = $1 where institution_id = $2",
        "\u202eknaB\u2066 eurT\x07",
        bku.institution_id,
    )
    first = dashboard.open(api.token())
    for path in (
        "/embed/apps",
        "/embed/apps/_budget1",
        "/embed/apps/_budget1/stop",
        "/embed/apps/_budget1/stop/confirmed",
    ):
        shown = dashboard.post(path, first.secret)
        assert "knaB eurT" in shown.text
        assert not {"\u202e", "\u2066", "\x07"} & set(shown.text)


async def test_a_customer_without_apps_is_told_so(
    dashboard: Dashboard, api: Api, services: Services, bku: Tenant
) -> None:
    assert "No connected apps" in dashboard.open(api.token("nobody-yet")).text
