"""Owns one PostgreSQL of the benchmark: the product's own embedded one in a data folder, bound to the core of the load.

What is put into it is left to `bench.seed`, `bench.servers` and `bench.pgbench`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from bench.processes import LOAD_CORE, bind, cpu_seconds
from consentry.store.embedded import EmbeddedPostgres
from consentry.store.embedded import start as start_embedded


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is, in the parts that other programs want."""

    host: str
    port: str
    user: str
    password: str
    database: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running PostgreSQL and the folder of the product's data that it belongs to."""

    data: Path
    postgres: EmbeddedPostgres

    @staticmethod
    def start(data: Path) -> "Cluster":
        """Start the embedded PostgreSQL of a data folder with the product's own settings, and bind it to its core."""
        data.mkdir(parents=True, exist_ok=True)
        cluster = Cluster(data, start_embedded(data))
        cluster.bind({LOAD_CORE})
        return cluster

    def bind(self, cores: set[int]) -> None:
        """Bind the server and all its processes to some cores."""
        bind(self.postgres.pid, cores)

    def cpu_seconds(self) -> float:
        """Return the CPU time that the server has used so far."""
        return cpu_seconds(self.postgres.pid)

    def url(self, database: str) -> str:
        """Return the superuser's address of one database."""
        return urlsplit(self.postgres.super_url)._replace(path=f"/{database}").geturl()

    def address(self, database: str) -> Address:
        """Return the same address in parts."""
        parts = urlsplit(self.postgres.super_url)
        query = parse_qs(parts.query)
        return Address(
            host=parts.hostname or query.get("host", [""])[0],
            port=str(parts.port or query.get("port", ["5432"])[0]),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=database,
        )

    def execute(self, *statements: str, database: str = "consentry") -> None:
        """Run statements one after the other as the superuser."""
        asyncio.run(_execute(self.url(database), statements))

    def value(self, query: str, database: str = "consentry") -> int:
        """Return the one number that a query answers."""
        return asyncio.run(_value(self.url(database), query))

    def has_database(self, name: str) -> bool:
        """Tell whether a database of that name exists."""
        return self.value(f"select count(*)::int from pg_database where datname = '{name}'", "postgres") == 1

    def checkpoint(self) -> None:
        """Write everything out now, as fast as possible."""
        self.execute("checkpoint", database="postgres")


async def _execute(url: str, statements: Sequence[str]) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _value(url: str, query: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(query))
    finally:
        await connection.close()
