"""`consentry backup` and `consentry restore`: everything in one file, and an installation from it again.

Owns the options, the progress and the order of the steps; the words of the reports are backup_report.py's, what a
backup is and what a restore refuses the use cases'.
"""

import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from consentry.cli.backup_report import RestoredAudit, place_of_keys, report_backup, report_check, report_restore
from consentry.cli.installation import Database, InstallationError, hold_database
from consentry.cli.options import Json, operator
from consentry.cli.output import note
from consentry.config import Settings
from consentry.keyring import Keyring
from consentry.store.backups.archive import Archive, opened
from consentry.store.backups.manifest import check_seal
from consentry.store.backups.programs import Programs, find_programs
from consentry.usecases.audit.verify import verify_audit
from consentry.usecases.audit.witnesses import Witnesses, checkpoint_public_keys, read_witnesses
from consentry.usecases.backup.lost import read_exports
from consentry.usecases.backup.make import make_backup
from consentry.usecases.backup.restore import (
    Orders,
    Progress,
    Restore,
    refuse_newer_schema,
    restore_backup,
)
from consentry.usecases.institution.list_all import list_institutions
from consentry.wiring import load_keyring, open_services

backup_app = App(name="backup", help="Backups: everything that one moment of the database holds, in one file.")
restore_app = App(name="restore", help="Make an installation from a backup.")

File = Annotated[Path, Parameter(help="The backup's file.")]


@backup_app.default
async def backup(file: File, /, *, as_json: Json = False) -> None:
    """Write a backup of the database to a file, while everything runs on.

    The file appears under its name once it is complete and on disk; a file that is there is never replaced. The keys
    are not in it: keep a copy of the key file elsewhere. Connects as the owner, CONSENTRY_MIGRATION_URL.

    Example: `consentry backup /mnt/backups/consentry-2026-11-23.tar`
    """
    settings = Settings.read()
    keyring = load_keyring(settings)
    with hold_database(settings, create=False) as database, _bar("writing", as_json=as_json) as written:
        manifest = await make_backup(
            file.absolute(),
            owner_url=_owner_url(database),
            find_programs=partial(_programs, settings, database),
            keyring=keyring,
            on_progress=written,
        )
    report_backup(file, manifest, keys=place_of_keys(settings), as_json=as_json)


@backup_app.command(name="verify")
def verify(
    file: File,
    /,
    *,
    without_keys: Annotated[bool, Parameter(help="Check the file alone, where the keys are not at hand.")] = False,
    as_json: Json = False,
) -> None:
    """Check that a backup is whole and unchanged, and that the keys are the ones it needs; no database is touched.

    Example: `consentry backup verify /mnt/backups/consentry-2026-11-23.tar`
    """
    settings = Settings.read()
    keyring = None if without_keys else load_keyring(settings)
    with opened(file) as archive, _bar("reading", as_json=as_json) as read:
        _check(archive, keyring, on_progress=read)
    report_check(file, archive.manifest, keys=None if without_keys else place_of_keys(settings), as_json=as_json)


@restore_app.default
async def restore(
    file: File,
    /,
    *,
    reapply: Annotated[
        list[Path] | None,
        Parameter(help="An audit export made after the backup: what it says was ended stays ended. May be repeated."),
    ] = None,
    accept_lost_decisions: Annotated[
        bool, Parameter(help="Go on where nobody knows what was ended after the backup; it lives again.")
    ] = False,
    end_secrets: Annotated[bool, Parameter(help="End all secrets of all institutions.")] = False,
    replace: Annotated[bool, Parameter(help="Delete what the database holds. Needs --yes.")] = False,
    yes: Annotated[bool, Parameter(help="Confirm --replace.")] = False,
    as_json: Json = False,
) -> None:
    """Make an installation from a backup, whole or not at all.

    The database must be empty: a new CONSENTRY_DATA_DIR, or an empty one at CONSENTRY_MIGRATION_URL. The key file that
    belongs to the backup must be in place. Every token from before the restore is dead afterwards.

    Example: `consentry restore /mnt/backups/consentry-2026-11-23.tar --reapply audit-since.jsonl`
    """
    if replace and not yes:
        raise InstallationError(
            "not_confirmed", "--replace deletes what the database holds: back that up first, then give --yes as well."
        )
    settings = Settings.read()
    keyring = load_keyring(settings)
    orders = Orders(replace=replace, accept_lost=accept_lost_decisions, end_secrets=end_secrets)
    with opened(file) as archive:
        refuse_newer_schema(archive.manifest)
        with _bar("verifying", as_json=as_json) as read:
            _check(archive, keyring, on_progress=read)
        lost = read_exports(reapply or [], archive.manifest)
        with hold_database(settings) as database, _bar("loading", as_json=as_json) as loaded:
            ordered = Restore(
                archive=archive,
                owner_url=_owner_url(database),
                programs=_programs(settings, database, archive.manifest.dump_version),
                keyring=keyring,
                choose=secrets.choice,
                lost=lost,
                orders=orders,
                actor=operator(),
                progress=Progress(step=(lambda _: None) if as_json else note, loaded=loaded),
            )
            done = await restore_backup(ordered)
            audits = await _look_at_audits(settings, database, keyring)
    report_restore(archive.manifest, done, audits, checkpoints=settings.checkpoint_file, as_json=as_json)


async def _look_at_audits(settings: Settings, database: Database, keyring: Keyring) -> dict[str, RestoredAudit]:
    """Verify each institution's audit as the service will see it, and see what checkpoints say of the lost one."""
    file = settings.checkpoint_file
    async with open_services(database.app_url, keyring, connections=3) as services:
        witnesses = Witnesses()
        if file.exists():
            keys = await checkpoint_public_keys(services.session)
            read_witnesses(file.read_text().splitlines(), public_keys=keys, place=str(file), into=witnesses)
        return {
            found.public_id: RestoredAudit(
                verdict=await verify_audit(services.session, found.institution_id, statements={}),
                witnessed=max(witnesses.hashes(found.public_id), default=0),
            )
            for found in await list_institutions(services)
        }


def _check(archive: Archive, keyring: Keyring | None, *, on_progress: Callable[[int], None]) -> None:
    if keyring is not None:
        check_seal(archive.manifest_text, archive.manifest, seal=archive.seal, keyring=keyring)
    archive.verify(on_progress=on_progress)


def _owner_url(database: Database) -> str:
    if database.owner_url is None:
        raise InstallationError(
            "no_owner", "Set CONSENTRY_MIGRATION_URL to the database's address for the role that owns the tables."
        )
    return database.owner_url


def _programs(settings: Settings, database: Database, least: int) -> Programs:
    only = settings.postgres_bin if database.embedded is None else database.embedded.binaries
    return find_programs(least=least, data_dir=settings.data_dir, only=only)


@contextmanager
def _bar(words: str, *, as_json: bool) -> Iterator[Callable[[int], None]]:
    """Show how many bytes are done to a person at a terminal, and to nobody else."""
    if as_json or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import DownloadColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (SpinnerColumn(), TextColumn(words), DownloadColumn(binary_units=True), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(words, total=None)
        yield lambda done: bar.update(task, completed=done)
