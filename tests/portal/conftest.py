"""Fixtures of the portals' tests, which share one service: each test has institutions of its own on it.

`await signed_in(Role.SUPPORT)` is a browser with a session of a member of `bku`'s staff.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest

from consentry.domain.staff import House, Role
from consentry.store import houses
from consentry.store.embedded import EmbeddedPostgres
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.conftest import Database, make_database, make_tenant
from tests.openid_provider import running_provider
from tests.portal.liar import Liar, running_liar
from tests.portal.visiting import Visitor, begin, make_member
from tests.ports import held_port
from tests.serving import Service, start_service

SignIn = Callable[..., Awaitable[Visitor]]
_numbers = count()


@pytest.fixture(scope="session")
def portal_database(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder: Path = tmp_path_factory.mktemp("portal")
    return asyncio.run(make_database(postgres, folder))


@pytest.fixture(scope="session")
def issuer_port() -> Iterator[int]:
    """A port for an identity provider: known before it runs, because the operator allows its origin."""
    with held_port() as port:
        yield port


@pytest.fixture(scope="session")
def liar_port() -> Iterator[int]:
    """A port that the operator allows, too, for whoever plays a provider that lies."""
    with held_port() as port:
        yield port


@pytest.fixture(scope="session")
def issuer(issuer_port: int) -> Iterator[str]:
    """A real OpenID provider on this machine, whose origin the service may ask."""
    with running_provider(issuer_port) as running:
        yield running


@pytest.fixture(scope="session")
def portal_service(portal_database: Database, issuer_port: int, liar_port: int) -> Iterator[Service]:
    allowed = f"http://localhost:{issuer_port},http://127.0.0.1:{liar_port}"
    settings = {"CONSENTRY_WORKERS": "1", "CONSENTRY_SURFACES": "api,embed,portal"}
    settings["CONSENTRY_FAILURES_PER_MINUTE"] = "1000"  # all tests are one source
    service = start_service({**portal_database.environment, **settings, "CONSENTRY_ALLOWED_ORIGINS": allowed})
    yield service
    service.stop()


@pytest.fixture
def database(portal_database: Database) -> Database:
    return portal_database


@pytest.fixture
def service(portal_service: Service) -> Service:
    return portal_service


@pytest.fixture
async def bku(services: Services) -> Tenant:
    return await make_tenant(services, f"bku-{next(_numbers)}")


@pytest.fixture
async def other(services: Services) -> Tenant:
    return await make_tenant(services, f"other-{next(_numbers)}")


@pytest.fixture
async def partner(services: Services) -> Tenant:
    """A channel partner; it has no credentials, and its id stands where an institution's does."""
    public_id = f"partner-{next(_numbers)}"
    async with services.session.begin() as connection:
        partner_id = await houses.add_partner(connection, public_id=public_id, name=public_id.upper(), host=None)
    return Tenant(institution_id=partner_id, public_id=public_id, client_id="", client_secret="")


@pytest.fixture
def liar(liar_port: int) -> Iterator[Liar]:
    """Somebody who plays a provider, and lies as a test has them."""
    with running_liar(liar_port) as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as opened:
        yield opened


@pytest.fixture
def stranger(service: Service, client: httpx.Client) -> Visitor:
    """A browser in which nobody is signed in."""
    return Visitor(client, service.base_url)


@pytest.fixture
def signed_in(service: Service, services: Services, client: httpx.Client, bku: Tenant) -> SignIn:
    """Sign a new member in: `await signed_in(role)`, of `bku` or of the `tenant` given."""

    async def sign_in(role: Role, *, tenant: Tenant = bku, house: House = House.INSTITUTION) -> Visitor:
        email = f"{role.value}-{next(_numbers)}@bank.example"
        member_id = await make_member(services, tenant.institution_id, role, email=email)
        secret = await begin(services, tenant.institution_id, member_id)
        return Visitor(client, service.base_url, house=house, session=secret, member_id=member_id, email=email)

    return sign_in
