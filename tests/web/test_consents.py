"""Consents over the wire (consent-api.md, Consents)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from consentry.usecases.services import Services
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.web.calls import Api, refused

CHECKING, SAVINGS, CARD = (quote(account["account_id"], safe="") for account in ACCOUNTS)
Connection = Any


def test_the_list_has_exactly_the_members_of_version_4(api: Api) -> None:
    lender, budget = sorted(api.consents(api.token()), key=lambda one: str(one["id"]), reverse=True)
    assert budget == {
        "id": "_budget1",
        "application_name": "Budget",
        "application_icon_url": "https://icons.example/budget.png",
        "created_at": "2024-06-14T19:48:18.354Z",
        "last_accessed": None,
        "accounts": [{"enabled": n == 0, **account} for n, account in enumerate(ACCOUNTS)],
        "auto_enable_future_accounts": False,
        "consented_on": "2024-06-14T19:48:18.354Z",
        "revoked_at": None,
    }
    assert list(budget) == [
        "id", "application_name", "application_icon_url", "created_at", "last_accessed", "accounts",
        "auto_enable_future_accounts", "consented_on", "revoked_at",
    ]  # fmt: skip
    assert all(account["enabled"] for account in lender["accounts"])


def test_version_6_adds_its_members_and_version_5_is_another_name_for_it(api: Api) -> None:
    token = api.token()
    v5, v6 = (Api(api.client, api.base_url, api.tenant, version).consents(token) for version in ("v5", "v6"))
    assert v5 == v6
    assert set(v6[0]) - set(api.consents(token)[0]) == {
        "status", "expires_at", "intermediary_name", "data_clusters", "revoked_by", "revocation_reason", "etag",
    }  # fmt: skip
    assert v6[0]["status"] == "active"
    assert v6[0]["data_clusters"] == ["ACCOUNT_BASIC", "TRANSACTIONS"]


@pytest.mark.parametrize("version", ["v1", "v7", "V4", "4", "", "v4.0"])
def test_another_version_is_unknown(api: Api, version: str) -> None:
    answer = Api(api.client, api.base_url, api.tenant, version or "%20").call("GET", "/consent_management")
    refused(answer, 404, "unknown_version")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/token", "POST"),
        ("PUT", "/token", "POST"),
        ("GET", "/token/abc", "DELETE"),
        ("GET", "/api_access_credentials", "POST"),
        ("POST", "/consent_management", "GET"),
        ("HEAD", "/consent_management", "GET"),
        ("OPTIONS", "/consent_management", "GET"),
        ("DELETE", "/consent_management/_c", "GET"),
        ("GET", "/consent_management/_c/accounts", "PUT"),
        ("PATCH", "/consent_management/_c/accounts/a", "PUT"),
        ("POST", "/consent_management/_c/disable_app_sharing", "PUT"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(api: Api, method: str, path: str, allow: str) -> None:
    answer = api.client.request(method, f"{api.base_url}/api/v4{path}")
    assert answer.status_code == 405
    assert answer.headers["allow"] == allow


@pytest.mark.parametrize(
    "path", ["", "/", "/tokens", "/token/", "/consent_management/", "/consent_management/_c/other"]
)
def test_other_paths_lead_nowhere(api: Api, path: str) -> None:
    refused(api.call("GET", path), 404, "not_found")


def test_an_account_is_switched_off_and_on_whatever_its_id(api: Api) -> None:
    token = api.token()
    for n, account in enumerate((CHECKING, SAVINGS, CARD)):
        for enabled in (n != 0, n == 0):
            answer = api.bearer(token, "PUT", f"/_budget1/accounts/{account}", json={"enabled": enabled})
            assert answer.status_code == 200
            assert answer.json()["accounts"][n]["enabled"] is enabled
            assert answer.json() in api.consents(token)


def test_an_account_id_is_all_that_follows_accounts_decoded_once(api: Api) -> None:
    """R95."""
    token = api.token()
    raw = ACCOUNTS[2]["account_id"]
    assert api.bearer(token, "PUT", f"/_budget1/accounts/{raw}", json={"enabled": True}).status_code == 200
    twice = quote(CARD, safe="")
    refused(api.bearer(token, "PUT", f"/_budget1/accounts/{twice}", json={"enabled": True}), 404, "unknown_account")


async def test_an_account_id_may_begin_with_a_slash_written_as_it_is(api: Api, services: Services, bku: Tenant) -> None:
    """R95: everything after `/accounts/` is the id."""
    account = {"account_id": "/odd//id", "nickname": "Odd", "account_number_display": "XXXXXXXX0000"}
    await add_customer(services.session, bku, "cust-odd", accounts=[account])
    await add_consent(services.session, bku, "cust-odd", "budget", "_odd", shared_accounts="[]")
    answer = api.bearer(api.token("cust-odd"), "PUT", "/_odd/accounts//odd//id", json={"enabled": True})
    assert answer.status_code == 200
    assert answer.json()["accounts"][0]["enabled"] is True


@pytest.mark.parametrize("body", [{"enabled": "true"}, {"enabled": 1}, {"enabled": None}, {}, [], {"Enabled": True}])
def test_enabled_must_be_true_or_false(api: Api, body: object) -> None:
    answer = api.bearer(api.token(), "PUT", f"/_budget1/accounts/{CHECKING}", json=body)
    refused(answer, 400, "invalid_request")


@pytest.mark.parametrize("body", [{"automatic_access": "true"}, {"automatic_access": 0}, {"enabled": True}])
def test_automatic_access_must_be_true_or_false(api: Api, body: object) -> None:
    refused(api.bearer(api.token(), "PUT", "/_budget1/accounts", json=body), 400, "invalid_request")


def test_auto_share_is_set_and_switches_no_account(api: Api) -> None:
    token = api.token()
    before = next(one for one in api.consents(token) if one["id"] == "_budget1")
    answer = api.bearer(token, "PUT", "/_budget1/accounts", json={"automatic_access": True})
    assert answer.json() == {**before, "auto_enable_future_accounts": True}


def test_stopping_is_for_good(api: Api) -> None:
    token = api.token()
    stopped = api.bearer(token, "PUT", "/_budget1/disable_app_sharing")
    assert stopped.status_code == 200
    assert stopped.json()["revoked_at"] is not None
    assert api.bearer(token, "PUT", "/_budget1/disable_app_sharing").json() == stopped.json()
    for path, body in ((f"/accounts/{CHECKING}", {"enabled": False}), ("/accounts", {"automatic_access": True})):
        refused(api.bearer(token, "PUT", f"/_budget1{path}", json=body), 409, "consent_not_active")


def test_a_body_where_none_is_expected_is_no_error(api: Api) -> None:
    answer = api.bearer(api.token(), "PUT", "/_budget1/disable_app_sharing", content=b"ignored")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/_nobodys/accounts/x", "unknown_consent"),
        ("/_nobodys/disable_app_sharing", "unknown_consent"),
        (f"/{'_' + 'x' * 70}/disable_app_sharing", "unknown_consent"),
        ("/_budget1%00/disable_app_sharing", "unknown_consent"),
        ("/_budget1/accounts/nobodys", "unknown_account"),
        ("/_budget1/accounts/%00", "unknown_account"),
        ("/_budget1/accounts/%ff", "unknown_account"),
    ],
)
def test_what_is_not_the_customers_is_unknown(api: Api, path: str, code: str) -> None:
    refused(api.bearer(api.token(), "PUT", path, json={"enabled": True}), 404, code)


def test_who_bears_no_token_learns_nothing_of_any_path(api: Api) -> None:
    for consent_id in ("_budget1", "_" + "x" * 70, "%C3%A9"):
        refused(api.call("GET", f"/consent_management/{consent_id}"), 401, "invalid_token")


async def test_another_customers_consent_is_as_unknown_as_none(api: Api, services: Services, bku: Tenant) -> None:
    """R90."""
    await add_customer(services.session, bku, "cust-2")
    await add_consent(services.session, bku, "cust-2", "budget", "_theirs")
    token = api.token()
    theirs, nobodys = (
        api.bearer(token, "PUT", f"/{consent}/disable_app_sharing") for consent in ("_theirs", "_nobodys")
    )
    refused(theirs, 404, "unknown_consent")
    assert theirs.content == nobodys.content
    assert api.bearer(token, "GET", "/_theirs").content == api.bearer(token, "GET", "/_nobodys").content


def test_one_consent_is_answered_with_its_etag(api: Api) -> None:
    token = api.token()
    answer = api.bearer(token, "GET", "/_budget1")
    assert answer.json() in api.consents(token)
    v6 = Api(api.client, api.base_url, api.tenant, "v6").consents(token)
    assert answer.headers["etag"] in {one["etag"] for one in v6}


def test_a_stale_etag_changes_nothing(api: Api) -> None:
    token = api.token()
    etag = api.bearer(token, "GET", "/_budget1").headers["etag"]
    changed = api.bearer(
        token, "PUT", f"/_budget1/accounts/{SAVINGS}", json={"enabled": True}, headers={"If-Match": etag}
    )
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag
    before = api.consents(token)
    for path, body in (
        (f"/accounts/{CARD}", {"enabled": True}),
        ("/accounts", {"automatic_access": True}),
        ("/disable_app_sharing", {}),
    ):
        refused(api.bearer(token, "PUT", f"/_budget1{path}", json=body, headers={"If-Match": etag}), 412, "stale_etag")
    assert api.consents(token) == before
    current = changed.headers["etag"]
    answer = api.bearer(token, "PUT", "/_budget1/disable_app_sharing", headers={"If-Match": f'"0.0", {current}'})
    assert answer.status_code == 200


@pytest.mark.parametrize("header", ["", ",", ", ,"])
def test_a_condition_that_names_no_etag_is_met_by_none(api: Api, header: str) -> None:
    token = api.token()
    answer = api.bearer(token, "PUT", "/_budget1/disable_app_sharing", headers={"If-Match": header})
    refused(answer, 412, "stale_etag")


async def test_one_change_is_one_version_one_history_row_one_audit_entry_and_one_event(
    api: Api, super_connection: Connection
) -> None:
    """R129."""
    token = api.token()
    for _ in range(2):  # the second time nothing changes, and nothing is recorded
        answer = api.bearer(token, "PUT", f"/_budget1/accounts/{SAVINGS}", json={"enabled": True})
        assert answer.status_code == 200
    api.bearer(token, "PUT", "/_budget1/disable_app_sharing")
    mine = api.tenant.institution_id
    history = await super_connection.fetch(
        "select * from consentry.consent_changes where institution_id = $1 order by version", mine
    )
    audit = await super_connection.fetch(
        """select * from consentry.audit_entries
           where institution_id = $1 and subject_kind = 'consent' order by entry_id""",
        mine,
    )
    events = await super_connection.fetch(
        "select * from consentry.events where institution_id = $1 order by event_id", mine
    )
    assert [(row["version"], row["kind"]) for row in history] == [(2, "account_shared"), (3, "revoked")]
    assert [row["action"] for row in audit] == ["consent.account_shared", "consent.revoked"]
    assert [row["kind"] for row in events] == ["CONSENT_UPDATED", "CONSENT_REVOKED"]
    for row in audit:
        assert (row["actor_kind"], row["actor_id"], row["source"]) == ("customer", "cust-1", "127.0.0.1")
        assert row["request_id"]
    assert json.loads(audit[0]["before"]) == {"account_id": "ACT-2:savings", "enabled": False}


async def test_consents_come_newest_first_and_an_app_once_in_version_4(
    api: Api, services: Services, bku: Tenant
) -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    expiry = datetime(2025, 6, 1, tzinfo=UTC)
    for day, (consent_id, ended) in enumerate({"_old": True, "_live": False, "_new": True}.items()):
        await add_consent(
            services.session, bku, "cust-1", "tax", consent_id,
            consented_on=start + timedelta(days=day), expires_at=expiry if ended else None,
        )  # fmt: skip
    await add_consent(services.session, bku, "cust-1", "rent", "_rent", consented_on=start, expires_at=expiry)
    token = api.token()
    v4 = api.consents(token)
    assert [one["id"] for one in v4] == ["_live", "_rent", "_lender1", "_budget1"]
    assert v4[1]["revoked_at"] == "2025-06-01T00:00:00.000Z", "an expired consent bears its expiry"
    v6 = Api(api.client, api.base_url, api.tenant, "v6").consents(token)
    assert [one["id"] for one in v6] == ["_new", "_live", "_rent", "_old", "_lender1", "_budget1"]
    assert [one["status"] for one in v6[:3]] == ["expired", "active", "expired"]
    assert v6[0]["revoked_at"] is None
    stopped = api.bearer(token, "PUT", "/_rent/disable_app_sharing")
    assert stopped.status_code == 200, "stopping an expired one is no error"
    assert stopped.json()["revoked_at"] == "2025-06-01T00:00:00.000Z"


def test_the_interaction_id_is_echoed_and_nothing_else_of_the_kind(api: Api) -> None:
    headers = {"x-fapi-interaction-id": "93bac548-d2de-4546-b106-880a5018460d"}
    answer = api.call("GET", "/consent_management", headers=headers)
    assert answer.headers["x-fapi-interaction-id"] == headers["x-fapi-interaction-id"]
    answer = api.call("GET", "/consent_management", headers={"x-fapi-interaction-id": "x" * 100})
    assert "x-fapi-interaction-id" not in answer.headers


def test_a_change_is_seen_by_every_process_that_answers_after_it(api: Api) -> None:
    token = api.token()
    for n in range(20):
        api.client.headers["Connection"] = "close"  # each request meets another worker, by chance
        enabled = n % 2 == 0
        api.bearer(token, "PUT", f"/_budget1/accounts/{SAVINGS}", json={"enabled": enabled})
        shown = next(one for one in api.consents(token) if one["id"] == "_budget1")
        assert shown["accounts"][1]["enabled"] is enabled
