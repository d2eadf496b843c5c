"""Owns what the portal is measured on, beside consents: audit rows, counts, last digits of accounts, a team.

The consents are `bench.seed`'s. Audit rows are spread over the days of this month so far; one in a hundred is staff's.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg

from bench import seed
from bench.cluster import Cluster
from bench.product import INSTITUTION, folder_of, open_product
from bench.seed import WRITERS, Size
from consentry.domain.staff import Role
from consentry.keyring import read_key_file
from consentry.store import staff
from consentry.usecases.counting.count_consents import count_consents
from consentry.usecases.staff.sessions import Browser, begin_session
from consentry.wiring import open_services

SIZE = Size("portal", "1 million", 1_000_000)
AUDIT_ROWS = 10_000_000
_CHUNK = 250_000
_SOME = timedelta(days=1)

MEMBERS_SQL = """
insert into consentry.staff_members
    (institution_id, member_id, email, name, role, issuer, subject, added_at, invited_until, last_signed_in_at)
select $1, gen_random_uuid(), 'person-' || n || '@bench.example', 'Person ' || n,
       (array['admin', 'support', 'compliance', 'user'])[1 + n % 4], 'https://idp.bench.example', 'person-' || n,
       now(), now(), now()
from generate_series(1, 50) as n
"""
AUDIT_SQL = """
insert into consentry.audit_entries
    (institution_id, entry_id, at, action, outcome, actor_kind, actor_id, subject_kind, subject_id, before, after,
     source, request_id)
select $1, consentry.time_ordered_id(at), at,
       case when by_staff then 'customer.opened' else 'consent.account_shared' end, 'done',
       case when by_staff then 'staff' else 'customer' end,
       case when by_staff then ($4::uuid[])[1 + n % 50]::text else 'customer-' || lpad((n % 200000)::text, 8, '0') end,
       case when by_staff then 'customer' else 'consent' end,
       case when by_staff then 'customer-' || lpad((n % 200000)::text, 8, '0')
            else '_bench' || lpad((n % 200000)::text, 8, '0') || '-' || n % 5 end,
       null, '{"reason_text": "ticket 4711"}', '192.0.2.1', 'bench-' || n
from generate_series($2::int, $3::int) as n,
     lateral (select n % 100 = 0 as by_staff,
                     month + (statement_timestamp() - month) * (n::float8 / $5::float8) as at
              from (select date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' as month) as m) as t
"""
MOVES_SQL = """
insert into consentry.consent_moves
    (institution_id, customer_id, counts, application_id, consented_on, expires_at, revoked_at, revoked_by)
select institution_id, customer_id, 1, application_id, consented_on, expires_at, revoked_at, revoked_by
from consentry.consents
"""
ENDINGS_SQL = """
insert into consentry.account_endings (institution_id, ending, customer_id)
select c.institution_id, e.ending, c.customer_id
from consentry.customers c cross join lateral consentry.endings_of(c.accounts) as e (ending)
on conflict do nothing
"""


@dataclass(frozen=True, slots=True)
class Team:
    """What signs a browser in: the secret of an admin's session, and the institution's internal id."""

    session: str
    institution_id: int


def _marker(data: Path) -> Path:
    return data / "portal-seeded"


def _version() -> str:
    return hashlib.sha256(seed.version_of_data().encode() + Path(__file__).read_bytes()).hexdigest()


def is_current() -> bool:
    """Tell whether the data is whole and of this version."""
    marker = _marker(folder_of(SIZE))
    return marker.exists() and marker.read_text() == _version()


def fill(cluster: Cluster, *, say: Callable[[str], None]) -> None:
    """Write everything: first the institution with its consents, then what the portal shows beside them."""
    open_product(cluster, SIZE, companion=False, say=say).server.end()
    cluster.bind(set(range(WRITERS)))
    begun = time.monotonic()
    asyncio.run(_fill(cluster))
    cluster.execute("vacuum (analyze, freeze)")
    cluster.checkpoint()
    _marker(cluster.data).write_text(_version())
    say(f"seeded {AUDIT_ROWS:,} audit rows and counted in {time.monotonic() - begun:.0f} s")


async def _fill(cluster: Cluster) -> None:
    connection = await asyncpg.connect(cluster.url("consentry"))
    try:
        number = await connection.fetchval(
            "select institution_id from consentry.institutions where public_id = $1", INSTITUTION
        )
        await connection.execute(MEMBERS_SQL, number)
        members = [row[0] for row in await connection.fetch("select member_id from consentry.staff_members")]
        await connection.execute("set synchronous_commit = off")
        await connection.execute(ENDINGS_SQL)
        await connection.execute(MOVES_SQL)
    finally:
        await connection.close()
    share = AUDIT_ROWS // WRITERS
    await asyncio.gather(*(_audit(cluster, number, members, range(w * share, (w + 1) * share)) for w in range(WRITERS)))
    keyring = read_key_file(cluster.data / "keys.json")
    async with open_services(_app_url(cluster), keyring, connections=4) as services:
        await count_consents(services.session)


async def _audit(cluster: Cluster, number: int, members: list[object], rows: range) -> None:
    connection = await asyncpg.connect(cluster.url("consentry"))
    try:
        await connection.execute("set session_replication_role = replica; set synchronous_commit = off")
        for first in range(rows.start, rows.stop, _CHUNK):
            last = min(first + _CHUNK, rows.stop) - 1
            await connection.execute(AUDIT_SQL, number, first, last, members, AUDIT_ROWS)
    finally:
        await connection.close()


async def sign_in(cluster: Cluster) -> Team:
    """Begin a session of a new admin, as a sign-in does."""
    keyring = read_key_file(cluster.data / "keys.json")
    async with open_services(_app_url(cluster), keyring, connections=4) as services:
        connection = await asyncpg.connect(cluster.url("consentry"))
        try:
            number: int = await connection.fetchval(
                "select institution_id from consentry.institutions where public_id = $1", INSTITUTION
            )
        finally:
            await connection.close()
        async with services.session.begin(number) as opened:
            email = f"bench-{time.time_ns()}@bench.example"
            member = await staff.add(opened, number, email=email, role=Role.ADMIN, valid=_SOME)
            await staff.bind(
                opened, number, member.member_id, issuer="https://idp.bench.example", subject=email, name="Bench"
            )
            begun = await begin_session(
                services, opened, number, member_id=member.member_id, browser=Browser("127.0.0.1", "bench")
            )
    return Team(session=begun.secret, institution_id=number)


def _app_url(cluster: Cluster) -> str:
    return cluster.postgres.url("consentry_app", database="consentry")
