"""Request and revoke tokens over the wire (consent-api.md, Credentials)."""

import base64
import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

import httpx
import pytest

from tests.builders import Tenant
from tests.web.calls import Api, check_answer, refused

Connection = Any


def claims_of(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


def test_a_token_is_what_the_documents_say_to_the_member(api: Api) -> None:
    """R19, R25."""
    answer = api.request_token("customer.modify_consent:urn:cust:7")
    body = answer.json()
    assert list(body) == ["access_token", "token_type", "expires_in"]
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 300)
    assert answer.headers["pragma"] == "no-cache"
    claims = claims_of(body["access_token"])
    assert set(claims) == {"name", "scopes", "iat", "exp", "jti", "_type", "_id"}
    assert claims["name"] == "consent_management"
    assert claims["scopes"] == {"customer.modify_consent": "urn:cust:7"}
    assert claims["exp"] == claims["iat"] + 300
    assert (claims["_type"], claims["_id"]) == ("Institution", api.tenant.public_id)
    assert UUID(claims["jti"]).version == 7


def test_a_customer_nobody_knows_is_served_like_any_other(api: Api) -> None:
    assert api.consents(api.token("nobody")) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"),
        ([], "invalid_request"),
        ("text", "invalid_request"),
        ({"type": "consent_management"}, "invalid_request"),
        ({"type": "consent_management", "scopes": ["customer.modify_consent:a"]}, "invalid_request"),
        ({"type": 7, "scopes": "customer.modify_consent:a"}, "invalid_request"),
        ({"type": "other", "scopes": "customer.modify_consent:a"}, "unsupported_type"),
        ({"type": "consent_management", "scopes": ""}, "invalid_scope"),
        ({"type": "consent_management", "scopes": "customer.modify_consent:"}, "invalid_scope"),
        ({"type": "consent_management", "scopes": "customer.modify_consent:a b"}, "invalid_scope"),
        ({"type": "consent_management", "scopes": "accounts:a"}, "invalid_scope"),
        ({"type": "consent_management", "scopes": "customer.modify_consent:" + "x" * 256}, "invalid_scope"),
    ],
)
def test_a_malformed_request_for_a_token_is_refused(api: Api, body: object, code: str) -> None:
    """R20."""
    refused(api.call("POST", "/token", auth=api.tenant.basic, json=body), 400, code)


def test_unknown_members_are_ignored(api: Api) -> None:
    body = {"type": "consent_management", "scopes": "customer.modify_consent:a", "more": {"a": 1}}
    assert api.call("POST", "/token", auth=api.tenant.basic, json=body).status_code == 200


@pytest.mark.parametrize("body", [b"", b"null", b"{", b"\xff\xfe", b'{"type": "consent_management"', b"\x00"])
def test_what_is_no_json_is_refused(api: Api, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    refused(api.call("POST", "/token", auth=api.tenant.basic, content=body, headers=headers), 400, "invalid_request")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {},
    ],
)
def test_another_content_type_is_refused(api: Api, headers: dict[str, str]) -> None:
    """R107."""
    answer = api.call("POST", "/token", auth=api.tenant.basic, content=b"{}", headers=headers)
    refused(answer, 415, "unsupported_media_type")


def test_a_body_over_64_kib_is_refused(api: Api) -> None:
    """R107."""
    headers = {"Content-Type": "application/json"}
    largest = b'{"type": "consent_management", "scopes": "customer.modify_consent:a"}'.ljust(64 * 1024)
    assert api.call("POST", "/token", auth=api.tenant.basic, content=largest, headers=headers).status_code == 200
    answer = api.call("POST", "/token", auth=api.tenant.basic, content=largest + b" ", headers=headers)
    refused(answer, 413, "body_too_large")


def basic(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


def test_wrong_credentials_of_every_kind_get_the_same_answer(api: Api, other: Tenant) -> None:
    """R21, R22."""
    mine = api.tenant
    headers = [
        {},
        {"Authorization": ""},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic =="},
        {"Authorization": f"Basicx {basic(b'a:b')[6:]}"},
        {"Authorization": f"Bearer {api.token()}"},
        {"Authorization": basic(b"no colon")},
        {"Authorization": basic(b"\xff\xfe:x")},
        {"Authorization": basic(b"a\x00:b")},
        {"Authorization": basic(b":")},
        {"Authorization": basic(b"x" * 5000 + b":y")},
        {"Authorization": basic(f"unknown:{mine.client_secret}".encode())},
        {"Authorization": basic(f"{mine.client_id}:wrong".encode())},
        {"Authorization": basic(f"{mine.client_id}:{mine.client_secret}x".encode())},
        {"Authorization": basic(f"{mine.client_id}:{other.client_secret}".encode())},
    ]
    body = {"type": "consent_management", "scopes": "customer.modify_consent:a"}
    answers = [api.call("POST", "/token", headers=header, json=body) for header in headers]
    for answer in answers:
        refused(answer, 401, "invalid_client")
        assert answer.headers["www-authenticate"] == 'Basic realm="consentry"'
    assert len({answer.content for answer in answers}) == 1


def test_two_authorization_headers_are_refused(api: Api) -> None:
    """R21."""
    one = basic(f"{api.tenant.client_id}:{api.tenant.client_secret}".encode())
    headers = [("Authorization", one), ("Authorization", one)]
    body = {"type": "consent_management", "scopes": "customer.modify_consent:a"}
    refused(api.call("POST", "/token", headers=headers, json=body), 400, "invalid_request")


def test_two_hosts_are_refused(api: Api) -> None:
    """R100: a proxy may believe the other one (RFC 9112, section 3.2)."""
    address = urlsplit(api.base_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    connection.putrequest("GET", "/api/v4/consent_management", skip_host=True)
    for host in ("one.example", "two.example"):
        connection.putheader("Host", host)
    connection.putheader("Authorization", f"Bearer {api.token()}")
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]) == (400, "invalid_request")
    connection.close()


def test_credentials_may_be_form_encoded(api: Api) -> None:
    """R21: RFC 6749, section 2.3.1."""
    encoded = "".join(f"%{ord(character):02x}" for character in api.tenant.client_id)
    header = {"Authorization": basic(f"{encoded}:{api.tenant.client_secret}".encode())}
    body = {"type": "consent_management", "scopes": "customer.modify_consent:a"}
    assert api.call("POST", "/token", headers=header, json=body).status_code == 200


def test_the_scheme_of_credentials_is_case_insensitive(api: Api) -> None:
    """R23."""
    header = {"Authorization": "bAsIc " + basic(f"{api.tenant.client_id}:{api.tenant.client_secret}".encode())[6:]}
    body = {"type": "consent_management", "scopes": "customer.modify_consent:a"}
    assert api.call("POST", "/token", headers=header, json=body).status_code == 200
    headers = {"Authorization": f"bEaReR {api.token()}"}
    assert api.call("GET", "/consent_management", headers=headers).status_code == 200


async def test_a_token_is_a_durable_row_with_who_asked_for_whom_when_and_from_where(
    api: Api, super_connection: Connection
) -> None:
    token = api.token("cust-9")
    row = await super_connection.fetchrow(
        "select * from consentry.tokens where jti = $1", UUID(claims_of(token)["jti"])
    )
    assert row["customer_id"] == "cust-9"
    assert row["client_id"] == api.tenant.client_id
    assert row["secret_number"] == 1
    assert row["source"] == "127.0.0.1"
    assert row["request_id"]
    assert int(row["issued_at"].timestamp()) == claims_of(token)["iat"]


async def test_a_failed_sign_in_is_remembered(api: Api, super_connection: Connection) -> None:
    """R134."""
    body = {"type": "consent_management", "scopes": "customer.modify_consent:a"}
    unknown = f"unknown-{api.tenant.client_id}"
    for client_id in (api.tenant.client_id, unknown):
        refused(api.call("POST", "/token", auth=(client_id, "wrong"), json=body), 401, "invalid_client")
    rows = await super_connection.fetch(
        "select * from consentry.failed_sign_ins where client_id = any ($1) order by attempt_id",
        [api.tenant.client_id, unknown],
    )
    assert [(row["institution_id"], row["client_id"]) for row in rows] == [
        (api.tenant.institution_id, api.tenant.client_id),
        (0, unknown),
    ]


def revoke(api: Api, token: str) -> httpx.Response:
    return api.call("DELETE", f"/token/{quote(token, safe='')}", auth=api.tenant.basic)


def test_a_revoked_token_is_dead_and_its_answer_is_what_the_documents_say(api: Api) -> None:
    """R27."""
    token = api.token()
    answer = revoke(api, token)
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == [
        "id", "tokenable_id", "tokenable_type", "token", "expires_in", "revoked_at", "scopes", "created_at",
        "updated_at",
    ]  # fmt: skip
    assert isinstance(body["id"], int)
    assert isinstance(body["tokenable_id"], int)
    assert (body["tokenable_type"], body["token"], body["expires_in"]) == ("Institution", token, 300)
    assert body["scopes"] == {"customer.modify_consent": "cust-1"}
    assert body["updated_at"] == body["revoked_at"] >= body["created_at"]
    refused(api.bearer(token, "GET"), 401, "invalid_token")


def test_revoking_twice_gives_the_first_time_again(api: Api) -> None:
    token = api.token()
    assert revoke(api, token).json() == revoke(api, token).json()


def test_only_that_token_dies(api: Api) -> None:
    first, second = api.token(), api.token()
    revoke(api, first)
    assert api.consents(second)


async def test_an_expired_token_can_be_revoked_while_its_row_is_kept(api: Api, super_connection: Connection) -> None:
    token = api.token()
    jti = UUID(claims_of(token)["jti"])
    await super_connection.execute("update consentry.tokens set expires_at = now() where jti = $1", jti)
    refused(api.bearer(token, "GET"), 401, "invalid_token")
    assert revoke(api, token).status_code == 200
    await super_connection.execute(
        "update consentry.tokens set issued_at = issued_at - interval '30 days' where jti = $1", jti
    )
    refused(revoke(api, token), 404, "unknown_token")


def test_tokens_that_are_not_this_institutions_are_all_alike(api: Api, other: Tenant) -> None:
    theirs = Api(api.client, api.base_url, other).token()
    mine = api.token()
    changed = mine[:-1] + ("A" if mine[-1] != "A" else "B")
    answers = [revoke(api, token) for token in (theirs, changed, "x", "a.b.c", mine + "x", "%00", "é" * 50)]
    for answer in answers:
        refused(answer, 404, "unknown_token")
    assert len({answer.content for answer in answers}) == 1
    assert (
        api.client.get(
            f"{api.base_url}/api/v4/consent_management", headers={"Authorization": f"Bearer {theirs}"}
        ).json()
        == []
    )


def test_a_bad_bearer_token_is_told_apart_as_its_rfc_says(api: Api) -> None:
    """R23: RFC 6750, section 3."""
    url = f"{api.base_url}/api/v4/consent_management"
    for credentials in ("", "Basic YTpi", "BearerX abc", "Bearer"):
        answer = api.client.get(url, headers={"Authorization": credentials} if credentials else {})
        check_answer(answer)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="consentry"'
    answer = api.client.get(url, headers={"Authorization": "Bearer abc"})
    refused(answer, 401, "invalid_token")
    assert answer.headers["www-authenticate"].startswith('Bearer realm="consentry", error="invalid_token", ')


@pytest.mark.parametrize("name", ["access_token", "client_secret", "access%5Ftoken"])
def test_a_secret_in_the_address_is_refused_even_if_valid(api: Api, name: str) -> None:
    """R24."""
    token = api.token()
    answer = api.call("GET", f"/consent_management?{name}={token}", headers={"Authorization": f"Bearer {token}"})
    refused(answer, 400, "invalid_request")
