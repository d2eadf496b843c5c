"""A sandbox that an older version filled: everything works, and the demo says what is missing and how to get it."""

from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from consentry.config import Bind
from consentry.sandbox.bank import make_bank
from consentry.sandbox.houses import make_institution
from consentry.sandbox.narration import Narration
from consentry.sandbox.people import HOUSES
from consentry.sandbox.places import Places
from consentry.sandbox.preparation import Prepared, prepare
from consentry.sandbox.words import INSTITUTION
from consentry.store import houses, sandbox
from consentry.usecases.services import Services
from tests.conftest import Database

PLACES = Places(
    bank_app="http://localhost:8090",
    provider="http://localhost:8091",
    inbox="http://localhost:8092",
    smtp="smtp://127.0.0.1:8093",
)
ADVICE = "An older version filled this sandbox"


async def _prepared(services: Services) -> Prepared:
    return await prepare(services, known=None, places=PLACES, on_step=lambda _: None)


@pytest.fixture
async def marked(database: Database) -> None:
    connection = await asyncpg.connect(database.owner_url)
    await sandbox.mark(connection)
    await connection.close()


@pytest.mark.usefixtures("marked")
async def test_a_sandbox_without_a_past_says_so_and_one_that_is_new_does_not(
    services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    institution = await make_institution(services, INSTITUTION)
    async with services.session.begin(institution.institution_id) as connection:
        await sandbox.fill(connection, institution.institution_id, make_bank())
    old = await _prepared(services)
    assert (old.is_new, old.has_past) == (False, False)
    assert old.all_customers == len(old.customers)
    async with services.session.begin() as connection:
        for house in HOUSES:
            assert await houses.find(connection, house.public_id, host=None, kind=house.kind) is not None
    for prepared, is_advised in ((old, True), (replace(old, has_past=True), False)):
        Narration(tmp_path).addresses(Bind("127.0.0.1", 8080), prepared, PLACES, wanted_port=None)
        said = capsys.readouterr().out
        assert (ADVICE in said) is is_advised
        assert ("sandbox reset --yes" in said) is is_advised


@pytest.mark.usefixtures("marked")
async def test_a_new_sandbox_has_a_past_and_keeps_it(services: Services) -> None:
    new = await _prepared(services)
    assert (new.is_new, new.has_past) == (True, True)
    again = await _prepared(services)
    assert (again.is_new, again.has_past) == (False, True)
