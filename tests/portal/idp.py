"""People at their identity provider: what a browser does between the portal's sign-in page and its callback."""

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from consentry.usecases.services import Services
from consentry.usecases.staff.provider import establish_provider
from tests.builders import Tenant
from tests.conftest import OPERATOR
from tests.portal.visiting import PREFIX, Visitor

FORM_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
ON = re.compile(r'http-equiv="refresh" content="0; url=([^"]+)"')
SECRET = "the-secret-at-the-provider"


@dataclass(slots=True)
class Person:
    """Somebody with an account at the provider."""

    issuer: str
    sub: str
    claims: dict[str, Any] = field(default_factory=dict)

    def known_at_provider(self, client: httpx.Client) -> None:
        """Have an account there, with these claims."""
        client.put(f"{self.issuer}/users/{self.sub}", json=self.claims).raise_for_status()

    def answer(self, client: httpx.Client, address: str) -> str:
        """Sign in at the provider, as it was asked; gives the path and query that it leads back to."""
        self.known_at_provider(client)
        answered = client.post(address, data={"sub": self.sub}, follow_redirects=False)
        assert answered.status_code == 302, answered.text
        back = urlsplit(answered.headers["location"])
        return f"{back.path}?{back.query}"


def person(issuer: str, sub: str, *, email: str | None = None, verified: bool = True, name: str = "") -> Person:
    """Give a person whose e-mail address is `sub` at the bank, unless told otherwise."""
    claims = {"email": email or f"{sub}@bank.example", "email_verified": verified, "name": name or sub.title()}
    return Person(issuer=issuer, sub=sub, claims=claims)


async def establish(services: Services, tenant: Tenant, issuer: str, *, secret: str = SECRET) -> None:
    """Put a provider in force for a house."""
    await establish_provider(
        services,
        tenant.institution_id,
        discovery_url=f"{issuer}/.well-known/openid-configuration",
        issuer=issuer,
        client_id="portal",
        client_secret=secret,
        actor=OPERATOR,
    )


def begin(visitor: Visitor, tenant: Tenant, *, then: str = "") -> str:
    """Press the button of the sign-in page; gives the provider's address."""
    page = visitor.send(
        "POST", f"{PREFIX[visitor.house]}/sign-in", data={"institution": tenant.public_id, "next": then}
    )
    assert page.status_code == 200, page.text
    return address_in(page)


def address_in(page: httpx.Response) -> str:
    """Give where a page leads on to."""
    found = ON.search(page.text)
    assert found is not None, page.text
    return unescape(found[1])


def query_of(address: str) -> dict[str, str]:
    """Give the parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
