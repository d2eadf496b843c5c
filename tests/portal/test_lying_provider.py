"""Providers that lie, change, or answer with what was said before: nobody comes in by them (R86, R99)."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from consentry.domain.staff import Role
from consentry.usecases.services import Services
from consentry.usecases.staff.provider import establish_provider
from tests.builders import Tenant
from tests.conftest import OPERATOR
from tests.portal.conftest import SignIn
from tests.portal.idp import SECRET, begin, query_of
from tests.portal.test_sign_in import invite, told
from tests.portal.visiting import Visitor, text_of

KEY = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
DISCOVERY = "/.well-known/openid-configuration"


@dataclass
class Liar:
    """A provider that says what a test has it say: `metadata` changes its document, `claims` its ID tokens."""

    issuer: str
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    redirect: str = ""
    id_token: str = ""
    asked: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        endpoints = {name: f"{self.issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        return {"issuer": self.issuer, **endpoints, **self.metadata}

    def tokens(self) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "ada",
            "aud": "portal",
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "email": "ada@bank.example",
            "email_verified": True,
            **self.claims,
        }
        token = self.id_token or jwt.encode({"alg": "RS256", "kid": "k1"}, claims, KEY)
        self.id_token = token
        return {"id_token": token, "access_token": "at", "token_type": "Bearer"}


@pytest.fixture
def liar(liar_port: int) -> Iterator[Liar]:
    found = Liar(f"http://127.0.0.1:{liar_port}")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({DISCOVERY: found.document(), "/jwks_uri": KeySet([KEY]).as_dict(private=False)})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self._answer({"/token_endpoint": found.tokens()})

        def _answer(self, bodies: dict[str, Any]) -> None:
            found.asked.append(self.path)
            body = json.dumps(bodies.get(self.path, {})).encode()
            self.send_response(302 if found.redirect else 200)
            if found.redirect:
                self.send_header("Location", found.redirect)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", liar_port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


async def trust(services: Services, tenant: Tenant, liar: Liar) -> None:
    await establish_provider(
        services,
        tenant.institution_id,
        discovery_url=liar.issuer + DISCOVERY,
        issuer=liar.issuer,
        client_id="portal",
        client_secret=SECRET,
        actor=OPERATOR,
    )
    await invite(services, tenant, "ada@bank.example")


def answered(visitor: Visitor, liar: Liar, tenant: Tenant, **answer: str) -> Any:
    """Begin a sign-in, and come back with what the liar answers, the right state and nonce in it."""
    asked = query_of(begin(visitor, tenant))
    liar.claims = {"nonce": asked["nonce"], **liar.claims}
    parameters = {"code": "c", "state": asked["state"], **answer}
    return visitor.get(f"/admin/sign-in/callback?{urlencode(parameters)}")


async def test_the_liar_lets_people_in_as_long_as_it_tells_the_truth(
    services: Services, bku: Tenant, liar: Liar, stranger: Visitor
) -> None:
    await trust(services, bku, liar)
    assert answered(stranger, liar, bku).status_code == 303
    assert liar.asked.count("/token_endpoint") == 1


async def test_an_id_token_that_was_used_before_lets_nobody_in(
    services: Services, bku: Tenant, liar: Liar, stranger: Visitor, super_connection: Any
) -> None:
    """R86: its nonce is another sign-in's."""
    await trust(services, bku, liar)
    assert answered(stranger, liar, bku).status_code == 303
    stranger.session = ""
    replayed = answered(stranger, liar, bku)
    assert (replayed.status_code, stranger.session) == (422, "")
    assert [outcome for outcome, _ in await told(super_connection, bku)] == ["done", "refused"]


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-client"},
        {"aud": ["portal", "another"], "azp": "another"},
        {"nonce": "another"},
        {"iat": 1_000_000_000},
        {"exp": 1_000_000_000},
        {"sub": ""},
        {"sub": "a\nb"},
        {"at_hash": "x"},
        {"auth_time": None},
        {"auth_time": "now"},
        {"auth_time": 1_000_000_000},
        {"auth_time": 4_000_000_000},
    ],
)
async def test_an_id_token_for_somebody_or_something_else_lets_nobody_in(
    services: Services, bku: Tenant, liar: Liar, stranger: Visitor, claims: dict[str, Any]
) -> None:
    """R86, R87."""
    await trust(services, bku, liar)
    liar.claims = claims
    refused = answered(stranger, liar, bku)
    assert (refused.status_code, stranger.session) == (422, "")
    assert "provider_unusable" in text_of(refused)


@pytest.mark.parametrize("answer", [{}, {"iss": ""}, {"iss": "https://evil.example"}])
async def test_an_answer_without_its_provider_s_name_lets_nobody_in(
    services: Services, bku: Tenant, liar: Liar, stranger: Visitor, answer: dict[str, str]
) -> None:
    """R86: RFC 9207, where the provider says that it names itself."""
    await trust(services, bku, liar)
    liar.metadata = {"authorization_response_iss_parameter_supported": True}
    assert answered(stranger, liar, bku, **answer).status_code == 403
    assert "/token_endpoint" not in liar.asked


async def test_a_provider_that_became_another_is_not_asked_for_anybody(
    services: Services, bku: Tenant, liar: Liar, stranger: Visitor
) -> None:
    """R86: the issuer is the one that was set up, at the beginning of a sign-in and at its end."""
    await trust(services, bku, liar)
    asked = query_of(begin(stranger, bku))
    liar.metadata = {"issuer": "https://evil.example"}
    refused = stranger.get(f"/admin/sign-in/callback?{urlencode({'code': 'c', 'state': asked['state']})}")
    assert refused.status_code == 422
    assert "/token_endpoint" not in liar.asked
    page = stranger.send("POST", "/admin/sign-in", data={"institution": bku.public_id})
    assert (page.status_code, stranger.cookies) == (422, {})


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ({"issuer": "https://evil.example"}, "another issuer"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"token_endpoint": "https://10.0.0.1/token"}, "public https address"),
        ({"jwks_uri": "https://metadata.internal/keys"}, "public https address"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "public https address"),
        ({"token_endpoint": 7}, "lacks"),
    ],
)
async def test_a_provider_that_cannot_be_trusted_is_never_pending(
    liar: Liar, signed_in: SignIn, metadata: dict[str, Any], sentence: str
) -> None:
    """R86, R99."""
    liar.metadata = metadata
    refused = await proposed(signed_in, liar)
    assert refused.status_code == 422
    assert sentence in refused.text.split('id="discovery_url-problem">')[1].split("<")[0]


async def test_a_discovery_address_that_leads_elsewhere_is_not_followed(liar: Liar, signed_in: SignIn) -> None:
    """R99."""
    liar.redirect = f"{liar.issuer}/elsewhere"
    refused = await proposed(signed_in, liar)
    assert refused.status_code == 422
    assert "status 302" in refused.text
    assert liar.asked == [DISCOVERY]


async def proposed(signed_in: SignIn, liar: Liar) -> Any:
    admin = await signed_in(Role.ADMIN)
    fields = {"discovery_url": liar.issuer, "client_id": "portal", "client_secret": SECRET}
    return admin.post("/admin/settings/authentication", fields)
