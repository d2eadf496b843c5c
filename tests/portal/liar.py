"""A provider that says what a test has it say: it lies, changes, or answers with what was said before."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from consentry.domain.staff import Role
from consentry.store import staff
from consentry.usecases.services import Services
from consentry.usecases.staff.provider import establish_provider
from tests.builders import Tenant
from tests.conftest import OPERATOR
from tests.portal.idp import SECRET, begin, query_of
from tests.portal.visiting import Visitor

KEY = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
DISCOVERY = "/.well-known/openid-configuration"
_DAY = timedelta(days=1)


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


@contextlib.contextmanager
def running_liar(port: int) -> Iterator[Liar]:
    """Play such a provider until the end of the block."""
    found = Liar(f"http://127.0.0.1:{port}")

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

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def trust(services: Services, tenant: Tenant, liar: Liar) -> None:
    """Put the liar in force as a house's provider, and invite Ada."""
    await establish_provider(
        services,
        tenant.institution_id,
        discovery_url=liar.issuer + DISCOVERY,
        issuer=liar.issuer,
        client_id="portal",
        client_secret=SECRET,
        actor=OPERATOR,
    )
    async with services.session.begin(tenant.institution_id) as connection:
        await staff.add(connection, tenant.institution_id, email="ada@bank.example", role=Role.USER, valid=_DAY)


def answered(visitor: Visitor, liar: Liar, tenant: Tenant, **answer: str) -> Any:
    """Begin a sign-in, and come back with what the liar answers, the right state and nonce in it."""
    asked = query_of(begin(visitor, tenant))
    liar.claims = {"nonce": asked["nonce"], **liar.claims}
    parameters = {"code": "c", "state": asked["state"], **answer}
    return visitor.get(f"/admin/sign-in/callback?{urlencode(parameters)}")
