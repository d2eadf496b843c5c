"""One service with one worker, and one nginx in front of it, for all tests of this folder."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from consentry.store.embedded import EmbeddedPostgres
from consentry.wiring import open_services
from tests.builders import Tenant
from tests.conftest import Database, make_database, make_tenant
from tests.deploy.proxy import Proxy, run_proxy
from tests.serving import Service, start_service


@dataclass(frozen=True, slots=True)
class Installation:
    """A service behind its proxy, and an institution with credentials."""

    proxy: Proxy
    service: Service
    tenant: Tenant


@pytest.fixture(scope="session")
def installation(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("deploy")
    database = asyncio.run(make_database(postgres, folder))
    tenant = asyncio.run(_tenant(database))
    settings = {"CONSENTRY_TRUSTED_PROXIES": "1", "CONSENTRY_WORKERS": "1", "CONSENTRY_LOG_LEVEL": "debug"}
    service = start_service({**database.environment, **settings})
    try:
        with run_proxy(_inside(folder), service.base_url) as proxy:
            yield Installation(proxy, service, tenant)
    finally:
        service.stop()


def _inside(folder: Path) -> Path:
    made = folder / "nginx"
    made.mkdir()
    return made


async def _tenant(database: Database) -> Tenant:
    async with open_services(database.app_url, database.keyring, connections=2) as services:
        return await make_tenant(services, "bku")
