"""R88: whoever is signed out at the provider is signed out here (OpenID Connect Back-Channel Logout 1.0)."""

import asyncio
import base64
import json
import time
from itertools import count
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import OctKey, RSAKey

from consentry.domain.staff import House, Role
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.conftest import Database
from tests.portal.conftest import SignIn
from tests.portal.idp import address_in, query_of
from tests.portal.liar import KEY, Liar, answered, trust
from tests.portal.test_sign_in import told
from tests.portal.visiting import PREFIX, Visitor, text_of
from tests.serving import start_service

EVENT = "http://schemas.openid.net/event/backchannel-logout"
ACTION = "staff.signed_out_at_provider"
_numbers = count()


def claims_of(liar: Liar, **changes: Any) -> dict[str, Any]:
    """Give what a logout token says about `ada`; None leaves a claim out."""
    now = int(time.time())
    claims = {
        "iss": liar.issuer,
        "aud": "portal",
        "iat": now,
        "exp": now + 120,
        "jti": f"logout-{next(_numbers)}",
        "events": {EVENT: {}},
        "sub": "ada",
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def signed(claims: dict[str, Any], *, key: RSAKey = KEY, **header: Any) -> str:
    return jwt.encode({"alg": "RS256", "kid": "k1", "typ": "logout+jwt", **header}, claims, key)


def tell(visitor: Visitor, tenant: Tenant, token: str) -> httpx.Response:
    """Post a logout token as a provider does: without cookies and from no page."""
    path = f"{PREFIX[visitor.house]}/back-channel-logout/{tenant.public_id}"
    return visitor.client.post(f"{visitor.base_url}{path}", data={"logout_token": token})


async def browsers(
    services: Services, tenant: Tenant, liar: Liar, visitor: Visitor, *sids: str | None
) -> list[Visitor]:
    """Sign Ada in in several browsers, each with such a session at the provider."""
    await trust(services, tenant, liar)
    return [come_in(visitor, tenant, liar, sid) for sid in sids]


def come_in(visitor: Visitor, tenant: Tenant, liar: Liar, sid: str | None = None) -> Visitor:
    """Sign Ada in, in a browser of its own."""
    browser = Visitor(visitor.client, visitor.base_url)
    liar.claims, liar.id_token = {} if sid is None else {"sid": sid}, ""
    assert answered(browser, liar, tenant).status_code == 303
    return browser


def signed_in_still(found: list[Visitor]) -> list[bool]:
    return [browser.get("/admin/account").status_code == 200 for browser in found]


@pytest.mark.parametrize(
    ("about", "left"),
    [
        ({"sub": "ada"}, [False, False, False]),
        ({"sub": None, "sid": "one"}, [False, True, True]),
        ({"sub": "ada", "sid": "one"}, [False, True, False]),
        ({"sub": "ada", "sid": "unknown"}, [True, True, False]),
        ({"sub": "bob", "sid": "one"}, [True, True, True]),
        ({"sub": "bob"}, [True, True, True]),
    ],
)
async def test_the_sessions_end_that_a_logout_token_is_about(
    services: Services,
    bku: Tenant,
    liar: Liar,
    stranger: Visitor,
    super_connection: Any,
    about: dict[str, Any],
    left: list[bool],
) -> None:
    """Of one `sid`, of one person, or both; of whom nothing lives here, that is a sign-out as well."""
    found = await browsers(services, bku, liar, stranger, "one", "two", None)
    answer = tell(stranger, bku, signed(claims_of(liar, **about)))
    assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (200, b"", "no-store")
    assert signed_in_still(found) == left
    ((outcome, after),) = await told(super_connection, bku, ACTION)
    assert (outcome, after["sessions_ended"]) == ("done", left.count(False))


async def test_a_logout_token_counts_once(services: Services, bku: Tenant, liar: Liar, stranger: Visitor) -> None:
    """Who has signed in again since is not signed out by whoever kept it."""
    await browsers(services, bku, liar, stranger, None)
    token = signed(claims_of(liar))
    assert tell(stranger, bku, token).status_code == 200
    found = [come_in(stranger, bku, liar)]
    again = tell(stranger, bku, token)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_request")
    assert signed_in_still(found) == [True]


WRONG: list[dict[str, Any]] = [
    {"iss": "https://evil.example"},
    {"iss": None},
    {"aud": "another-client"},
    {"aud": ["portal", "another"]},
    {"aud": None},
    {"iat": 1_000_000_000},
    {"iat": 4_000_000_000},
    {"iat": None},
    {"exp": 1_000_000_000},
    {"exp": None},
    {"jti": None},
    {"jti": ""},
    {"jti": 7},
    {"events": None},
    {"events": {}},
    {"events": [EVENT]},
    {"events": {EVENT: None}},
    {"events": {"http://schemas.openid.net/event/other": {}}},
    {"nonce": "n"},
    {"sub": None},
    {"sub": ""},
    {"sub": ["ada"]},
    {"sid": 1},
    {"sub": "a\x00"},
    {"sid": "a\n"},
    {"jti": "\x00"},
]


def unsigned(header: str, payload: str = "{}") -> str:
    """Write what looks like a token and is signed by nobody."""
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in (header, payload, "none"))


async def test_what_is_no_logout_token_ends_nothing(
    services: Services, bku: Tenant, liar: Liar, stranger: Visitor, super_connection: Any
) -> None:
    """Section 2.6, and R51 to R53: each with 400, and without a line in the log that strangers could fill."""
    found = await browsers(services, bku, liar, stranger, "one")
    of_others = RSAKey.generate_key(2048, {"kid": "k1"})
    tokens = {
        **{str(changes): signed(claims_of(liar, **changes)) for changes in WRONG},
        "an ID token": liar.id_token,
        "an access token": signed(claims_of(liar), typ="at+jwt"),
        "another's": signed(claims_of(liar), key=of_others),
        "unsigned": f"{signed(claims_of(liar)).rpartition('.')[0]}.",
        "symmetric": jwt.encode({"alg": "HS256", "kid": "k1"}, claims_of(liar), OctKey.generate_key(256)),
        "nothing": "",
        "text": "a.b.c",
        "half a character": unsigned('{"alg":"RS256","kid":"\\ud800"}', json.dumps(claims_of(liar))),
        "deep": unsigned('{"alg":"RS256"}', "[" * 9000),
        "long": "a" * 20_000,
    }
    for what, token in tokens.items():
        refused = tell(stranger, bku, token)
        assert (refused.status_code, refused.headers["cache-control"]) == (400, "no-store"), what
        assert refused.json()["error"] == "invalid_request", what
    assert signed_in_still(found) == [True]
    assert await told(super_connection, bku, ACTION) == []


async def test_r104_what_a_provider_cannot_have_said_does_not_reach_it(
    services: Services, bku: Tenant, liar: Liar, stranger: Visitor
) -> None:
    """Strangers send it no questions with just anything: its keys are fetched for what only lacks the signature."""
    await trust(services, bku, liar)
    liar.asked.clear()
    for token in ("x", "a.b.c", unsigned('{"alg":"RS256"}'), *(signed(claims_of(liar, **wrong)) for wrong in WRONG)):
        assert tell(stranger, bku, token).status_code == 400
    assert liar.asked == []
    assert tell(stranger, bku, unsigned('{"alg":"RS256"}', json.dumps(claims_of(liar)))).status_code == 400
    assert liar.asked == ["/.well-known/openid-configuration", "/jwks_uri"]


async def test_r104_logouts_are_refused_to_who_is_often_wrong_but_not_to_a_provider_with_many(
    database: Database, liar_port: int, services: Services, bku: Tenant, liar: Liar, client: httpx.Client
) -> None:
    await trust(services, bku, liar)
    settings = {"CONSENTRY_WORKERS": "1", "CONSENTRY_SURFACES": "portal", "CONSENTRY_FAILURES_PER_MINUTE": "1"}
    settings["CONSENTRY_ALLOWED_ORIGINS"] = f"http://127.0.0.1:{liar_port}"
    service = await asyncio.to_thread(start_service, {**database.environment, **settings})
    try:
        visitor = Visitor(client, service.base_url)
        rightly = [tell(visitor, bku, signed(claims_of(liar))).status_code for _ in range(30)]
        assert rightly == [200] * 30, "ten would be all that a source may try at once"
        answers = (tell(visitor, bku, "x") for _ in range(100))
        refused = next(answer for answer in answers if answer.status_code != 400)
        assert (refused.status_code, refused.json()["error"]) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) >= 1
    finally:
        service.stop()


@pytest.mark.parametrize("typ", ["JWT", "Logout+JWT", None])
async def test_types_that_older_providers_write_are_taken(
    services: Services, bku: Tenant, liar: Liar, stranger: Visitor, typ: str | None
) -> None:
    await trust(services, bku, liar)
    header = {"alg": "RS256", "kid": "k1"} | ({} if typ is None else {"typ": typ})
    token = jws.serialize_compact(header, json.dumps(claims_of(liar, aud=["portal"])), KEY)
    assert tell(stranger, bku, token).status_code == 200


async def test_a_house_believes_its_own_provider_alone(
    services: Services, bku: Tenant, other: Tenant, partner: Tenant, liar: Liar, stranger: Visitor
) -> None:
    """R90: the same provider may serve several houses, and a token reaches the one at whose address it is told."""
    found = await browsers(services, bku, liar, stranger, "one")
    assert tell(stranger, other, signed(claims_of(liar))).status_code == 400
    await trust(services, other, liar)
    assert tell(stranger, other, signed(claims_of(liar))).status_code == 200
    await trust(services, partner, liar)
    assert tell(stranger, partner, signed(claims_of(liar))).status_code == 400
    partners = Visitor(stranger.client, stranger.base_url, house=House.PARTNER)
    assert tell(partners, partner, signed(claims_of(liar))).status_code == 200
    assert tell(partners, bku, signed(claims_of(liar))).status_code == 400
    assert signed_in_still(found) == [True]


async def test_only_a_form_by_post_is_taken(services: Services, bku: Tenant, liar: Liar, stranger: Visitor) -> None:
    await trust(services, bku, liar)
    address = f"{stranger.base_url}/admin/back-channel-logout/{bku.public_id}"
    token = signed(claims_of(liar))
    assert stranger.client.post(address, json={"logout_token": token}).status_code == 400
    assert stranger.client.post(address, data={"logout_token": [token, token]}).status_code == 400
    assert stranger.client.post(address, params={"logout_token": token}, data={"a": "b"}).status_code == 400
    assert stranger.get(f"/admin/back-channel-logout/{bku.public_id}").status_code in (303, 404, 405)
    assert tell(stranger, bku, token).status_code == 200


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        ({"backchannel_logout_supported": True}, "It says that it tells of them"),
        ({}, "It does not say that it tells of them"),
    ],
)
async def test_the_settings_tell_the_address_and_whether_the_provider_uses_it(
    services: Services, bku: Tenant, liar: Liar, signed_in: SignIn, says: dict[str, Any], sentence: str
) -> None:
    await trust(services, bku, liar)
    admin = await signed_in(Role.ADMIN)
    page = admin.get("/admin/settings/authentication")
    assert f'value="{admin.base_url}/admin/back-channel-logout/{bku.public_id}"' in page.text
    assert "Not known: it was set up without asking it." in text_of(page)
    liar.metadata = says
    fields = {"discovery_url": liar.issuer, "client_id": "portal", "client_secret": "another"}
    asked = query_of(address_in(admin.post("/admin/settings/authentication", fields)))
    liar.claims = {"nonce": asked["nonce"], "sub": "admin", "email": admin.email}
    changed = admin.get(f"/admin/sign-in/callback?{urlencode({'code': 'c', 'state': asked['state']})}")
    assert changed.headers["location"] == "/admin/settings/authentication?notice=changed"
    assert sentence in text_of(admin.get("/admin/settings/authentication"))
