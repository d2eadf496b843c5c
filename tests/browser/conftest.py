"""Fixtures of the browser tests: one Chromium and one service for all, a fresh context and institution for each test.

Everything here, tests too, runs in one event loop that lasts as long as the session: Playwright's connection to the
browser and the database's connections live in it.
"""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from consentry.store.embedded import EmbeddedPostgres
from consentry.usecases.institution.change_origins import add_origin
from consentry.usecases.services import Services
from consentry.wiring import open_services
from tests.browser.chromium import find_chromium
from tests.browser.gallery import write_index
from tests.browser.households import Household
from tests.browser.office import Office
from tests.browser.parent import Parent, serve_parent
from tests.browser.stage import Stage
from tests.browser.watch import Watch
from tests.builders import Tenant
from tests.conftest import OPERATOR, Database, make_database, make_tenant
from tests.openid_provider import running_provider
from tests.serving import Service, start_service

WITHIN = 60_000  # milliseconds; the machine may be busy
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--test-third-party-cookie-phaseout",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE *.localhost",
)
_numbers = count()
expect.set_options(timeout=WITHIN)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of this folder into the session's event loop."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def pytest_sessionfinish() -> None:
    """Make the index of the screenshots: by each process, from all that there is."""
    write_index()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS), timeout=WITHIN)
        yield opened
        await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def watch() -> AsyncIterator[Watch]:
    watching = Watch()
    yield watching
    assert watching.verdict() == []


@pytest_asyncio.fixture(loop_scope="session")
async def contexts(browser: Browser, watch: Watch) -> AsyncIterator["Contexts"]:
    made = Contexts(browser, watch)
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="session")
async def context(contexts: "Contexts") -> BrowserContext:
    return await contexts.new()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(contexts: "Contexts") -> BrowserContext:
    """The browser of somebody at work: a wide window, and a clipboard."""
    return await contexts.new(
        viewport={"width": 1200, "height": 900}, permissions=["clipboard-read", "clipboard-write"]
    )


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


class Contexts:
    """Makes browser contexts, as separate as two people's browsers, which one watch sees."""

    def __init__(self, browser: Browser, watch: Watch) -> None:
        self._browser = browser
        self._watch = watch
        self._made: list[BrowserContext] = []

    async def new(self, **options: Any) -> BrowserContext:
        """Make one; `options` are Playwright's."""
        context = await self._browser.new_context(
            ignore_https_errors=True, **{"viewport": {"width": 512, "height": 800}, "locale": "en-US", **options}
        )
        context.set_default_timeout(WITHIN)
        self._watch.attach(context)
        self._made.append(context)
        return context

    async def close(self) -> None:
        """Close all of them."""
        for context in self._made:
            await context.close()


@pytest.fixture(scope="session")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    with serve_parent(tmp_path_factory.mktemp("parent")) as serving:
        yield serving


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def database(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Database:
    return await make_database(postgres, tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="session")
def issuer() -> Iterator[str]:
    """An identity provider for staff, by its issuer."""
    with running_provider() as running:
        yield running


@pytest.fixture(scope="session")
def service(database: Database, issuer: str) -> Iterator[Service]:
    settings = {"CONSENTRY_WORKERS": "1", "CONSENTRY_SURFACES": "api,embed,portal"}
    running = start_service({**database.environment, **settings, "CONSENTRY_ALLOWED_ORIGINS": issuer})
    yield running
    running.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def services(database: Database) -> AsyncIterator[Services]:
    async with open_services(database.app_url, database.keyring, connections=4) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def bku(services: Services, parent: Parent) -> Tenant:
    """An institution whose dashboard the parent's `bank` may embed."""
    tenant = await make_tenant(services, f"bku-{next(_numbers)}")
    await add_origin(services, tenant.institution_id, parent.origin("bank"), actor=OPERATOR)
    return tenant


@pytest.fixture
def office(services: Services, service: Service) -> Office:
    return Office(services, service.base_url)


@pytest.fixture
def household(services: Services, bku: Tenant) -> Household:
    return Household(services.session, bku)


@pytest.fixture
def stage(service: Service, parent: Parent, bku: Tenant) -> Stage:
    return Stage(service.base_url, parent, bku)
