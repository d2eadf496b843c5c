"""Owns the data under load: an institution, its customers and their consents, written by SQL.

Each customer has 4 accounts and 5 consents, to 5 of 50 apps, that share all accounts at first; ids follow from a
number, so that the load scripts can name them. The hot set, which the load asks for, is spread evenly over all
customers. Asking for the load is left to `bench.product`.
"""

import asyncio
import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

import consentry.store
from bench.cluster import Cluster
from bench.processes import MissingError

CONSENTS_EACH = 5
ACCOUNTS_EACH = 4
APPLICATIONS = 50
CHUNK = 20_000
WRITERS = 2
BYTES_A_CONSENT = 1_200

APPLICATIONS_SQL = f"""
insert into consentry.applications (institution_id, application_id, name, icon_url)
select $1, 'app-' || a, 'Application ' || a, 'https://apps.example/' || a || '/icon.png'
from generate_series(0, {APPLICATIONS - 1}) as a
on conflict do nothing
"""
CUSTOMERS_SQL = f"""
insert into consentry.customers (institution_id, customer_id, accounts)
select $1, 'customer-' || lpad(n::text, 8, '0'),
       (select jsonb_agg(jsonb_build_object(
            'account_id', 'account-' || lpad(n::text, 8, '0') || '-' || a,
            'nickname', (array['Checking', 'Savings', 'Credit card', 'Mortgage'])[a + 1],
            'account_number_display', 'XXXXXXXX' || lpad(((n * 7 + a) % 10000)::text, 4, '0')) order by a)
        from generate_series(0, {ACCOUNTS_EACH - 1}) as a)
from generate_series($2::int, $3::int) as n
"""
CONSENTS_SQL = f"""
insert into consentry.consents (institution_id, consent_id, customer_id, application_id, created_at, consented_on,
                                expires_at, shared_accounts, data_clusters, last_accessed)
select $1, '_bench' || padded || '-' || k, 'customer-' || padded,
       'app-' || ((n + k * {APPLICATIONS // CONSENTS_EACH}) % {APPLICATIONS}), opened, opened,
       opened + interval '1 year', shared, '["ACCOUNT_BASIC","TRANSACTIONS"]', opened + interval '1 hour'
from generate_series($2::int, $3::int) as n,
     lateral (select lpad(n::text, 8, '0') as padded) as p,
     lateral (select jsonb_agg('account-' || padded || '-' || a order by a) as shared
              from generate_series(0, {ACCOUNTS_EACH - 1}) as a) as s,
     generate_series(0, {CONSENTS_EACH - 1}) as k,
     lateral (select date_trunc('milliseconds', now()) - make_interval(days => 1 + (n + k * 37) % 180) as opened) as t
"""
RESTORE_SQL = """
update consentry.consents as c
set version = 1, shared_accounts = (select jsonb_agg(a -> 'account_id') from jsonb_array_elements(k.accounts) as a)
from (select distinct institution_id, consent_id from consentry.consent_changes) as changed, consentry.customers as k
where c.institution_id = changed.institution_id and c.consent_id = changed.consent_id
  and k.institution_id = c.institution_id and k.customer_id = c.customer_id
"""
READ_SQL = """
select count(c.version)
from generate_series(0, {last}) as n
join consentry.customers as k on k.customer_id = 'customer-' || lpad((n * {step})::text, 8, '0')
join consentry.institutions as i on i.institution_id = k.institution_id and i.public_id = '{institution}'
join consentry.consents as c on c.institution_id = k.institution_id and c.customer_id = k.customer_id
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How many consents are stored."""

    name: str
    words: str
    consents: int
    hot_at_most: int = 100_000

    @property
    def customers(self) -> int:
        """Return how many customers there are."""
        return self.consents // CONSENTS_EACH

    @property
    def hot(self) -> int:
        """Return how many of them the load asks for."""
        return min(self.customers, self.hot_at_most)

    @property
    def step(self) -> int:
        """Return the distance between two customers of the hot set."""
        return self.customers // self.hot


SIZES = {
    "10k": Size("10k", "10 thousand", 10_000),
    "1m": Size("1m", "1 million", 1_000_000),
    "10m": Size("10m", "10 million", 10_000_000),
}


def version_of_data() -> str:
    """Return a digest of the schema and of this file; data of another version is made anew."""
    schema = sorted((Path(consentry.store.__file__).parent / "schema").glob("*.sql"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in [*schema, Path(__file__)])).hexdigest()


def is_current(data: Path) -> bool:
    """Tell whether a data folder was seeded whole and by this version."""
    marker = data / "bench-seeded"
    return marker.exists() and marker.read_text() == version_of_data()


def discard(data: Path) -> None:
    """Remove a data folder of the benchmark."""
    shutil.rmtree(data)


def require_space(folder: Path, size: Size) -> None:
    """Make sure that the data of a size fits, with the log that writing it needs.

    Raises: MissingError when it does not.
    """
    needed = 1e9 + size.consents * BYTES_A_CONSENT
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise MissingError(f"{folder} has {free / 1e9:.0f} GB free; {size.words} consents need {needed / 1e9:.0f} GB")


def fill(cluster: Cluster, *, institution: str, size: Size, say: Callable[[str], None]) -> None:
    """Write all customers and consents of a size, vacuum, and mark the folder as whole.

    `institution` is the public id of one that exists.
    """
    begun = time.monotonic()
    cluster.bind(set(range(WRITERS)))
    asyncio.run(_fill(cluster, institution, size))
    cluster.execute("vacuum (analyze, freeze) consentry.customers", "vacuum (analyze, freeze) consentry.consents")
    cluster.checkpoint()
    (cluster.data / "bench-seeded").write_text(version_of_data())
    say(f"seeded {size.consents:,} consents in {time.monotonic() - begun:.0f} s")


async def _fill(cluster: Cluster, institution: str, size: Size) -> None:
    url = cluster.url("consentry")
    connection = await asyncpg.connect(url)
    try:
        number = await connection.fetchval(
            "select institution_id from consentry.institutions where public_id = $1", institution
        )
        await connection.execute(APPLICATIONS_SQL, number)
    finally:
        await connection.close()
    share = -(-size.customers // WRITERS)
    await asyncio.gather(
        *(_write(url, number, range(w * share, min((w + 1) * share, size.customers))) for w in range(WRITERS))
    )


async def _write(url: str, institution: int, customers: range) -> None:
    """Write a range of customers; what the rows refer to is there by construction, so it is not looked up again."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("set session_replication_role = replica; set synchronous_commit = off")
        for first in range(customers.start, customers.stop, CHUNK):
            last = min(first + CHUNK, customers.stop) - 1
            await connection.execute(CUSTOMERS_SQL, institution, first, last)
            await connection.execute(CONSENTS_SQL, institution, first, last)
    finally:
        await connection.close()


def clear_traffic(cluster: Cluster) -> None:
    """Undo the toggles of earlier runs, and forget their tokens, history, events and audit entries."""
    cluster.execute(RESTORE_SQL, "vacuum consentry.consents")
    tables = ("tokens", "consent_changes", "events", "audit_entries", "audit_seals")
    cluster.execute("truncate " + ", ".join(f"consentry.{table}" for table in tables))


def read_hot_set(cluster: Cluster, *, institution: str, size: Size) -> None:
    """Read the rows of the hot set once, so that PostgreSQL has them in its cache, as far as that can hold them."""
    read = READ_SQL.format(last=size.hot - 1, step=size.step, institution=institution)
    # By the indexes that requests use: a scan of a whole table leaves little of it in the cache.
    cluster.execute("set enable_seqscan = off", "set enable_hashjoin = off", "set enable_mergejoin = off", read)


def changes(cluster: Cluster) -> int:
    """Return how many changes of consents are on record."""
    return cluster.value("select count(*) from consentry.consent_changes")
