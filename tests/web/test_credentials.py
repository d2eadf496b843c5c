"""Rotation of credentials over the wire (consent-api.md, Rotate credentials)."""

import re
from typing import Any

import httpx
import pytest

from consentry.domain.credential import SECRET_PATTERN, is_secret
from tests.web.calls import Api, refused

Connection = Any


def rotate(api: Api, secret: str, **arguments: Any) -> httpx.Response:
    body = arguments or {"json": {"name": "consent_management"}}
    return api.call("POST", "/api_access_credentials", auth=(api.tenant.client_id, secret), **body)


def signs_in(api: Api, secret: str) -> bool:
    body = {"type": "consent_management", "scopes": "customer.modify_consent:cust-1"}
    return api.call("POST", "/token", auth=(api.tenant.client_id, secret), json=body).status_code == 200


def test_rotation_gives_a_new_secret_and_an_overlap(api: Api) -> None:
    """R45."""
    answer = rotate(api, api.tenant.client_secret)
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["client_id", "client_secret", "name", "created_at", "previous_secret_expires_at"]
    assert body["client_id"] == api.tenant.client_id
    assert re.fullmatch(SECRET_PATTERN, body["client_secret"])
    assert is_secret(body["client_secret"])
    assert body["previous_secret_expires_at"] > body["created_at"]
    assert signs_in(api, api.tenant.client_secret)
    assert signs_in(api, body["client_secret"])


def test_the_previous_secret_only_requests_and_revokes_tokens_once_the_new_one_was_used(api: Api) -> None:
    new = rotate(api, api.tenant.client_secret).json()["client_secret"]
    assert signs_in(api, new)
    refused(rotate(api, api.tenant.client_secret), 403, "superseded_secret")
    token = api.token()
    assert api.call("DELETE", f"/token/{token}", auth=api.tenant.basic).status_code == 200


def test_a_lost_answer_is_made_good_once(api: Api) -> None:
    lost = rotate(api, api.tenant.client_secret).json()
    again = rotate(api, api.tenant.client_secret).json()
    assert again["previous_secret_expires_at"] == lost["previous_secret_expires_at"]
    assert not signs_in(api, lost["client_secret"])
    assert signs_in(api, again["client_secret"])
    refused(rotate(api, api.tenant.client_secret), 403, "superseded_secret")


def test_tokens_survive_a_rotation(api: Api) -> None:
    token = api.token()
    rotate(api, api.tenant.client_secret)
    assert api.consents(token)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "other"}, "unknown_name"),
        ({}, "invalid_request"),
        ([], "invalid_request"),
        ({"name": 1}, "invalid_request"),
    ],
)
def test_a_malformed_rotation_changes_nothing(api: Api, body: object, code: str) -> None:
    refused(rotate(api, api.tenant.client_secret, json=body), 400, code)
    assert signs_in(api, api.tenant.client_secret)


def test_wrong_credentials_rotate_nothing(api: Api) -> None:
    refused(rotate(api, "wrong"), 401, "invalid_client")


async def test_a_rotation_is_audited_and_told_without_the_secret(api: Api, super_connection: Connection) -> None:
    """R133, R134."""
    body = rotate(api, api.tenant.client_secret).json()
    mine = api.tenant.institution_id
    entry = await super_connection.fetchrow(
        "select * from consentry.audit_entries where institution_id = $1 and action = 'credentials.rotated'", mine
    )
    event = await super_connection.fetchrow(
        "select * from consentry.events where institution_id = $1 and kind = 'CREDENTIALS_ROTATED'", mine
    )
    assert entry["actor_kind"] == "institution"
    for text in (*map(str, entry.values()), *map(str, event.values())):
        assert body["client_secret"] not in text
        assert api.tenant.client_secret not in text


async def test_an_expired_secret_is_refused_to_the_second(api: Api, super_connection: Connection) -> None:
    """R45."""
    rotate(api, api.tenant.client_secret)
    await super_connection.execute(
        "update consentry.credential_secrets set expires_at = now() where institution_id = $1 and number = 1",
        api.tenant.institution_id,
    )
    assert not signs_in(api, api.tenant.client_secret)


async def test_a_disabled_institution_answers_nobody(api: Api, super_connection: Connection) -> None:
    """R65."""
    token = api.token()
    for status in ("disabled", "needs_review"):
        await super_connection.execute(
            "update consentry.institutions set status = $1 where institution_id = $2", status, api.tenant.institution_id
        )
        assert not signs_in(api, api.tenant.client_secret)
        refused(api.bearer(token, "GET"), 401, "invalid_token")
        refused(api.bearer(token, "PUT", "/_budget1/disable_app_sharing"), 401, "invalid_token")
