"""The fence around the sandbox: its own database, which it marks, and an address on this machine alone.

Owns which settings a sandbox may have, the opening of its installation, and its deletion; what is in the database is
`preparation`'s, and the processes are the command line's.
"""

import contextlib
import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from consentry.cli import installation
from consentry.cli.installation import Database, InstallationError
from consentry.config import PREFIX, SURFACES, Bind, Settings
from consentry.sandbox.demo_file import LOG_FILE, demo_file, read_demo
from consentry.sandbox.places import Places
from consentry.sandbox.preparation import Prepared, prepare
from consentry.store import sandbox
from consentry.store.connecting import connected
from consentry.store.sandbox import SandboxRefused
from consentry.wiring import open_services

_PORTS_TO_TRY: Final = 50
_MAIL_FROM: Final = "The demo <consentry@demo.example>"
_MOST_WORKERS: Final = 2  # enough for one person, and soon started


def sandbox_settings(settings: Settings) -> Settings:
    """Give the settings of the sandbox.

    Raises:
        InstallationError: a setting names another database, or an address that other machines reach.
    """
    if settings.database_url is not None or settings.migration_url is not None:
        raise InstallationError(
            "sandbox_refused",
            "The sandbox has a database of its own, in its data folder: unset CONSENTRY_DATABASE_URL and "
            "CONSENTRY_MIGRATION_URL.",
        )
    if not _is_loopback(settings.bind.host):
        raise InstallationError(
            "sandbox_refused",
            f"The sandbox listens on this machine alone, not on {settings.bind.host}: unset CONSENTRY_BIND.",
        )
    chosen = "CONSENTRY_WORKERS" in os.environ
    return replace(settings, workers=settings.workers if chosen else min(settings.workers, _MOST_WORKERS))


def with_free_port(settings: Settings, *, port: int | None) -> Settings:
    """Give settings with this port (0: any) or, if none is asked for, with the first free one from the usual one on.

    Raises:
        InstallationError: the port that was asked for is taken.
    """
    host = settings.bind.host
    if port is not None:
        if not _is_free(Bind(host, port)):
            raise InstallationError(
                "port_taken", f"The port {port} is taken or not allowed: without --port the demo finds a free one."
            )
        return replace(settings, bind=Bind(host, port))
    first = settings.bind.port
    candidates = (Bind(host, number) for number in range(first, min(first + _PORTS_TO_TRY, 2**16)))
    return replace(settings, bind=next(filter(_is_free, candidates), Bind(host, 0)))


def with_neighbours(settings: Settings, places: Places) -> Settings:
    """Give settings with every surface, with the demo's identity provider among those that may be called.

    The processes of the service read the environment, which is changed to say the same; what they send goes to the
    demo's inbox, whatever it said before.
    """
    allowed = settings.allowed_origins | {places.provider}
    os.environ[f"{PREFIX}ALLOWED_ORIGINS"] = ",".join(sorted(allowed))
    os.environ[f"{PREFIX}SMTP_URL"] = places.smtp
    os.environ[f"{PREFIX}MAIL_FROM"] = _MAIL_FROM
    return replace(settings, surfaces=frozenset(SURFACES), allowed_origins=allowed)


@contextlib.contextmanager
def sandbox_database(settings: Settings, *, create: bool = True) -> Iterator[Database]:
    """Hold the sandbox's database for as long as the block lasts.

    Raises:
        InstallationError: there is none, and none is to be made; or the sandbox refuses it.
        EmbeddedPostgresError: it does not start.
    """
    with installation.hold_database(settings, create=create) as database:
        try:
            yield database
        except SandboxRefused as refused:
            raise InstallationError("sandbox_refused", str(refused)) from None


async def prepare_installation(
    settings: Settings, database: Database, *, places: Places, on_step: Callable[[str], None]
) -> Prepared:
    """Bring tables, mark, houses, credentials, customers and staff of the sandbox to where they have to be.

    `places` are where the neighbours listen: the bank's app, which may embed the dashboard, and the identity provider.

    Raises:
        SandboxRefused: the database is somebody's.
        InstallationError, SchemaError, KeyringError, TemporarilyUnavailable: as `open_installation` does.
    """
    async with connected(_owner_url(database)) as connection:
        await sandbox.refuse_others(connection)
    on_step("making tables")
    keyring = await installation.prepare(settings, database)
    async with connected(_owner_url(database)) as connection:
        await sandbox.mark(connection)
    async with open_services(database.app_url, keyring, connections=3) as services:
        return await prepare(services, known=read_demo(settings.data_dir), places=places, on_step=on_step)


async def delete_installation(settings: Settings, database: Database) -> None:
    """Delete what the sandbox made: tables and rows, credentials, checkpoints, demo file, log. The key file stays.

    Raises:
        SandboxRefused: the database was not made by the sandbox, or is in use.
    """
    async with connected(_owner_url(database)) as connection:
        await sandbox.erase(connection)
    demo_file(settings.data_dir).unlink(missing_ok=True)
    (settings.data_dir / LOG_FILE).unlink(missing_ok=True)
    if settings.checkpoint_file.absolute().is_relative_to(settings.data_dir):
        settings.checkpoint_file.unlink(missing_ok=True)


def _owner_url(database: Database) -> str:
    if database.owner_url is None:
        raise AssertionError("the embedded database has an owner")
    return database.owner_url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_free(bind: Bind) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in bind.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind.host, bind.port))
            probe.listen(1)
        except OSError:
            return False
        return True
