"""`consentry worker`: the process for what no request waits for."""

import asyncio
import contextlib
import os
import signal
import sys
from typing import Annotated

from cyclopts import Parameter

from consentry.cli.installation import hold_database, prepare
from consentry.cli.options import Json
from consentry.cli.output import write_document, write_line
from consentry.config import Settings
from consentry.connectors.smtp import MailSender
from consentry.store.embedded import EmbeddedPostgres, EmbeddedPostgresError
from consentry.store.session import Session
from consentry.web.logs import configure_logs
from consentry.worker.jobs import jobs_of
from consentry.worker.loops import run_jobs
from consentry.worker.publishing import all_of, file_witness, syslog_witness

_CONNECTIONS = 10


async def worker(
    *,
    companion: Annotated[bool, Parameter(show=False, help="End when standard input ends.")] = False,
    as_json: Json = False,
) -> None:
    """Seal the audit, send checkpoints and e-mails, make and drop partitions, until SIGTERM.

    Any number may run, on any machine: for each job one of them has the lease. Says `ready` on standard output.

    Example: `consentry worker`
    """
    settings = Settings.read()
    configure_logs(settings.log_level)
    stop = _stop_signal(follows_input=companion)
    with hold_database(settings) as database:
        keyring = await prepare(settings, database)
        session = await Session.connect(database.app_url, connections=_CONNECTIONS, application_name="consentry worker")
        try:
            witnesses = [file_witness(settings.checkpoint_file)]
            if settings.checkpoint_syslog:
                witnesses.append(syslog_witness())
            if as_json:
                write_document({"ready": True})
            elif not companion:
                write_line("ready")
            await run_jobs(
                session,
                jobs_of(
                    session,
                    keyring,
                    retention=settings.retention,
                    publish=all_of(witnesses),
                    mail=_mail_sender(settings),
                ),
                stop=stop,
                patience=settings.drain_seconds,
                on_outage=lambda: _revive(database.embedded),
            )
        finally:
            await session.close()


def _mail_sender(settings: Settings) -> MailSender | None:
    if settings.mail_server is None or settings.mail_from is None:
        return None
    return MailSender(settings.mail_server, settings.mail_from)


def _stop_signal(*, follows_input: bool) -> asyncio.Event:
    """Give an event that is set by SIGTERM or Ctrl-C, and for a companion when its supervisor is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, (lambda: None) if follows_input else stop.set)

    def supervisor_wrote() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    if follows_input:
        loop.add_reader(sys.stdin.fileno(), supervisor_wrote)
    return stop


def _revive(held: EmbeddedPostgres | None) -> None:
    """Start the embedded server again where it was killed; if that fails, the next try is soon."""
    if held is not None:
        with contextlib.suppress(EmbeddedPostgresError):
            held.ensure()
