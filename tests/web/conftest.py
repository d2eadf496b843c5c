"""Fixtures of the wire tests, which share one service: each test has institutions of its own on it.

What a test in this folder changes is its own institution's alone.
"""

import asyncio
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest

from consentry.store.embedded import EmbeddedPostgres
from consentry.usecases.services import Services
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.conftest import Database, make_database, make_tenant
from tests.serving import Service, start_service
from tests.web.calls import Api

_numbers = count()


@pytest.fixture(scope="session")
def shared_database(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder: Path = tmp_path_factory.mktemp("shared")
    return asyncio.run(make_database(postgres, folder))


@pytest.fixture(scope="session")
def shared_service(shared_database: Database) -> Iterator[Service]:
    service = start_service(shared_database.environment)
    yield service
    service.stop()


@pytest.fixture
def database(shared_database: Database) -> Database:
    return shared_database


@pytest.fixture
def service(shared_service: Service) -> Service:
    return shared_service


@pytest.fixture
async def bku(services: Services) -> Tenant:
    return await make_tenant(services, f"bku-{next(_numbers)}")


@pytest.fixture
async def other(services: Services) -> Tenant:
    return await make_tenant(services, f"other-{next(_numbers)}")


@pytest.fixture
async def customer(services: Services, bku: Tenant) -> str:
    """A customer with three accounts who shares one with a budget app, and all with a lender."""
    await add_customer(services.session, bku, "cust-1")
    await add_consent(services.session, bku, "cust-1", "budget", "_budget1")
    everything = json.dumps([account["account_id"] for account in ACCOUNTS])
    await add_consent(services.session, bku, "cust-1", "lender", "_lender1", shared_accounts=everything)
    return "cust-1"


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as opened:
        yield opened


@pytest.fixture
def api(service: Service, client: httpx.Client, bku: Tenant, customer: str) -> Api:
    return Api(client, service.base_url, bku)
