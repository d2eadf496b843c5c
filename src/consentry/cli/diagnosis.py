"""What `consentry doctor` looks at: each check gives findings, each finding says what to do.

A check that can't be made is itself a finding. Nothing is changed by looking, but that the embedded server is started.
"""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from consentry.cli.failures import failure_of
from consentry.cli.installation import Database
from consentry.cli.serving.roster import running
from consentry.config import Settings
from consentry.keyring import Keyring
from consentry.store import (
    clock,
    facts,
    health,
    houses,
    institutions,
    mails,
    migrate,
    partitions,
    safety,
    sealing,
    staff_providers,
)
from consentry.store.connecting import connected
from consentry.store.keys_in_use import keys_in_use
from consentry.store.migrate import SchemaState
from consentry.store.session import Connection
from consentry.wiring import load_keyring
from consentry.worker.publishing import SYSLOG

_MEGABYTE: Final = 1 << 20
_LEAST_FREE: Final = 256 * _MEGABYTE
_LITTLE_FREE: Final = 2048 * _MEGABYTE
_CLOCK_WARNING: Final = timedelta(seconds=2)
_CLOCK_PROBLEM: Final = timedelta(seconds=30)
_LEAST_WEEKS: Final = 2.0
_SEAL_LAG: Final = timedelta(seconds=60)
_CHECKPOINT_LAG: Final = timedelta(minutes=3)
_MAIL_LAG: Final = timedelta(minutes=10)
_CONTACT_LEAST: Final = timedelta(days=30)
_SPARE_CONNECTIONS: Final = 20


class Level(StrEnum):
    """How a finding is to be taken: only problems make the exit code 3."""

    FINE = "fine"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a subject, and what to do; `remedy` is empty where there is nothing to do."""

    level: Level
    subject: str
    finding: str
    remedy: str = ""


def fine(subject: str, finding: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(Level.FINE, subject, finding)


def warning(subject: str, finding: str, remedy: str) -> Finding:
    """Say that something may become a problem."""
    return Finding(Level.WARNING, subject, finding, remedy)


def problem(subject: str, finding: str, remedy: str) -> Finding:
    """Say that something has to be put right."""
    return Finding(Level.PROBLEM, subject, finding, remedy)


async def attempt(subject: str, check: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    """Make a check; what keeps it from being made is the finding."""
    try:
        return await check()
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        return [problem(subject, failure.sentence, "")]


def look_at_machine(settings: Settings) -> list[Finding]:
    """Look at the data folder, the disk, and the services that run here."""
    found = []
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = f"{free // _MEGABYTE:,} MB free at {settings.data_dir}"
    if free < _LEAST_FREE:
        found.append(problem("disk", text, "Make room now: a full disk stops every change."))
    elif free < _LITTLE_FREE:
        found.append(warning("disk", text, "Make room, or give it a larger disk."))
    else:
        found.append(fine("disk", text))
    services = running(settings.data_dir)
    urls = ", ".join(service.url for service in services)
    found.append(fine("services", f"running on this machine: {urls}" if services else "none runs on this machine"))
    return found


def look_at_contact(settings: Settings, *, today: date) -> list[Finding]:
    """Look whether the contact for reports of vulnerabilities, where one is told, still holds."""
    expires = settings.security_expires
    if expires is None:
        return []
    left = expires - today
    if left > _CONTACT_LEAST:
        return [fine("contact", f"{settings.security_contact}, told until {expires}")]
    text = f"{settings.security_contact} {'is told' if left > timedelta(0) else 'was told'} until {expires} only."
    return [warning("contact", text, "See that it is still right, and set a later CONSENTRY_SECURITY_EXPIRES.")]


async def look_at_keys(settings: Settings) -> list[Finding]:
    """Look at the keys' source, and its mode where it is a file."""
    keyring = load_keyring(settings)
    ids = ", ".join((*keyring.peppers, *keyring.encryption_keys))
    if settings.keys is not None or settings.key_command is not None:
        return [fine("keys", f"{ids}, from the environment or a command")]
    found = [fine("keys", f"{ids}, in {settings.key_file}; keep a copy apart from the database")]
    folder = settings.key_file.parent
    if folder.stat().st_mode & 0o022 and not folder.stat().st_mode & 0o1000:
        found.append(
            warning("keys", f"Others can write the folder {folder}.", f"Take that right away: chmod go-w {folder}")
        )
    if settings.key_file.stat().st_uid != os.geteuid() and os.geteuid() != 0:
        found.append(warning("keys", "The key file belongs to another user.", "Give it to the service's user."))
    if keyring.coming:
        found.append(
            warning("keys", "New keys are known but not in use yet.", "Finish with consentry keys rotate --activate.")
        )
    return found


async def look_at_server(settings: Settings, database: Database) -> list[Finding]:
    """Look at the database's server, clock, role and schema."""
    async with connected(database.app_url) as connection:
        asked = datetime.now(UTC)
        server = await facts.server_facts(connection)
        answered = datetime.now(UTC)
        kind = "embedded" if database.embedded is not None else "of yours"
        found = [fine("database", f"PostgreSQL {server.version}, {kind}")]
        found += [problem("database", sentence, "") for sentence in await safety.unsafe_settings(connection)]
        found += [warning("database", sentence, "") for sentence in await safety.warnings(connection)]
        found += [problem("role", sentence, "") for sentence in await safety.role_problems(connection)]
        # However long the answer took: a clock that is neither before the question nor after the answer is right.
        found.append(_clock(max(asked - server.wall_clock, server.wall_clock - answered, timedelta(0))))
        needed = settings.workers * settings.connections + _SPARE_CONNECTIONS
        if needed > server.most_connections:
            found.append(
                warning(
                    "connections",
                    f"One service may need {needed} connections; the database allows {server.most_connections}.",
                    "Raise max_connections, or lower CONSENTRY_CONNECTIONS or --workers.",
                )
            )
        found.append(await _schema(connection))
    if database.owner_url is None:
        found.append(
            warning("owner", "CONSENTRY_MIGRATION_URL is not set.", "consentry migrate and consentry backup need it.")
        )
    return found


def _clock(apart: timedelta) -> Finding:
    text = f"This machine and the database are {apart.total_seconds():.1f} s apart."
    if apart > _CLOCK_PROBLEM:
        return problem("clock", text, "Set both clocks by NTP: the times of logs and audit would not fit together.")
    if apart > _CLOCK_WARNING:
        return warning("clock", text, "Set both clocks by NTP.")
    return fine("clock", text)


async def _schema(connection: Connection) -> Finding:
    found = await migrate.status(connection)
    match found.state:
        case SchemaState.CURRENT:
            return fine("schema", f"version {found.applied}, as this code needs it")
        case SchemaState.BEHIND:
            return problem("schema", f"It lacks {', '.join(found.pending)}.", "Run consentry migrate.")
        case SchemaState.AHEAD:
            return problem(
                "schema", f"It has {', '.join(found.unknown)}, unknown to this code.", "Run the version that made it."
            )


async def look_at_store(settings: Settings, database: Database) -> list[Finding]:
    """Look at what the tables say: writable, partitions, the audit, e-mails that wait."""
    async with connected(database.app_url) as connection:
        found = [problem("store", sentence, "") for sentence in await health.problems(connection)]
        weeks = await partitions.weeks_ahead(connection)
        if weeks < _LEAST_WEEKS:
            found.append(
                problem("partitions", f"Tokens have partitions for {weeks:.1f} weeks.", "Run consentry worker.")
            )
        else:
            found.append(fine("partitions", f"made for {weeks:.0f} weeks ahead"))
        async with connection.transaction():
            await institutions.show(connection, *await houses.all_ids(connection))
            found += [finding async for finding in _audit(connection)]
            found.append(await _mail(settings, connection))
    return found


async def look_at_sign_in(settings: Settings, database: Database) -> list[Finding]:
    """Look whether staff can sign in everywhere, where a portal is answered."""
    if "portal" not in settings.surfaces:
        return []
    async with connected(database.app_url) as connection, connection.transaction():
        await institutions.show(connection, *await houses.all_ids(connection))
        lacking = await staff_providers.houses_without(connection)
    if not lacking:
        return [fine("sign-in", "staff can sign in to every portal")]
    return [
        warning("sign-in", f"The staff of {name} can't sign in yet.", f"Run consentry staff first-admin {name} E-MAIL.")
        for name in lacking
    ]


async def _mail(settings: Settings, connection: Connection) -> Finding:
    """Look whether e-mails leave; that nobody set it up is a choice until one waits."""
    number, since, why = await mails.waiting(connection)
    late = since is not None and await clock.now(connection) - since > _MAIL_LAG
    if settings.mail_server is None:
        if not late:
            return fine("e-mail", "not set up: admins give links to invitations themselves")
        return warning("e-mail", f"not set up, and {number} wait", "Set CONSENTRY_SMTP_URL and CONSENTRY_MAIL_FROM.")
    server = f"{settings.mail_server.host}:{settings.mail_server.port}"
    if not late:
        return fine("e-mail", f"through {server}")
    remedy = f"Look at the mail server: {why}." if why else "Run consentry worker."
    return warning("e-mail", f"{number} wait to be sent through {server}, since {since:%Y-%m-%d %H:%M}Z", remedy)


async def look_at_stored_keys(settings: Settings, database: Database) -> list[Finding]:
    """Look whether the keys are those that the database's contents were stored under."""
    async with connected(database.app_url) as connection, connection.transaction():
        used = await keys_in_use(connection)
    keyring = load_keyring(settings)
    missing = used.missing_from(peppers=keyring.peppers, encryption_keys=keyring.encryption_keys)
    if missing:
        return [
            problem(
                "keys",
                f"The database holds what was stored under {', '.join(missing)}, which the keys here lack.",
                "Restore the keys from your vault or backup.",
            )
        ]
    return _older(keyring)


def _older(keyring: Keyring) -> list[Finding]:
    older = len(keyring.peppers) + len(keyring.encryption_keys) - 2 - len(keyring.coming)
    text = "match the database"
    return [fine("keys", f"{text}; {older} older ones, see consentry keys rotate --retire" if older else text)]


async def _audit(connection: Connection) -> AsyncIterator[Finding]:
    visible = await institutions.visible(connection)
    late = False
    for institution in visible:
        async for finding in _audit_of(connection, institution.institution_id, institution.public_id):
            late = True
            yield finding
    if not late:
        yield fine("audit", f"sealed and witnessed for all {len(visible)} institutions and partners")


async def _audit_of(connection: Connection, institution_id: int, name: str) -> AsyncIterator[Finding]:
    now = await clock.now(connection)
    waiting, oldest = await sealing.unsealed_since(connection, institution_id)
    if oldest is not None and now - oldest > _SEAL_LAG:
        yield problem(
            "audit",
            f"{waiting} entries of {name} wait for their seal, since {oldest:%Y-%m-%d %H:%M}Z.",
            "Run consentry worker; if it runs, look for a transaction that is open for long.",
        )
    head = await sealing.head(connection, institution_id)
    last = await sealing.last_checkpoint(connection, institution_id)
    sealed_at = await sealing.first_sealed_after(connection, institution_id, 0 if last is None else last.sequence)
    if head.sequence > 0 and sealed_at is not None and now - sealed_at > _CHECKPOINT_LAG:
        yield problem(
            "audit",
            f"The chain of {name} has moved, but no checkpoint was made since {sealed_at:%Y-%m-%d %H:%M}Z.",
            "Run consentry worker; if it runs, its log says why the checkpoints' file or syslog refuses.",
        )


def look_at_witnesses(settings: Settings) -> list[Finding]:
    """Look at where checkpoints go."""
    found = []
    file = settings.checkpoint_file
    same_disk = _same_disk(file.parent, settings.data_dir)
    if not file.exists():
        found.append(fine("checkpoints", f"none yet in {file}"))
    elif same_disk and not settings.checkpoint_syslog:
        found.append(
            warning(
                "checkpoints",
                f"They go to {file} alone, on the disk of the data folder.",
                "Send them elsewhere too: CONSENTRY_CHECKPOINT_FILE on another machine's disk, or "
                "CONSENTRY_CHECKPOINT_SYSLOG=yes. Who can change the database can change this file.",
            )
        )
    else:
        found.append(fine("checkpoints", f"in {file}"))
    if settings.checkpoint_syslog and not SYSLOG.exists():
        found.append(
            problem(
                "checkpoints", f"There is no syslog at {SYSLOG}.", "Start it, or unset CONSENTRY_CHECKPOINT_SYSLOG."
            )
        )
    return found


def _same_disk(first: Path, second: Path) -> bool:
    return first.exists() and second.exists() and first.stat().st_dev == second.stat().st_dev
