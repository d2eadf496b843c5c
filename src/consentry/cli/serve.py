"""`consentry serve`: the service, from the check of its installation to its last drained request."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Annotated, Final

import structlog
from cyclopts import Parameter

from consentry.cli.installation import Database, hold_database, prepare
from consentry.cli.options import Json
from consentry.cli.output import write_document, write_line
from consentry.cli.serving.roster import RosterEntry, enrolled
from consentry.cli.serving.supervisor import Companion, Supervisor
from consentry.config import SURFACES, Bind, Settings, SettingsError, parse_bind, parse_surfaces
from consentry.store import safety
from consentry.store.connecting import connected
from consentry.store.embedded import EmbeddedPostgres, EmbeddedPostgresError
from consentry.web.logs import configure_logs

_LOOK_EVERY: Final = 0.5
_TRY_AGAIN_AFTER: Final = 5.0
_WORKER: Final = Companion((sys.executable, "-m", "consentry", "worker", "--companion"))


def serve(
    *,
    bind: Annotated[str | None, Parameter(help="Where to listen, such as 127.0.0.1:8080; port 0 is any.")] = None,
    surfaces: Annotated[str | None, Parameter(help="What to answer: api, embed, portal; else the first two.")] = None,
    workers: Annotated[int | None, Parameter(help="How many processes answer; else one a core.")] = None,
    with_worker: Annotated[
        bool | None,
        Parameter(
            negative="--no-with-worker",
            help="Run consentry worker beside it, or don't; else only where the database is embedded.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer requests until SIGTERM.

    Says `ready http://HOST:PORT` on standard output when it listens and answers. SIGHUP replaces the processes one by
    one, without a failed request: for a new version, or a changed key file. Settings are read anew at a start only.

    Example: `consentry serve --bind 127.0.0.1:8080 --workers 4`
    """
    settings = _overridden(Settings.read(), bind=bind, surfaces=surfaces, workers=workers)
    configure_logs(settings.log_level)
    with hold_database(settings) as database:
        asyncio.run(_prepare(settings, database))
        runs_worker = database.embedded is not None if with_worker is None else with_worker
        keep_serving(
            settings, database, runs_worker=runs_worker, on_ready=lambda bound: _announce(bound, as_json=as_json)
        )


async def _prepare(settings: Settings, database: Database) -> None:
    await prepare(settings, database)
    async with connected(database.app_url) as connection:
        for sentence in await safety.warnings(connection):
            structlog.get_logger("consentry.serve").warning("answers may not be durable", reason=sentence)


def keep_serving(
    settings: Settings,
    database: Database,
    *,
    runs_worker: bool,
    on_ready: Callable[[Bind], None],
    companions: Sequence[Companion] = (),
) -> None:
    """Run the processes of the service, and companions, on a database that is prepared, until SIGTERM or Ctrl-C.

    Raises:
        StartError: the address is taken, or no process gets ready.
    """
    embedded = database.embedded
    with ExitStack() as stack:
        places: list[RosterEntry] = []

        def enroll(bound: Bind) -> None:
            try:
                places.append(stack.enter_context(enrolled(settings.data_dir, url=f"http://{bound}")))
            except OSError as error:
                log = structlog.get_logger("consentry.serve")
                log.warning("consentry keys rotate will not find this service", reason=str(error))
            on_ready(bound)

        def count(succeeded: bool) -> None:
            for place in places:
                place.count(succeeded)

        supervisor = Supervisor(
            settings,
            database_url=lambda: database.app_url,
            on_tick=(lambda: None) if embedded is None else _Revival(embedded).look,
            companions=[*([_WORKER] if runs_worker else []), *companions],
            on_replaced=count,
        )
        supervisor.run(on_ready=enroll)


def _overridden(settings: Settings, *, bind: str | None, surfaces: str | None, workers: int | None) -> Settings:
    if bind is not None:
        try:
            settings = replace(settings, bind=parse_bind(bind))
        except ValueError:
            raise SettingsError("--bind takes an address like 127.0.0.1:8080.") from None
    if surfaces is not None:
        try:
            settings = replace(settings, surfaces=parse_surfaces(surfaces))
        except ValueError:
            raise SettingsError(f"--surfaces takes some of {', '.join(SURFACES)}, with commas between.") from None
    if workers is not None:
        if not 1 <= workers <= 256:
            raise SettingsError("--workers takes a whole number from 1 to 256.")
        settings = replace(settings, workers=workers)
    return settings


def _announce(bound: Bind, *, as_json: bool) -> None:
    url = f"http://{bound}"
    if as_json:
        write_document({"ready": url})
    else:
        write_line(f"ready {url}")


class _Revival:
    """Starts the embedded server again when it was killed; requests are answered with 503 meanwhile."""

    def __init__(self, held: EmbeddedPostgres) -> None:
        self._held = held
        self._next = 0.0
        self._log = structlog.get_logger("consentry.serve")

    def look(self) -> None:
        """See whether the server runs, at most twice a second, and start it if not."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _LOOK_EVERY
        if self._runs():
            return
        self._log.warning("the embedded database is gone; starting it again")
        try:
            self._held.ensure()
        except EmbeddedPostgresError as error:
            self._next = time.monotonic() + _TRY_AGAIN_AFTER
            self._log.error("the embedded database does not start", code=error.code, reason=error.sentence)

    def _runs(self) -> bool:
        try:
            return self._held.pid > 0
        except EmbeddedPostgresError:
            return False
