"""Restoring into an empty database of the same server: what the restored one is like, and what is refused."""

import base64
import secrets
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import pytest

from consentry.domain.actor import ActorKind
from consentry.domain.application import AppDecision, IntermediaryStatus
from consentry.domain.institution import InstitutionStatus
from consentry.domain.staff import House, Role
from consentry.store import migrate
from consentry.store.backups.archive import opened
from consentry.store.backups.errors import BackupError
from consentry.store.backups.manifest import Manifest, check_seal
from consentry.store.backups.programs import Programs, find_programs
from consentry.store.embedded import EmbeddedPostgres
from consentry.usecases.application.decide import decide_about_app
from consentry.usecases.audit.export import export_audit, read_line
from consentry.usecases.audit.seal import seal_audit
from consentry.usecases.audit.verify import verify_audit
from consentry.usecases.backup.lost import LostDecisions
from consentry.usecases.backup.make import make_backup
from consentry.usecases.backup.restore import (
    Orders,
    Progress,
    Restore,
    RestoreReport,
    refuse_newer_schema,
    restore_backup,
)
from consentry.usecases.consent.dispute import dispute
from consentry.usecases.credentials.leaked import end_leaked_credentials
from consentry.usecases.customer.block import block_customer, unblock_customer
from consentry.usecases.institution.change import InstitutionChange, change_institution
from consentry.usecases.intermediary.issue_token import issue_registration_token
from consentry.usecases.intermediary.set_status import set_intermediary_status
from consentry.usecases.partner.add import add_partner
from consentry.usecases.partner.change_institution import PartnersChange, change_partner_institution
from consentry.usecases.partner.give import give_institution
from consentry.usecases.services import Services
from consentry.usecases.staff.change_role import change_role
from consentry.usecases.staff.remove import remove_member
from consentry.wiring import open_services
from tests.builders import Tenant, add_application, add_consent, add_customer
from tests.conftest import OPERATOR, Database, make_database
from tests.portal.parties import add_intermediary
from tests.portal.visiting import begin, make_member
from tests.records.asking import about, token_of

if TYPE_CHECKING:
    Plain = asyncpg.Connection[asyncpg.Record]

RIGHTS = """
    select 'relation', relname::text, relacl::text, relrowsecurity
        from pg_class where relnamespace = 'consentry'::regnamespace
    union all select 'column', attrelid::regclass || '.' || attname, attacl::text, null
        from pg_attribute join pg_class c on c.oid = attrelid
        where relnamespace = 'consentry'::regnamespace and attacl is not null
    union all select 'function', oid::regprocedure::text, proacl::text || prosecdef || proconfig::text, null
        from pg_proc where pronamespace = 'consentry'::regnamespace
    union all select 'policy', tablename || '.' || policyname, qual || cmd || roles::text, null
        from pg_policies where schemaname = 'consentry'
    union all select 'schema', nspname::text, nspacl::text, null from pg_namespace where nspname = 'consentry'
    order by 1, 2"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where backups of the test's database go, and an empty database to restore them to."""

    source: Database
    target: Database
    programs: Programs
    file: Path

    async def back_up(self) -> Manifest:
        self.file.unlink(missing_ok=True)
        return await make_backup(
            self.file,
            owner_url=self.source.owner_url,
            find_programs=lambda _: self.programs,
            keyring=self.source.keyring,
        )

    async def restore(
        self, lost: LostDecisions | None = None, *, orders: Orders | None = None, **different: object
    ) -> RestoreReport:
        """Restore the backup; `different` are members of its manifest to be other than they are."""
        with opened(self.file) as archive:
            archive.verify()
            check_seal(archive.manifest_text, archive.manifest, seal=archive.seal, keyring=self.source.keyring)
            manifest = msgspec.structs.replace(archive.manifest, **different)
            refuse_newer_schema(manifest)
            return await restore_backup(
                Restore(
                    archive=replace(archive, manifest=manifest),
                    owner_url=self.target.owner_url,
                    programs=self.programs,
                    keyring=self.source.keyring,
                    choose=secrets.choice,
                    lost=lost or LostDecisions.after(manifest),
                    orders=orders or Orders(replace=False, accept_lost=lost is None, end_secrets=False),
                    actor=OPERATOR,
                    progress=Progress(step=lambda _: None, loaded=lambda _: None),
                )
            )

    async def looked_up(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the restored database, as the superuser."""
        return await looked_up(self.target.super_url, query, *values)


@pytest.fixture
async def place(postgres: EmbeddedPostgres, database: Database, tmp_path: Path) -> AsyncIterator[Place]:
    folder = tmp_path / "target"
    folder.mkdir()
    target = await make_database(postgres, folder)
    await looked_up(target.super_url, "drop schema consentry cascade")
    programs = find_programs(least=15, data_dir=tmp_path, only=postgres.binaries)
    yield Place(database, target, programs, tmp_path / "backup.tar")
    await looked_up(postgres.super_url, f"drop database {target.name} with (force)")


async def looked_up(url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    connection: Plain = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query, *values)]
    finally:
        await connection.close()


def as_sql(programs: Programs, dump: bytes) -> bytes:
    command = [str(programs.folder / "pg_restore"), "--no-owner", "--file=-"]
    return subprocess.run(command, input=dump, capture_output=True, check=True).stdout


async def lost_since(services: Services, tenant: Tenant, manifest: Manifest) -> LostDecisions:
    """Give what an export made now tells of the time after a backup."""
    lost = LostDecisions.after(manifest)
    exported = [read_line(line) async for line in export_audit(services.session, tenant.institution_id)]
    lost.take(exported, origin="the export")
    return lost


async def seal_all(services: Services, tenant: Tenant) -> None:
    while not (await is_all_sealed(services, tenant)):
        await seal_audit(services.session, tenant.institution_id)


async def is_all_sealed(services: Services, tenant: Tenant) -> bool:
    verdict = await verify_audit(services.session, tenant.institution_id, statements={})
    assert verdict.faults == ()
    return verdict.entries == verdict.sealed


async def test_the_same_rights_hold_in_a_restored_database(place: Place, bku: Tenant) -> None:
    await place.back_up()
    await place.restore()
    assert await place.looked_up(RIGHTS) == await looked_up(place.source.super_url, RIGHTS)


async def test_a_backup_gives_no_secret_away(place: Place, bku: Tenant) -> None:
    """R43: neither the institution's secret nor one of the keys is in it, as text, as bytes or encoded."""
    await place.back_up()
    with opened(place.file) as archive:
        dump = b"".join(archive.dump())
        texts = [archive.manifest_text, archive.seal, place.file.read_bytes()]
    texts.append(as_sql(place.programs, dump))
    keys = [*place.source.keyring.peppers.values(), *place.source.keyring.encryption_keys.values()]
    forms = [form for key in keys for form in (key, key.hex().encode(), base64.b64encode(key))]
    for secret in (bku.client_secret.encode(), *forms):
        assert not any(secret in text for text in texts)


async def test_every_row_is_restored_as_it_was(place: Place, bku: Tenant, services: Services) -> None:
    nasty = "\\.\n\\N\t'; drop --\r\n\\\\.\n"
    await add_application(services.session, bku, nasty, name="ünïcödé \U0001f3e6 " + nasty)
    await add_customer(services.session, bku, "ann")
    await place.back_up()
    await place.restore()
    for table in (
        "applications",
        "customers",
        "credentials",
        "credential_secrets",
        "signing_keys",
        "schema_migrations",
    ):
        query = f"select to_jsonb(t) from consentry.{table} t order by 1"
        found = await place.looked_up(query)
        assert found
        assert found == await looked_up(place.source.super_url, query), table


async def test_sealing_goes_on_below_any_number_of_the_old_server(
    place: Place, bku: Tenant, services: Services, super_connection: "Plain"
) -> None:
    """Sealed and waiting entries, written by transactions that this server will not have for years."""
    await seal_all(services, bku)
    for name in ("first", "second", "third"):
        await change_institution(
            services, bku.institution_id, InstitutionChange(host=f"{name}.example", sets_host=True), actor=OPERATOR
        )
    await super_connection.execute(
        """update consentry.audit_entries set written_by = (5000000000000 + written_by::text::bigint)::text::xid8;
           update consentry.audit_chains set written_by = (5000000000000 + written_by::text::bigint)::text::xid8"""
    )
    manifest = await place.back_up()
    await place.restore()
    async with open_services(place.target.app_url, place.source.keyring, connections=4) as restored:
        await seal_all(restored, bku)
        await end_leaked_credentials(restored, bku.institution_id, actor=OPERATOR)
        await seal_all(restored, bku)
    (institution,) = manifest.institutions
    sealed = await place.looked_up(
        """select sequence, action, after ->> 'host' from consentry.audit_entries
           join consentry.audit_seals using (institution_id, entry_id) where sequence > $1 order by sequence""",
        institution.chain_sequence,
    )
    assert [(action, host) for _, action, host in sealed] == [
        ("institution.changed", "first.example"),
        ("institution.changed", "second.example"),
        ("institution.changed", "third.example"),
        ("installation.restored", None),
        ("credentials.leaked", None),
    ]
    assert [number for number, _, _ in sealed] == list(
        range(institution.chain_sequence + 1, institution.chain_sequence + 6)
    )


async def test_a_leak_after_the_backup_ends_secrets_and_the_signing_key(
    place: Place, bku: Tenant, services: Services
) -> None:
    manifest = await place.back_up()
    await end_leaked_credentials(services, bku.institution_id, actor=OPERATOR)
    report = await place.restore(await lost_since(services, bku, manifest))
    (institution,) = report.institutions
    assert institution.live_secrets == ()
    assert institution.reapplied is not None
    assert institution.reapplied.secrets_ended == 1
    assert await place.looked_up("select count(*), count(retired_at) from consentry.signing_keys") == [(2, 1)]


async def test_what_a_customer_disputed_after_the_backup_stays_disputed(
    place: Place, bku: Tenant, services: Services
) -> None:
    await add_customer(services.session, bku, "anna")
    await add_consent(services.session, bku, "anna", "budget", "_strange")
    manifest = await place.back_up()
    await dispute(services.changes, about(await token_of(services, bku, "anna"), "_strange"))
    report = await place.restore(await lost_since(services, bku, manifest))
    reapplied = report.institutions[0].reapplied
    assert reapplied is not None
    assert (reapplied.consent_changes, reapplied.not_applied, reapplied.lost) == (1, 0, {})
    query = """select c.revocation_reason, d.actor_kind, d.actor_id from consentry.consents c
               join consentry.disputes d using (institution_id, consent_id)"""
    assert await place.looked_up(query) == [("not_recognised", "customer", "anna")]


async def test_an_institution_that_was_disabled_stays_disabled(place: Place, bku: Tenant, services: Services) -> None:
    manifest = await place.back_up()
    change = InstitutionChange(status=InstitutionStatus.DISABLED)
    await change_institution(services, bku.institution_id, change, actor=OPERATOR)
    await place.restore(await lost_since(services, bku, manifest))
    assert await place.looked_up("select status from consentry.institutions") == [("disabled",)]


async def test_a_partner_that_stopped_an_institution_is_itself_as_it_was(
    place: Place, bku: Tenant, services: Services
) -> None:
    partner = await add_partner(services, public_id="ternbridge", name="Ternbridge", actor=OPERATOR)
    await give_institution(services, bku.public_id, partner=partner.public_id, actor=OPERATOR)
    manifest = await place.back_up()
    stop = PartnersChange(name=bku.public_id.upper(), status="disabled", reason="A breach.")
    await change_partner_institution(
        services, partner.institution_id, bku.public_id, stop, seen=(stop.name, "enabled"), actor=OPERATOR
    )
    lost = await lost_since(services, bku, manifest)
    theirs = [read_line(line) async for line in export_audit(services.session, partner.institution_id)]
    lost.take(theirs, origin="the export")
    await place.restore(lost)
    statuses = "select public_id, status from consentry.institutions order by 1"
    assert await place.looked_up(statuses) == [(bku.public_id, "disabled"), ("ternbridge", "enabled")]


async def test_a_customer_who_was_blocked_stays_blocked(place: Place, bku: Tenant, services: Services) -> None:
    for customer in ("anna", "bert"):
        await add_customer(services.session, bku, customer)
    manifest = await place.back_up()
    for customer in ("anna", "bert"):
        await block_customer(services, bku.institution_id, customer, reason="Taken over.", actor=OPERATOR)
    await unblock_customer(services, bku.institution_id, "bert", reason="All is well.", actor=OPERATOR)
    report = await place.restore(await lost_since(services, bku, manifest))
    reapplied = report.institutions[0].reapplied
    assert reapplied is not None
    assert (reapplied.customers_blocked, reapplied.lost) == (1, {"customer.unblocked": 1})
    assert await place.looked_up("select customer_id, reason from consentry.customer_blocks") == [
        ("anna", "Taken over.")
    ]
    again = "select after ->> 'reason_text', after ? 'reapplied_from' from consentry.audit_entries where action = $1"
    assert await place.looked_up(again.replace("$1", "'customer.blocked'")) == [("Taken over.", True)]


async def test_what_was_stopped_of_apps_and_intermediaries_stays_stopped(
    place: Place, bku: Tenant, services: Services
) -> None:
    """And so after the next restore, which finds it in the words of this one."""
    house = bku.institution_id
    for app in ("bad", "good"):
        await add_application(services.session, bku, app)
    for agent in ("gone", "fine"):
        await add_intermediary(services.session, bku, agent)
    first = await issue(services, house, newest_seen=0)
    manifest = await place.back_up()
    for app in ("bad", "good"):
        await decide_about_app(services, house, app, AppDecision.DISABLE, reason="A breach.", actor=OPERATOR)
    await decide_about_app(services, house, "good", AppDecision.ENABLE, reason="It was mended.", actor=OPERATOR)
    off = IntermediaryStatus.DISABLED
    await set_intermediary_status(services, house, "gone", off, reason="It is no more.", actor=OPERATOR)
    await issue(services, house, newest_seen=1)
    report = await place.restore(await lost_since(services, bku, manifest))
    reapplied = report.institutions[0].reapplied
    assert reapplied is not None
    assert (reapplied.apps_stopped, reapplied.registration_tokens_ended) == (2, 1)
    assert reapplied.lost == {"application.enabled": 1}
    statuses = "select application_id, status, status_reason from consentry.applications order by 1"
    expected = [("bad", "disabled", "A breach."), ("good", "active", None)]
    assert await place.looked_up(statuses) == expected
    agents = "select intermediary_id, status from consentry.intermediaries order by 1"
    assert await place.looked_up(agents) == [("fine", "active"), ("gone", "disabled")]
    tokens = "select display, expires_at <= now() from consentry.registration_tokens"
    assert await place.looked_up(tokens) == [(first, True)]
    replacing = Orders(replace=True, accept_lost=False, end_secrets=False)
    again = (await place.restore(LostDecisions.after(manifest), orders=replacing)).institutions[0].reapplied
    assert again is not None
    assert (again.apps_stopped, again.registration_tokens_ended, again.lost) == (2, 1, {})
    assert await place.looked_up(statuses) == expected
    assert await place.looked_up(tokens) == [(first, True)]


async def issue(services: Services, house: int, *, newest_seen: int) -> str:
    issued = await issue_registration_token(
        services, house, "fine", newest_seen=newest_seen, overlap=timedelta(0), actor=OPERATOR
    )
    return issued.display


async def test_staff_who_left_or_lost_rights_after_the_backup_have_not_come_back(
    place: Place, bku: Tenant, services: Services
) -> None:
    """And whoever was signed in signs in again: which sessions had ended is not known."""
    house = bku.institution_id
    members = {
        name: await make_member(services, house, Role.ADMIN, email=f"{name}@bank.example")
        for name in ("stays", "leaves", "demoted")
    }
    await begin(services, house, members["stays"])
    manifest = await place.back_up()
    await remove_member(services, house, members["leaves"], house=House.INSTITUTION, actor=OPERATOR)
    await change_role(services, house, members["demoted"], role="user", house=House.INSTITUTION, actor=OPERATOR)
    report = await place.restore(await lost_since(services, bku, manifest))
    reapplied = report.institutions[0].reapplied
    assert reapplied is not None
    assert (reapplied.staff_narrowed, reapplied.lost) == (2, {})
    query = "select split_part(email, '@', 1), role, removed_at is null from consentry.staff_members order by 1"
    assert await place.looked_up(query) == [
        ("demoted", "user", True),
        ("leaves", "admin", False),
        ("stays", "admin", True),
    ]
    assert await place.looked_up("select count(*) from consentry.staff_sessions where ended_at is null") == [(0,)]


async def test_what_a_restore_re_applied_is_re_applied_by_the_next(
    place: Place, bku: Tenant, services: Services
) -> None:
    """The restored audit tells of it in its own words, which name the first record."""
    manifest = await place.back_up()
    await end_leaked_credentials(services, bku.institution_id, actor=OPERATOR)
    await place.restore(await lost_since(services, bku, manifest))
    replacing = Orders(replace=True, accept_lost=False, end_secrets=False)
    (institution,) = (await place.restore(LostDecisions.after(manifest), orders=replacing)).institutions
    assert institution.live_secrets == ()
    assert institution.reapplied is not None
    assert (institution.reapplied.secrets_ended, institution.reapplied.lost) == (1, {})
    entries = await place.looked_up(
        """select actor_kind, actor_id, after -> 'decided_at', after ? 'reapplied_from' from consentry.audit_entries
           where action = 'credentials.secrets_ended'"""
    )
    leaked_at = await looked_up(
        place.source.super_url, "select to_jsonb(at) from consentry.audit_entries where action = 'credentials.leaked'"
    )
    assert len(entries) == 1
    assert entries[0][:2] == (ActorKind.OPERATOR, "tester")
    assert entries[0][2][:20] == leaked_at[0][0][:20]


async def test_an_older_schema_is_restored_and_brought_up_to_date(
    place: Place, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    known = migrate.known_migrations()
    older = tmp_path / "older"
    older.mkdir()
    for migration in known[:2]:
        (older / f"{migration.name}.sql").write_text(migration.sql)
    await looked_up(place.source.super_url, "drop schema consentry cascade")
    connection: Plain = await asyncpg.connect(place.source.owner_url)
    try:
        await migrate.migrate(connection, source=older)
        await connection.execute("select consentry.add_institution('bku', 'BKU', null)")
    finally:
        await connection.close()
    await place.back_up()
    report = await place.restore()
    assert report.migrations == tuple(migration.name for migration in known[2:])
    assert await place.looked_up("select public_id from consentry.institutions") == [("bku",)]


async def test_a_newer_schema_is_refused(place: Place, bku: Tenant) -> None:
    newer = "insert into consentry.schema_migrations (version, name, sha256) values (9999, '9999_tomorrow', '')"
    await looked_up(place.source.super_url, newer)
    manifest = await place.back_up()
    with pytest.raises(BackupError) as refusal:
        await place.restore()
    assert refusal.value.code == "schema_ahead"
    with pytest.raises(migrate.SchemaAhead):  # and if its manifest said less than its dump has
        await place.restore(migrations=manifest.migrations[:1])
    assert await place.looked_up("select to_regnamespace('consentry') is null") == [(True,)]


async def test_a_server_on_which_the_backup_would_be_another_is_refused(place: Place, bku: Tenant) -> None:
    """R25: with a clock that stands before the backup, what had expired would live again."""
    manifest = await place.back_up()
    for different, code in (
        ({"made_at": manifest.made_at + timedelta(days=1)}, "clock_behind"),
        ({"app_roles": ("consentry_app", "consentry_else")}, "roles_missing"),
        ({"server_version": 99}, "server_too_old"),
    ):
        with pytest.raises(BackupError) as refusal:
            await place.restore(**different)
        assert refusal.value.code == code
    assert await place.looked_up("select to_regnamespace('consentry') is null") == [(True,)]


async def test_tables_that_are_none_of_ours_are_never_replaced(place: Place, bku: Tenant) -> None:
    await place.back_up()
    await looked_up(place.target.owner_url, "create schema consentry")
    await looked_up(place.target.owner_url, "create table consentry.theirs (id integer)")
    with pytest.raises(BackupError) as refusal:
        await place.restore(orders=Orders(replace=True, accept_lost=True, end_secrets=False))
    assert refusal.value.code == "not_empty"


async def test_an_audit_of_another_installation_is_no_record(place: Place, bku: Tenant, services: Services) -> None:
    await seal_all(services, bku)
    manifest = await place.back_up()
    (institution,) = manifest.institutions
    stranger = LostDecisions.after(
        msgspec.structs.replace(manifest, institutions=(msgspec.structs.replace(institution, chain_hash="00" * 32),))
    )
    with pytest.raises(BackupError) as refusal:
        stranger.take(
            [read_line(line) async for line in export_audit(services.session, bku.institution_id)], origin="the export"
        )
    assert refusal.value.code == "record_does_not_follow"


async def test_only_the_owner_can_back_up(place: Place, bku: Tenant) -> None:
    with pytest.raises(BackupError) as refusal:
        await make_backup(
            place.file,
            owner_url=place.source.app_url,
            find_programs=lambda _: place.programs,
            keyring=place.source.keyring,
        )
    assert refusal.value.code in ("not_the_owner", "database_refused")
    assert not place.file.exists()
