"""The OpenAPI document of the Consent Management API: valid, complete, and true to its own examples."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import openapi_spec_validator
import pytest
import yaml

from consentry.web.openapi import reference

DOCUMENT: dict[str, Any] = json.loads(reference.load().json)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]

CODES = {
    "invalid_request": "400",
    "unsupported_type": "400",
    "invalid_scope": "400",
    "unknown_name": "400",
    "invalid_client": "401",
    "invalid_token": "401",
    "insufficient_scope": "403",
    "superseded_secret": "403",
    "unknown_version": "404",
    "not_found": "404",
    "unknown_token": "404",
    "unknown_consent": "404",
    "unknown_account": "404",
    "method_not_allowed": "405",
    "consent_not_active": "409",
    "read_only_consent": "409",
    "stale_etag": "412",
    "body_too_large": "413",
    "unsupported_media_type": "415",
    "rate_limited": "429",
    "server_error": "500",
    "temporarily_unavailable": "503",
}
ALWAYS = {"200", "405", "500"}
ANY_API = ALWAYS | {"400", "401", "404", "429", "503"}
BODY = {"413", "415"}
STATUSES = {
    "requestToken": ANY_API | BODY,
    "revokeToken": ANY_API,
    "rotateCredentials": ANY_API | BODY | {"403"},
    "listConsents": ANY_API | {"403"},
    "getConsent": ANY_API | {"403"},
    "setAccountSharing": ANY_API | BODY | {"403", "409", "412"},
    "setAutomaticSharing": ANY_API | BODY | {"403", "409", "412"},
    "stopAppSharing": ANY_API | {"403", "409", "412"},
    "isLive": ALWAYS,
    "isReady": ALWAYS | {"503"},
    "readMetrics": ALWAYS,
}
HEALTH = {"isLive", "isReady", "readMetrics"}
API = "/api/{version}"
PATHS = {
    f"{API}/token": "post",
    f"{API}/token/{{token}}": "delete",
    f"{API}/api_access_credentials": "post",
    f"{API}/consent_management": "get",
    f"{API}/consent_management/{{ConsentPublicId}}": "get",
    f"{API}/consent_management/{{ConsentPublicId}}/accounts/{{AccountId}}": "put",
    f"{API}/consent_management/{{ConsentPublicId}}/accounts": "put",
    f"{API}/consent_management/{{ConsentPublicId}}/disable_app_sharing": "put",
    "/live": "get",
    "/ready": "get",
    "/metrics": "get",
}


def follow(node: Any) -> Any:
    """Follow a reference to what it names."""
    while "$ref" in node:
        target: Any = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        yield path, item[PATHS[path]]


def answers() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for _, operation in operations():
        for status, answer in operation["responses"].items():
            yield operation["operationId"], status, follow(answer)


def refusals() -> Iterator[tuple[str, dict[str, str]]]:
    for operation_id, status, answer in answers():
        if status != "200" and operation_id not in HEALTH:
            for example in answer["content"]["application/json"]["examples"].values():
                yield status, example["value"]


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    for operation_id, status, answer in answers():
        for media in answer.get("content", {}).values():
            yield f"{operation_id} {status}", media
    for _, operation in operations():
        for media in operation.get("requestBody", {"content": {}})["content"].values():
            yield f"{operation['operationId']} body", media


def fits(value: Any, schema: dict[str, Any]) -> bool:
    return jsonschema_rs.is_valid({**schema, "components": DOCUMENT["components"]}, value)


def consent(name: str) -> dict[str, Any]:
    """Take the example of a consent from the answer about one."""
    value = DOCUMENT["components"]["responses"]["Consent"]["content"]["application/json"]["examples"][name]["value"]
    return dict(value)


def test_the_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    openapi_spec_validator.validate(DOCUMENT)


def test_the_json_says_what_the_yaml_says() -> None:
    assert yaml.safe_load(reference.load().yaml) == DOCUMENT


def test_the_yaml_needs_no_anchors_that_other_parsers_lack() -> None:
    tokens = yaml.scan(reference.load().yaml.decode(), Loader=yaml.SafeLoader)
    assert not [token for token in tokens if isinstance(token, yaml.AnchorToken | yaml.AliasToken)]


def test_every_operation_of_the_specification_is_there_and_no_other() -> None:
    documented = {
        path: [method for method in item if method != "parameters"] for path, item in DOCUMENT["paths"].items()
    }
    assert documented == {path: [method] for path, method in PATHS.items()}


def test_every_operation_says_what_it_does() -> None:
    for _, operation in operations():
        assert operation["summary"]
        assert len(operation["description"]) > 60, operation["operationId"]


def test_every_operation_documents_every_status_it_can_answer() -> None:
    assert {operation["operationId"]: set(operation["responses"]) for _, operation in operations()} == STATUSES


def test_every_stable_code_is_documented_under_its_status_and_no_other_code_exists() -> None:
    shown = {(value["error"], status) for status, value in refusals()}
    assert shown == set(CODES.items())
    assert set(SCHEMAS["Error"]["properties"]["error"]["enum"]) == set(CODES)


def test_every_refusal_allows_exactly_the_codes_that_it_shows() -> None:
    for name, response in DOCUMENT["components"]["responses"].items():
        media = response.get("content", {}).get("application/json", {"schema": {}})
        if "allOf" in media["schema"]:
            allowed = media["schema"]["allOf"][1]["properties"]["error"]["enum"]
            assert list(media["examples"]) == allowed, name
            assert [example["value"]["error"] for example in media["examples"].values()] == allowed


def test_every_example_fits_its_schema() -> None:
    for place, media in bodies():
        for name, example in media["examples"].items():
            assert fits(example["value"], media["schema"]), f"{place}: {name}"


def test_every_parameter_and_header_example_fits_its_schema() -> None:
    for parameter in DOCUMENT["components"]["parameters"].values():
        assert fits(parameter["example"], parameter["schema"]), parameter["name"]
    for name, header in DOCUMENT["components"]["headers"].items():
        assert fits(header.get("example", "no-store"), header["schema"]), name


def test_refusals_say_only_what_oauth_allows_in_an_error() -> None:
    """R20: the characters of RFC 6749, 5.2."""
    for _, value in refusals():
        assert re.fullmatch(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+", value["error_description"])
    assert not fits({"error": "not_found", "error_description": 'Say "please".'}, SCHEMAS["Error"])


def test_an_answer_may_have_no_member_that_is_not_documented() -> None:
    for name, schema in SCHEMAS.items():
        if schema.get("type") == "object" and name not in REQUESTS:
            assert schema["additionalProperties"] is False, name
            assert set(schema["required"]) == set(schema["properties"]), name


REQUESTS = {"TokenRequest", "RotationRequest", "AccountSharing", "AutomaticSharing"}


def test_requests_may_have_unknown_members() -> None:
    assert fits({"enabled": True, "reason": "asked"}, SCHEMAS["AccountSharing"])


@pytest.mark.parametrize("value", ["true", 1, 0, None])
def test_only_booleans_switch_something(value: object) -> None:
    assert not fits({"enabled": value}, SCHEMAS["AccountSharing"])
    assert not fits({"automatic_access": value}, SCHEMAS["AutomaticSharing"])


def test_the_schemas_of_both_versions_agree_on_what_they_share() -> None:
    v4, v6, listed = (SCHEMAS[name]["properties"] for name in ("ConsentV4", "ConsentV6", "ListedConsentV6"))
    assert {name: v6[name] for name in v4} == v4
    assert {name: listed[name] for name in v6} == v6
    assert set(listed) - set(v6) == {"etag"}
    later = {"status", "expires_at", "intermediary_name", "data_clusters", "revoked_by", "revocation_reason"}
    assert set(v6) - set(v4) == later


def test_a_consent_is_of_one_version_or_the_other() -> None:
    v4, v6 = consent("v4"), consent("v6")
    assert fits(v4, SCHEMAS["ConsentOfVersion"])
    assert fits(v6, SCHEMAS["ConsentOfVersion"])
    assert not fits({**v4, "status": "active"}, SCHEMAS["ConsentOfVersion"])
    assert not fits({**v6, "etag": '"7"'}, SCHEMAS["ConsentOfVersion"])
    assert not fits([v6], SCHEMAS["ConsentList"])
    assert fits([{**v6, "etag": '"7"'}], SCHEMAS["ConsentList"])


@pytest.mark.parametrize(
    "time", ["2024-06-14T19:48:18Z", "2024-06-14T19:48:18.354+00:00", "2024-06-14 19:48:18.354Z", "2024-06-14", ""]
)
def test_a_time_that_is_not_utc_with_milliseconds_is_none(time: str) -> None:
    assert fits("2024-06-14T19:48:18.354Z", SCHEMAS["Time"])
    assert not fits(time, SCHEMAS["Time"])
    assert not fits(time, SCHEMAS["TimeOrNull"])


@pytest.mark.parametrize("name", ["9f2c", "_", "_" + 64 * "a", "_a/b", "_a b", "_ä", ""])
def test_a_consent_id_begins_with_an_underscore_and_has_at_most_64_characters(name: str) -> None:
    assert fits("_" + 63 * "a", SCHEMAS["ConsentPublicId"])
    assert not fits(name, SCHEMAS["ConsentPublicId"])


@pytest.mark.parametrize("customer", ["", 256 * "a", "a b", "ä", "a\nb", "a\x7f"])
def test_a_scope_names_a_customer_of_visible_ascii(customer: str) -> None:
    def request(named: str) -> dict[str, str]:
        return {"type": "consent_management", "scopes": f"customer.modify_consent:{named}"}

    assert fits(request(255 * "~"), SCHEMAS["TokenRequest"])
    assert fits(request("a:b:c"), SCHEMAS["TokenRequest"])
    assert not fits(request(customer), SCHEMAS["TokenRequest"])


def test_answers_under_api_bear_the_headers_that_clients_rely_on() -> None:
    expected = {"401": "WWW-Authenticate", "405": "Allow", "429": "Retry-After", "503": "Retry-After"}
    for operation_id, status, answer in answers():
        headers = {name: follow(header) for name, header in answer.get("headers", {}).items()}
        required = {name for name, header in headers.items() if header["required"]}
        if operation_id not in HEALTH:
            assert required >= {"Cache-Control", "X-Request-Id"}
            assert "x-fapi-interaction-id" in headers
        if status in expected:
            assert expected[status] in required, f"{operation_id} {status}"


def test_every_answer_about_one_consent_bears_its_tag() -> None:
    for operation_id, status, answer in answers():
        about_one = operation_id in {"getConsent", "setAccountSharing", "setAutomaticSharing", "stopAppSharing"}
        assert ("ETag" in answer.get("headers", {})) == (about_one and status == "200")


def test_every_change_of_a_consent_takes_if_match() -> None:
    for path, item in DOCUMENT["paths"].items():
        names = {follow(parameter)["name"] for parameter in item.get("parameters", [])}
        assert ("If-Match" in names) == (PATHS[path] == "put")


def test_the_institution_signs_in_for_tokens_and_the_token_for_consents() -> None:
    schemes = {path: [name for use in operation["security"] for name in use] for path, operation in operations()}
    for path, named in schemes.items():
        if not path.startswith("/api/"):
            assert named == []
        else:
            assert named == (["token"] if "consent_management" in path else ["credentials"])
    assert {scheme["scheme"] for scheme in DOCUMENT["components"]["securitySchemes"].values()} == {"basic", "bearer"}


def test_no_part_of_the_document_is_left_over() -> None:
    written = reference.load().yaml.decode()
    for kind in ("schemas", "responses", "headers", "parameters"):
        for name in DOCUMENT["components"][kind]:
            assert f"'#/components/{kind}/{name}'" in written, name
