"""Fixtures of the worker's tests."""

import pytest

from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.worker.trail import Trail


@pytest.fixture
async def trail(services: Services, bku: Tenant) -> Trail:
    """An audit of ten sealed entries, the last of them witnessed."""
    made = Trail(services, bku)
    await made.write(8)
    await made.seal()
    await made.witness()
    return made
