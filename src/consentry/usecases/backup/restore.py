"""Restore a backup: in one transaction, so that a restore that was interrupted has never happened.

The transaction loads the dump, migrates it, kills every token from before, re-applies what ended or narrowed after
the backup, and records that it did. Until it commits, the database is what it was before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from consentry.domain.actor import Actor
from consentry.domain.credential import CREDENTIAL_NAME, Secret
from consentry.domain.restoration import RESTORED, SECRETS_ENDED
from consentry.keyring import Keyring
from consentry.store import audit, clock, credentials, institutions, migrate, sealing
from consentry.store.backups import loading, settling
from consentry.store.backups.archive import Archive
from consentry.store.backups.contents import owner_connection
from consentry.store.backups.errors import BackupError
from consentry.store.backups.manifest import Manifest
from consentry.store.backups.programs import Programs
from consentry.store.session import Connection
from consentry.usecases.audit.export import ExportedEntry
from consentry.usecases.backup.lost import LostDecisions
from consentry.usecases.backup.reapply import Reapplication, Reapplied, reapply


@dataclass(frozen=True, slots=True)
class Orders:
    """What the operator wants: replace what is there, lose decisions that no record tells of, end all secrets."""

    replace: bool
    accept_lost: bool
    end_secrets: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """Who is told of it: each step, in words, and the bytes of rows loaded so far."""

    step: Callable[[str], None]
    loaded: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Restore:
    """A restore that was ordered; the archive and its keys were checked. `choose` picks one character at random."""

    archive: Archive
    owner_url: str
    programs: Programs
    keyring: Keyring
    choose: Callable[[str], str]
    lost: LostDecisions
    orders: Orders
    actor: Actor
    progress: Progress

    @property
    def manifest(self) -> Manifest:
        """Give what the backup says of itself."""
        return self.archive.manifest


@dataclass(frozen=True, slots=True)
class RestoredInstitution:
    """An institution after a restore; `reapplied` is None where what happened after the backup is not known.

    `known_up_to` is the number of the last sealed audit entry of the lost database that is known, from backup or
    record.
    """

    public_id: str
    consents: int
    known_up_to: int
    reapplied: Reapplied | None
    live_secrets: tuple[Secret, ...]
    moment: datetime


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a restore did: the migrations it applied, and each institution."""

    migrations: tuple[str, ...]
    institutions: tuple[RestoredInstitution, ...]


def refuse_newer_schema(manifest: Manifest) -> None:
    """Refuse a backup whose schema this code does not know.

    Raises:
        BackupError: `schema_ahead`.
    """
    known = migrate.known_migrations()
    newest = known[-1].version if known else 0
    if manifest.schema_version > newest:
        raise BackupError(
            "schema_ahead",
            f"The backup has schema {manifest.schema_version} and this version knows {newest}: restore it with version "
            f"{manifest.product_version}, which made it, or a later one.",
        )


async def restore_backup(restore: Restore) -> RestoreReport:
    """Restore a backup into the database, whole or not at all.

    Raises:
        BackupError: why nothing was restored.
        SchemaError: the backup's schema can't be brought to this code's version; nothing was restored.
        TemporarilyUnavailable: the database can't be reached; unless the commit was cut off, nothing was restored.
    """
    async with owner_connection(restore.owner_url) as connection:
        async with migrate.alone(connection), connection.transaction():
            await _make_room(connection, restore)
            migrations = await _load(connection, restore)
            restore.progress.step("ending every token, and what ended after the backup")
            restored = await settling.end_short_lived(connection)
            report = RestoreReport(
                migrations=tuple(migrations),
                institutions=tuple(
                    [
                        await _settle(connection, restore, institution_id, public_id)
                        for institution_id, public_id in restored
                    ]
                ),
            )
            restore.progress.step("committing")
        restore.progress.step("gathering statistics")
        await settling.gather_statistics(connection)
    return report


async def _make_room(connection: Connection, restore: Restore) -> None:
    """Refuse what may not be replaced, keep the record of what ended since the backup, and clear the place."""
    manifest = restore.manifest
    await settling.refuse_server(
        connection, server_version=manifest.server_version, made_at=manifest.made_at, roles=manifest.app_roles
    )
    there = await settling.occupation(connection, roles=manifest.app_roles)
    if there.is_foreign or (there.institutions and not restore.orders.replace):
        held = ", ".join(there.institutions) or "tables that are none of this product's"
        raise BackupError(
            "not_empty",
            f"The database is not empty: it holds {held} ({there.consents} consents). Restore into a new one, or give "
            "--replace, which deletes all of that.",
        )
    if there.connected:
        raise BackupError(
            "in_use", "The database is in use: stop consentry serve and consentry worker everywhere, then try again."
        )
    if there.institutions:
        restore.progress.step("reading the audit of what is replaced")
        await _read_replaced(connection, restore)
    _refuse_unknown_past(restore)
    if there.has_schema:
        await settling.clear(connection)


async def _read_replaced(connection: Connection, restore: Restore) -> None:
    """Learn from the database that is replaced what was decided after the backup."""
    if (await migrate.status(connection)).state is not migrate.SchemaState.CURRENT:
        return
    known = {institution.public_id: institution for institution in restore.manifest.institutions}
    for found in await institutions.visible(connection):
        if found.public_id not in known:
            continue
        least = known[found.public_id].chain_sequence
        entries = sealing.sealed_entries(connection, found.institution_id, least=least)
        later = [ExportedEntry(institution=found.public_id, sealed=sealed) async for sealed in entries]
        try:
            restore.lost.take(later, origin="the database to be replaced")
        except BackupError:
            if not restore.orders.accept_lost:
                raise


def _refuse_unknown_past(restore: Restore) -> None:
    """Refuse to revive what was ended after the backup, unless the operator accepts it."""
    uncovered = restore.lost.uncovered()
    if uncovered and not restore.orders.accept_lost:
        raise BackupError(
            "revives",
            f"What was revoked or ended after {restore.manifest.made_at:%Y-%m-%d %H:%M} UTC at "
            f"{', '.join(uncovered)} would live again. Give --reapply FILE with an audit export made after the backup; "
            "if there is none, --accept-lost-decisions.",
        )


async def _load(connection: Connection, restore: Restore) -> list[str]:
    """Load the dump and bring it to this code's schema; give the migrations that were applied."""
    dump, programs = restore.archive.dump, restore.programs
    restore.progress.step("making the tables")
    await loading.run_section(connection, programs, "pre-data", dump=dump())
    restore.progress.step("loading the rows")
    await loading.load_rows(connection, programs, dump=dump(), on_progress=restore.progress.loaded)
    await settling.renumber(connection)
    restore.progress.step("making the indexes")
    await loading.run_section(connection, programs, "post-data", dump=dump())
    restore.progress.step("migrating")
    app_role = restore.manifest.app_roles[0] if restore.manifest.app_roles else "consentry_app"
    return await migrate.migrate(connection, app_role=app_role, on_step=restore.progress.step)


async def _settle(connection: Connection, restore: Restore, institution_id: int, public_id: str) -> RestoredInstitution:
    """Re-apply what ended after the backup, end secrets if ordered, and record the restore in the audit."""
    later = restore.lost.by_institution.get(public_id)
    work = Reapplication(connection, institution_id, public_id, restore.keyring, restore.choose)
    reapplied = await reapply(work, later) if later is not None and later.reaches else None
    ended = await _end_all_secrets(connection, restore, institution_id) if restore.orders.end_secrets else 0
    backed_up = next(i for i in restore.manifest.institutions if i.public_id == public_id)
    await audit.record(
        connection,
        institution_id,
        action=RESTORED,
        actor=restore.actor,
        subject=("institution", public_id),
        after={
            "backup_made_at": restore.manifest.made_at.isoformat(),
            "backup_sha256": restore.manifest.dump_sha256,
            "chain": {"sequence": backed_up.chain_sequence, "hash": backed_up.chain_hash},
            "reapplied": None if reapplied is None else _told(reapplied),
            "secrets_ended": ended,
        },
    )
    found = await credentials.find(connection, institution_id, CREDENTIAL_NAME)
    moment = await clock.now(connection)
    return RestoredInstitution(
        public_id=public_id,
        consents=backed_up.consents,
        known_up_to=backed_up.chain_sequence if later is None else later.sequence,
        reapplied=reapplied,
        live_secrets=() if found is None else found.live_secrets(moment),
        moment=moment,
    )


async def _end_all_secrets(connection: Connection, restore: Restore, institution_id: int) -> int:
    found = await credentials.find(connection, institution_id, CREDENTIAL_NAME)
    if found is None:
        return 0
    moment = await clock.now(connection)
    live = found.live_secrets(moment)
    await credentials.end_all_secrets(connection, institution_id, CREDENTIAL_NAME)
    if live:
        await audit.record(
            connection,
            institution_id,
            action=SECRETS_ENDED,
            actor=restore.actor,
            subject=("credentials", found.client_id),
            after={"secrets": [{"secret": secret.display, "expires_at": moment.isoformat()} for secret in live]},
        )
    return len(live)


def _told(reapplied: Reapplied) -> Mapping[str, object]:
    return {
        "consent_changes": reapplied.consent_changes,
        "tokens_revoked": reapplied.tokens_revoked,
        "secrets_ended": reapplied.secrets_ended,
        "apps_stopped": reapplied.apps_stopped,
        "registration_tokens_ended": reapplied.registration_tokens_ended,
        "customers_blocked": reapplied.customers_blocked,
        "staff_narrowed": reapplied.staff_narrowed,
        "until": None if reapplied.until is None else reapplied.until.isoformat(),
    }
