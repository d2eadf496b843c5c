"""`consentry migrate`, and what the other commands say of a schema that is not theirs."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from consentry.store.embedded import EmbeddedPostgres
from consentry.store.migrate import known_migrations
from tests.cli.commands import run
from tests.conftest import Database

NEEDED = len(known_migrations())


@pytest.fixture
async def empty(postgres: EmbeddedPostgres, database: Database) -> AsyncIterator[dict[str, str]]:
    """Settings of a database without any table."""
    name = f"{database.name}_empty"
    connection = await asyncpg.connect(postgres.super_url)
    try:
        await connection.execute(f"create database {name} owner consentry_owner template template0")
        await connection.execute(f"grant connect on database {name} to consentry_app")
        yield {
            **database.environment,
            "CONSENTRY_DATABASE_URL": postgres.url("consentry_app", database=name),
            "CONSENTRY_MIGRATION_URL": postgres.url("consentry_owner", database=name),
        }
        await connection.execute(f"drop database {name} with (force)")
    finally:
        await connection.close()


def test_tables_are_made_once_and_serving_waits_for_them(empty: dict[str, str]) -> None:
    early = run(empty, "serve", "--json")
    assert (early.code, early.refusal) == (1, "schema_behind")
    assert "consentry migrate" in early.err
    applied = run(empty, "migrate", "--json").document
    assert applied["version"] == NEEDED
    assert len(applied["applied"]) == NEEDED
    assert run(empty, "migrate", "--json").document == {"applied": [], "version": NEEDED}
    assert "Nothing to apply" in run(empty, "migrate").out
    assert run(empty, "institution", "list", "--json").document == []


def test_migrating_needs_the_owner(database: Database) -> None:
    settings = {name: value for name, value in database.environment.items() if name != "CONSENTRY_MIGRATION_URL"}
    assert run(settings, "migrate", "--json").refusal == "no_owner"


async def test_a_newer_schema_is_refused_by_everything(
    database: Database, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await super_connection.execute(
        "insert into consentry.schema_migrations (version, name, sha256) values (9999, '9999_future', '')"
    )
    for words in (("serve",), ("worker",), ("institution", "list")):
        assert run(database.environment, *words, "--json").refusal == "schema_ahead"
    refused = run(database.environment, "migrate", "--json")
    assert (refused.code, refused.refusal) == (1, "schema_ahead")
