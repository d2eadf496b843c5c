"""One institution never sees or moves what is another's, on the wire and in the database (R90, R132)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import httpx
import pytest

from consentry.store.safety import role_problems
from consentry.usecases.services import Services
from tests.builders import ACCOUNTS, Tenant, add_consent, add_customer
from tests.conftest import Database
from tests.flows.caller import Caller, opened_http
from tests.serving import Service

CUSTOMER = "anna"
CHECKING = ACCOUNTS[0]["account_id"]
INSERT_ONLY = ("audit_entries", "audit_seals", "audit_checkpoints", "events", "consent_changes", "disputes")
FACTS = ("consents", "consent_changes", "events", "audit_entries", "tokens", "credential_secrets", "customers")
QUALIFIED = ("institutions_of_clients", "owners_of_hosts")
"""Asked at each request, so without a search path of their own: they qualify every name and operator."""
GARBAGE = "eyJhbGciOiJIUzI1NiIsImtpZCI6Im5vYm9keSJ9.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Two institutions on one service whose customers, accounts and consents have the same ids, but for one consent."""

    bku: Caller
    other: Caller
    db: Any

    async def facts_of_bku(self) -> list[list[asyncpg.Record]]:
        condition = f"where institution_id = {self.bku.tenant.institution_id}"
        return [
            list(await self.db.fetch(f"select t::text from consentry.{table} t {condition} order by 1"))
            for table in FACTS
        ]


@pytest.fixture
async def neighbours(
    service: Service, services: Services, bku: Tenant, other: Tenant, super_connection: Any
) -> AsyncIterator[Neighbours]:
    for tenant in (bku, other):
        await add_customer(services.session, tenant, CUSTOMER)
        await add_consent(services.session, tenant, CUSTOMER, "budget", "_same")
        await add_consent(services.session, tenant, CUSTOMER, "lender", f"_of_{tenant.public_id}")
        await super_connection.execute(
            "update consentry.institutions set host = $1 where institution_id = $2",
            f"consent.{tenant.public_id}.example",
            tenant.institution_id,
        )
    async with opened_http(service.base_url) as http:
        yield Neighbours(Caller(http, bku), Caller(http, other), super_connection)


def looks(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Give all that a caller sees of an answer but its id and its time."""
    headers = [(name, value) for name, value in answer.headers.multi_items() if name not in ("x-request-id", "date")]
    return answer.status_code, answer.content, headers


def on_consent(caller: Caller, token: str, consent_id: str) -> list[Callable[[], Awaitable[httpx.Response]]]:
    """Give every operation on one consent."""
    return [
        lambda: caller.consent(token, consent_id),
        lambda: caller.share(token, consent_id, CHECKING, enabled=False),
        lambda: caller.share(token, consent_id, "nothing", enabled=True),
        lambda: caller.share_new(token, consent_id, automatic=True),
        lambda: caller.stop(token, consent_id),
        lambda: caller.stop(token, consent_id, if_match='"1.1"'),
    ]


async def signing_in(caller: Caller, token: str) -> list[httpx.Response]:
    """Ask for everything that takes credentials."""
    return [await caller.issue(CUSTOMER), await caller.revoke(token), await caller.rotate()]


@pytest.mark.parametrize("version", ["v4", "v6"])
async def test_another_institutions_consent_looks_like_one_that_never_was(neighbours: Neighbours, version: str) -> None:
    other = replace(neighbours.other, version=version)
    before = await neighbours.facts_of_bku()
    token = await other.token(CUSTOMER)
    theirs, nobodys = on_consent(other, token, "_of_bku"), on_consent(other, token, "_of_nobody")
    for asked, unknown in zip(theirs, nobodys, strict=True):
        answer, expected = await asked(), await unknown()
        assert answer.status_code == 404
        assert looks(answer) == looks(expected)
    assert await neighbours.facts_of_bku() == before


async def test_the_same_ids_mean_each_institutions_own(neighbours: Neighbours) -> None:
    """Every operation of one, on ids that both have, leaves everything of the other as it was."""
    before = await neighbours.facts_of_bku()
    other = neighbours.other
    token = await other.token(CUSTOMER)
    for asked in on_consent(other, token, "_same")[1:]:
        await asked()
    listed = {consent["id"]: consent for consent in (await other.consents(token)).json()}
    assert set(listed) == {"_same", "_of_other"}
    assert listed["_same"]["revoked_at"] is not None
    assert (await other.revoke(token)).status_code == 200
    assert (await other.rotate()).status_code == 200
    assert await neighbours.facts_of_bku() == before


async def test_another_institutions_token_cannot_be_revoked(neighbours: Neighbours) -> None:
    token = await neighbours.bku.token(CUSTOMER)
    before = await neighbours.facts_of_bku()
    answer = await neighbours.other.revoke(token)
    assert answer.status_code == 404
    head, payload, signature = token.split(".")
    for unknown in (GARBAGE, f"{head}.{payload}.{signature[::-1]}", await neighbours.other.token(CUSTOMER) + "x"):
        assert looks(answer) == looks(await neighbours.other.revoke(unknown))
    assert await neighbours.facts_of_bku() == before
    assert (await neighbours.bku.consents(token)).status_code == 200


async def test_mixed_credentials_look_like_unknown_ones(neighbours: Neighbours) -> None:
    bku, other = neighbours.bku, neighbours.other
    mixed = replace(bku, tenant=replace(bku.tenant, client_secret=other.tenant.client_secret))
    unknown = replace(bku, tenant=replace(bku.tenant, client_id="nobody"))
    token = await bku.token(CUSTOMER)
    for answer, expected in zip(await signing_in(mixed, token), await signing_in(unknown, token), strict=True):
        assert answer.status_code == 401
        assert looks(answer) == looks(expected)


async def test_an_institutions_host_knows_only_its_own(neighbours: Neighbours) -> None:
    """Credentials and tokens of another one are refused there like unknown ones; elsewhere they work."""
    bku = neighbours.bku
    token = await bku.token(CUSTOMER)
    for host in ("consent.other.example", "CONSENT.other.example:443"):
        astray = replace(bku, host=host)
        unknown = replace(astray, tenant=replace(bku.tenant, client_id="nobody"))
        for answer, expected in zip(await signing_in(astray, token), await signing_in(unknown, token), strict=True):
            assert answer.status_code == 401
            assert looks(answer) == looks(expected)
        for consent_id in ("_same", "_of_bku"):
            asked, garbled = on_consent(astray, token, consent_id), on_consent(astray, GARBAGE, consent_id)
            for here, there in zip(asked, garbled, strict=True):
                answer, expected = await here(), await there()
                assert answer.status_code == 401
                assert looks(answer) == looks(expected)
        assert looks(await astray.consents(token)) == looks(await astray.consents(GARBAGE))
    for host in ("consent.bku.example", "consent.bku.example:8443", "elsewhere.example", "127.0.0.1"):
        at_home = replace(bku, host=host)
        assert (await at_home.consents(token)).status_code == 200
        assert (await at_home.issue(CUSTOMER)).status_code == 200


async def test_another_customer_of_the_same_institution_is_as_far_away(
    neighbours: Neighbours, services: Services
) -> None:
    bku = neighbours.bku
    await add_customer(services.session, bku.tenant, "bob")
    await add_consent(services.session, bku.tenant, "bob", "budget", "_of_bob")
    token = await bku.token(CUSTOMER)
    for asked, unknown in zip(on_consent(bku, token, "_of_bob"), on_consent(bku, token, "_none"), strict=True):
        answer, expected = await asked(), await unknown()
        assert answer.status_code == 404
        assert looks(answer) == looks(expected)
    assert [c["id"] for c in (await bku.consents(await bku.token("bob"))).json()] == ["_of_bob"]


# ------------------------------------------------------------------------------------------------- the second wall


@pytest.fixture
async def app(database: Database, neighbours: Neighbours) -> AsyncIterator[Any]:
    """A connection as the application, in the hands of somebody who forgets or asks too much."""
    token = await neighbours.bku.token(CUSTOMER)
    for asked in on_consent(neighbours.bku, token, "_same"):
        await asked()
    await neighbours.bku.revoke(token)
    await neighbours.bku.issue(CUSTOMER, secret="wrong")
    await neighbours.other.token(CUSTOMER)
    connection = await asyncpg.connect(database.app_url)
    try:
        yield connection
    finally:
        await connection.close()


async def tables(db: Any) -> Sequence[str]:
    """Give all tables with rows of institutions, the partitions apart."""
    rows = await db.fetch(
        """select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'institution_id'
           where c.relnamespace = 'consentry'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
           order by 1"""
    )
    return [row[0] for row in rows]


async def readable_tables(app: Any) -> Sequence[str]:
    return [
        table
        for table in await tables(app)
        if await app.fetchval("select has_table_privilege($1, 'select')", f"consentry.{table}")
    ]


async def test_a_query_that_forgets_the_institution_sees_nothing(app: Any, super_connection: Any) -> None:
    filled = set()
    for table in await readable_tables(app):
        assert await app.fetchval(f"select count(*) from consentry.{table}") == 0, table
        if await super_connection.fetchval(f"select count(*) from consentry.{table}"):
            filled.add(table)
    assert filled >= {*FACTS, "institutions", "signing_keys", "failed_sign_ins", "applications", "audit_chains"}


async def test_asking_for_anothers_rows_gives_none(app: Any, neighbours: Neighbours) -> None:
    mine, theirs = neighbours.other.tenant.institution_id, neighbours.bku.tenant.institution_id
    async with app.transaction():
        await app.execute("select consentry.enter($1)", [mine])
        for table in await readable_tables(app):
            seen = await app.fetch(f"select distinct institution_id from consentry.{table}")
            assert {row[0] for row in seen} <= {mine}, table
            assert await app.fetchval(f"select count(*) from consentry.{table} where institution_id = $1", theirs) == 0
        for change in (
            "update consentry.consents set auto_share = true where institution_id = $1",
            "update consentry.tokens set revoked_at = null where institution_id = $1",
            "update consentry.credential_secrets set expires_at = null where institution_id = $1",
            "update consentry.institutions set status = 'disabled' where institution_id = $1",
        ):
            assert await app.execute(change, theirs) == "UPDATE 0"


async def test_a_row_cannot_be_given_to_another_institution(app: Any, neighbours: Neighbours) -> None:
    mine, theirs = neighbours.other.tenant.institution_id, neighbours.bku.tenant.institution_id
    for change in (
        f"insert into consentry.customers (institution_id, customer_id) values ({theirs}, 'planted')",
        f"update consentry.customers set institution_id = {theirs}",
        f"update consentry.tokens set institution_id = {theirs}",
    ):
        async with app.transaction():
            await app.execute("select consentry.enter($1)", [mine])
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with app.transaction():
                    await app.execute(change)


async def test_what_was_recorded_cannot_be_changed_or_removed(app: Any, neighbours: Neighbours) -> None:
    """R132."""
    mine = neighbours.bku.tenant.institution_id
    for table in INSERT_ONLY:
        for change in (
            f"update consentry.{table} set institution_id = institution_id",
            f"delete from consentry.{table}",
            f"truncate consentry.{table}",
            f"drop table consentry.{table}",
            f"alter table consentry.{table} disable row level security",
        ):
            async with app.transaction():
                await app.execute("select consentry.enter($1)", [mine])
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with app.transaction():
                        await app.execute(change)


async def test_nothing_of_a_decision_can_be_deleted(app: Any) -> None:
    for table in (
        "consents",
        "customers",
        "tokens",
        "credentials",
        "credential_secrets",
        "signing_keys",
        "institutions",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(f"delete from consentry.{table}")


async def test_partitions_are_no_way_around_the_wall(app: Any) -> None:
    partitions = await app.fetch(
        """select relname from pg_class
           where relnamespace = 'consentry'::regnamespace and relispartition and relkind = 'r'"""
    )
    assert len(partitions) > 10
    for (partition,) in partitions:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.fetch(f"select from consentry.{partition}")


async def test_every_table_has_the_wall_and_the_institution_first(super_connection: Any) -> None:
    for table in await tables(super_connection):
        walled, first = await super_connection.fetchrow(
            """select c.relrowsecurity and exists (select from pg_policy where polrelid = c.oid),
                      (select a.attname
                       from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
                       where i.indrelid = c.oid and i.indisprimary)
               from pg_class c where c.oid = $1::text::regclass""",
            f"consentry.{table}",
        )
        assert walled, table
        assert first == "institution_id", table


async def test_what_sees_all_institutions_looks_only_where_it_should(super_connection: Any) -> None:
    """A SECURITY DEFINER function with an open search path could be made to run somebody's own code."""
    rows = await super_connection.fetch(
        "select proname, proconfig from pg_proc where pronamespace = 'consentry'::regnamespace and prosecdef"
    )
    assert len(rows) >= 5
    for row in rows:
        pinned = "search_path=pg_catalog, pg_temp" in (row["proconfig"] or [])
        assert pinned or row["proname"] in QUALIFIED, row["proname"]


async def test_the_application_cannot_become_anybody_else(app: Any) -> None:
    assert await role_problems(app) == []
    for role in ("consentry_owner", "consentry_super"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(f"set role {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute("create table consentry.mine (a int)")
