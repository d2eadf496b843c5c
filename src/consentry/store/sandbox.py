"""The sandbox's part of the store: its mark on the database, its made-up rows, and the end of both.

The mark is the comment on the schema, which only the owner can set. Nothing here runs on a database without it, and
nothing else in the product reads it. What the rows say is left to `consentry.sandbox`.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import asyncpg

from consentry.domain.account import Account
from consentry.domain.counting import DayCount
from consentry.store import counting, test_customers
from consentry.store.accounts import accounts_text
from consentry.store.session import Connection

_TEST_CUSTOMERS: Final = 5
MARK: Final = "consentry sandbox: made-up data, which `consentry sandbox reset` deletes"


class SandboxRefused(Exception):
    """The database is not the sandbox's to use or to delete; the message says what to do."""


@dataclass(frozen=True, slots=True)
class MadeUpApplication:
    """An app, what it uses the data for, the intermediary through which it reads, or None, and how long it is known."""

    application_id: str
    name: str
    icon_url: str | None
    purpose: str
    intermediary_id: str | None
    category: str
    website: str
    registered: timedelta
    status: str = "active"


@dataclass(frozen=True, slots=True)
class MadeUpIntermediary:
    """An intermediary: whom to ask there, how long it is known, how many requests it may make in which period."""

    intermediary_id: str
    name: str
    contact: str
    registered: timedelta
    limit: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class MadeUpCustomer:
    """A customer and their accounts, in the bank's order."""

    customer_id: str
    accounts: tuple[Account, ...]


@dataclass(frozen=True, slots=True)
class MadeUpConsent:
    """A consent whose times are given as how long ago they were; in the future they are negative."""

    consent_id: str
    customer_id: str
    application_id: str
    granted: timedelta
    shared_accounts: tuple[str, ...]
    data_clusters: tuple[str, ...]
    auto_share: bool = False
    expires: timedelta | None = None
    paused: timedelta | None = None
    revoked: timedelta | None = None
    revoked_by: str | None = None
    revocation_reason: str | None = None
    last_accessed: timedelta | None = None


@dataclass(frozen=True, slots=True)
class MadeUpBank:
    """Everything that a sandbox's institution begins with."""

    intermediaries: tuple[MadeUpIntermediary, ...]
    applications: tuple[MadeUpApplication, ...]
    customers: tuple[MadeUpCustomer, ...]
    consents: tuple[MadeUpConsent, ...]


@dataclass(frozen=True, slots=True)
class CustomerCount:
    """How many consents of a customer are kept, and under how many of them data flows now."""

    customer_id: str
    consents: int
    sharing: int


async def is_marked(connection: Connection) -> bool:
    """Tell whether the database bears the sandbox's mark; one without the product's schema does not."""
    comment: str | None = await connection.fetchval(
        "select obj_description(to_regnamespace('consentry'), 'pg_namespace')"
    )
    return comment == MARK


async def refuse_others(connection: Connection) -> None:
    """Refuse a database that is somebody's: it has institutions and does not bear the mark.

    Raises:
        SandboxRefused: it is one.
    """
    if await connection.fetchval("select to_regclass('consentry.institutions') is null") or await is_marked(connection):
        return
    if await connection.fetchval("select exists (select from consentry.institutions)"):
        raise SandboxRefused(
            "This database has institutions and was not made by the sandbox, so that the sandbox won't touch it. "
            "Name another folder in CONSENTRY_DATA_DIR."
        )


async def mark(connection: Connection) -> None:
    """Mark the database as the sandbox's, as the owner of its tables; done already, it stays.

    Raises:
        SandboxRefused: it is somebody's.
    """
    async with connection.transaction():
        await connection.execute("lock table consentry.institutions in share row exclusive mode")
        await refuse_others(connection)
        await connection.execute(f"comment on schema consentry is '{MARK}'")


async def erase(connection: Connection) -> None:
    """Delete the product's schema with everything in it, as its owner, if it bears the mark and nobody uses it.

    Raises:
        SandboxRefused: it does not bear the mark, or somebody is connected.
    """
    async with connection.transaction():
        if not await is_marked(connection):
            raise SandboxRefused("This database was not made by the sandbox: nothing was deleted.")
        if await connection.fetchval(
            """select exists (select from pg_stat_activity
                              where datname = current_database() and pid <> pg_backend_pid() and usename is not null)"""
        ):
            raise SandboxRefused(
                "The sandbox is in use: stop whatever works on it, then try again. Nothing was deleted."
            )
        await connection.execute("set local client_min_messages = warning")
        await connection.execute("drop schema consentry cascade")


async def is_filled(connection: Connection) -> bool:
    """Tell whether the institution that the transaction sees has customers."""
    filled: bool = await connection.fetchval("select exists (select from consentry.customers)")
    return filled


async def fill(connection: Connection, institution_id: int, bank: MadeUpBank) -> None:
    """Write a made-up bank for the institution that the transaction sees, one statement a table."""
    await _fill_parties(connection, institution_id, bank)
    await connection.execute(
        """insert into consentry.customers (institution_id, customer_id, accounts)
           select $1, customer_id, accounts::jsonb from unnest($2::text[], $3::text[]) as c (customer_id, accounts)""",
        institution_id,
        [customer.customer_id for customer in bank.customers],
        [accounts_text(customer.accounts) for customer in bank.customers],
    )
    await _fill_consents(connection, institution_id, bank.consents)
    named = [customer.customer_id for customer in bank.customers[:_TEST_CUSTOMERS]]
    await test_customers.mark(connection, institution_id, named)


async def _fill_parties(connection: Connection, institution_id: int, bank: MadeUpBank) -> None:
    parties = bank.intermediaries
    await connection.execute(
        """insert into consentry.intermediaries (
               institution_id, intermediary_id, name, contacts, request_limit, request_period, created_at)
           select $1, intermediary_id, name, contacts::jsonb, request_limit, request_period,
                  consentry.now() - registered
           from unnest($2::text[], $3::text[], $4::text[], $5::integer[], $6::text[], $7::interval[])
               as i (intermediary_id, name, contacts, request_limit, request_period, registered)""",
        institution_id,
        [party.intermediary_id for party in parties],
        [party.name for party in parties],
        [_contacts(party) for party in parties],
        [None if party.limit is None else party.limit[0] for party in parties],
        [None if party.limit is None else party.limit[1] for party in parties],
        [party.registered for party in parties],
    )
    await connection.execute(
        """insert into consentry.applications (
               institution_id, application_id, name, icon_url, purpose, intermediary_id, category, website, status,
               created_at)
           select $1, application_id, name, icon_url, purpose, intermediary_id, category, website, status,
                  consentry.now() - registered
           from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                       $10::interval[])
               as a (application_id, name, icon_url, purpose, intermediary_id, category, website, status,
                     registered)""",
        institution_id,
        [application.application_id for application in bank.applications],
        [application.name for application in bank.applications],
        [application.icon_url for application in bank.applications],
        [application.purpose for application in bank.applications],
        [application.intermediary_id for application in bank.applications],
        [application.category for application in bank.applications],
        [application.website for application in bank.applications],
        [application.status for application in bank.applications],
        [application.registered for application in bank.applications],
    )


async def _fill_consents(connection: Connection, institution_id: int, consents: Sequence[MadeUpConsent]) -> None:
    await connection.execute(
        """
        with made_up as (
            select c.*, date_trunc('milliseconds', consentry.now()) as now
            from unnest($2::text[], $3::text[], $4::text[], $5::interval[], $6::text[], $7::text[], $8::boolean[],
                        $9::interval[], $10::interval[], $11::interval[], $12::text[], $13::text[], $14::interval[])
                as c (consent_id, customer_id, application_id, granted, shared_accounts, data_clusters, auto_share,
                      expires, paused, revoked, revoked_by, reason, accessed)
        ), history as (
            insert into consentry.consent_changes (
                institution_id, consent_id, version, at, kind, actor_kind, actor_id, detail)
            select $1, consent_id, 2, now - revoked, 'revoked', revoked_by,
                   case revoked_by when 'customer' then customer_id when 'recipient' then application_id end,
                   jsonb_build_object('status', 'revoked', 'reason', reason)
            from made_up where revoked is not null
        )
        insert into consentry.consents (
            institution_id, consent_id, customer_id, application_id, created_at, consented_on, expires_at,
            paused_at, revoked_at, revoked_by, revocation_reason, auto_share, shared_accounts, data_clusters,
            last_accessed, version)
        select $1, consent_id, customer_id, application_id, now - granted, now - granted, now - expires, now - paused,
               now - revoked, revoked_by, reason, auto_share, shared_accounts::jsonb, data_clusters::jsonb,
               now - accessed, case when revoked is null then 1 else 2 end
        from made_up
        """,
        institution_id,
        [consent.consent_id for consent in consents],
        [consent.customer_id for consent in consents],
        [consent.application_id for consent in consents],
        [consent.granted for consent in consents],
        [json.dumps(consent.shared_accounts) for consent in consents],
        [json.dumps(consent.data_clusters) for consent in consents],
        [consent.auto_share for consent in consents],
        [consent.expires for consent in consents],
        [consent.paused for consent in consents],
        [consent.revoked for consent in consents],
        [consent.revoked_by for consent in consents],
        [consent.revocation_reason for consent in consents],
        [consent.last_accessed for consent in consents],
    )


async def add_past_visits(
    connection: Connection, institution_id: int, days: Counter[DayCount], last_seen: Mapping[str, date]
) -> None:
    """Add to the sums of past days what nobody counted, and note the last day on which customers came.

    Raises:
        SandboxRefused: the database does not bear the mark.
    """
    if not await is_marked(connection):
        raise SandboxRefused("Only the sandbox makes up a past: nothing was written.")
    await counting.add_days(connection, institution_id, days)
    await connection.execute(
        """insert into consentry.customers_seen (institution_id, customer_id, last_day)
           select $1, * from unnest($2::text[], $3::date[]) on conflict do nothing""",
        institution_id,
        list(last_seen),
        list(last_seen.values()),
    )


async def totals(connection: Connection) -> tuple[int, int]:
    """Count the customers and the consents of the institution that the transaction sees."""
    row = await connection.fetchrow(
        "select (select count(*) from consentry.customers), (select count(*) from consentry.consents)"
    )
    return (0, 0) if row is None else (row[0], row[1])


async def customer_counts(connection: Connection, customer_ids: Sequence[str]) -> list[CustomerCount]:
    """Count the consents of some customers of the institution that the transaction sees, most first."""
    rows = await connection.fetch(
        """
        select k.customer_id, count(c.consent_id) as consents,
               count(c.consent_id) filter (
                   where c.revoked_at is null and c.paused_at is null and c.shared_accounts <> '[]'
                     and (c.expires_at is null or c.expires_at > consentry.now())) as sharing
        from consentry.customers k
        left join consentry.consents c on c.institution_id = k.institution_id and c.customer_id = k.customer_id
        where k.customer_id = any ($1)
        group by k.customer_id order by consents desc, k.customer_id
        """,
        list(customer_ids),
    )
    return [_count(row) for row in rows]


def _count(row: asyncpg.Record) -> CustomerCount:
    return CustomerCount(customer_id=row["customer_id"], consents=row["consents"], sharing=row["sharing"])


def _contacts(party: MadeUpIntermediary) -> str:
    mailbox = party.contact.lower().replace(" ", ".")
    email = f"{mailbox}@{party.intermediary_id}.example"
    return json.dumps([{"name": party.contact, "role": "Partnerships", "email": email, "phone": "+1 555 010 0150"}])
