"""Fixtures of the import's tests: an importer into the institution `bku`, and what is stored of everybody's."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.importing.forms import Importer

Stored = dict[str, list[tuple[object, ...]]]
Look = Callable[[], Awaitable[Stored]]

_WHAT_COUNTS = {
    "institutions": "institution_id, public_id, name, host, status",
    "intermediaries": "institution_id, intermediary_id, name, consentry.settings_of(i)::text, version",
    "applications": "institution_id, application_id, name, icon_url, intermediary_id, status, purpose",
    "customers": "institution_id, customer_id, accounts, version",
    "consents": """institution_id, consent_id, customer_id, application_id, created_at, consented_on, expires_at,
                   paused_at, revoked_at, revoked_by, revocation_reason, auto_share, shared_accounts, data_clusters,
                   last_accessed, read_only, version""",
    "consent_changes": "institution_id, consent_id, version, kind",
    "events": "institution_id, kind, consent_id",
}


@pytest.fixture
def importer(services: Services, bku: Tenant) -> Importer:
    """Imports into an institution without customers."""
    return Importer(services, bku.public_id)


@pytest.fixture
def look(super_connection: "asyncpg.Connection[asyncpg.Record]") -> Look:
    """Read everything that an import could change, of all institutions."""

    async def _look() -> Stored:
        return {
            table: [
                tuple(row)
                for row in await super_connection.fetch(f"select {columns} from consentry.{table} i order by 1, 2")
            ]
            for table, columns in _WHAT_COUNTS.items()
        }

    return _look


@pytest.fixture
def audited(super_connection: "asyncpg.Connection[asyncpg.Record]") -> Callable[[], Awaitable[list[str]]]:
    """Give the actions in the audit that are about imports and consents, in their order."""

    async def _audited() -> list[str]:
        rows = await super_connection.fetch(
            """select action from consentry.audit_entries where action ~ '^(import|consent)' order by entry_id"""
        )
        return [row[0] for row in rows]

    return _audited
