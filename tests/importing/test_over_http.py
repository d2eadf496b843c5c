"""The API answers with what was imported, byte for byte where it came from MX, and refuses to change a mirror."""

from typing import Any

import httpx

from tests.builders import Tenant
from tests.importing.forms import (
    AT,
    CHECKING,
    LATER,
    SAVINGS,
    Importer,
    application,
    consent,
    customer,
    entry,
    listed,
    shared,
)
from tests.serving import Service
from tests.web.calls import Api


async def test_a_list_that_mx_answered_is_answered_again_as_it_was(
    importer: Importer, service: Service, bku: Tenant
) -> None:
    answered = [
        entry("_new", consented_on=LATER, last_accessed=AT, auto_enable_future_accounts=True),
        entry("_old", application_name="Tax", application_icon_url=None, revoked_at=LATER),
    ]
    await importer.publish(listed("cust-1", *answered))
    with httpx.Client(timeout=60) as client:
        api = Api(client, service.base_url, bku)
        assert api.consents(api.token()) == answered
        assert api.consents(api.token("cust-2")) == []


async def test_v6_shows_what_else_was_imported(importer: Importer, service: Service, bku: Tenant) -> None:
    told: dict[str, Any] = {
        "status": "revoked",
        "expires_at": LATER,
        "data_clusters": ["ACCOUNT_BASIC", "TRANSACTIONS"],
        "revoked_at": LATER,
        "revoked_by": "recipient",
        "revocation_reason": "user_action",
    }
    await importer.publish(
        application(intermediary={"intermediary_id": "agg", "name": "Agg"}), customer(), consent(**told)
    )
    with httpx.Client(timeout=60) as client:
        api = Api(client, service.base_url, bku, version="v6")
        (shown,) = api.consents(api.token())
    shown.pop("etag")
    assert shown == {**entry(), **told, "intermediary_name": "Agg"}


async def test_mirrored_consents_can_be_read_and_not_changed(importer: Importer, service: Service, bku: Tenant) -> None:
    await importer.publish(application(), consent(accounts=[shared(CHECKING), shared(SAVINGS)]), mirror=True)
    with httpx.Client(timeout=60) as client:
        api = Api(client, service.base_url, bku)
        token = api.token()
        before = api.consents(token)
        for path, body in (
            ("/_c1/accounts", {"automatic_access": True}),
            ("/_c1/accounts/ACT-1~checking", {"enabled": False}),
            ("/_c1/disable_app_sharing", None),
        ):
            answer = api.bearer(token, "PUT", path, json=body)
            assert (answer.status_code, answer.json()["error"]) == (409, "read_only_consent")
        assert api.consents(token) == before


async def test_what_was_imported_can_be_changed(importer: Importer, service: Service, bku: Tenant) -> None:
    await importer.publish(application(), consent(accounts=[shared(CHECKING), shared(SAVINGS)]))
    with httpx.Client(timeout=60) as client:
        api = Api(client, service.base_url, bku)
        token = api.token()
        answer = api.bearer(token, "PUT", "/_c1/accounts/ACT-2%3Asavings%2Fx", json={"enabled": False})
        assert [account["enabled"] for account in answer.json()["accounts"]] == [True, False]
        assert api.bearer(token, "PUT", "/_c1/disable_app_sharing").json()["revoked_at"]
