"""The worker's jobs: which use case runs how often. The use cases decide what is done."""

import time
from collections.abc import Callable
from typing import Final

import structlog

from consentry.config import Retention
from consentry.connectors.smtp import MailSender
from consentry.keyring import Keyring
from consentry.store import partitions
from consentry.store.session import Session
from consentry.usecases.audit.checkpoint_all import checkpoint_all
from consentry.usecases.audit.checkpoint_key import CheckpointKey, open_checkpoint_key
from consentry.usecases.audit.seal_waiting import seal_waiting
from consentry.usecases.counting.count_consents import count_consents
from consentry.usecases.counting.count_visits import count_visits
from consentry.usecases.mail.forget_old import forget_old_mails
from consentry.usecases.mail.send_waiting import send_waiting
from consentry.usecases.page.forget import forget_pages
from consentry.usecases.retention.drop_expired import drop_expired
from consentry.usecases.retention.forget_ended import forget_ended
from consentry.usecases.staff.forget_old import forget_old_sessions
from consentry.worker.loops import Job

SEAL_EVERY: Final = 1.0
CHECKPOINT_EVERY: Final = 2.0
COUNT_EVERY: Final = 5.0
PARTITIONS_EVERY: Final = 3600.0
RETENTION_EVERY: Final = 86_400.0
PAGES_EVERY: Final = 3600.0
MAILS_EVERY: Final = 2.0
_TELL_AGAIN_AFTER: Final = 60.0


def jobs_of(
    session: Session,
    keyring: Keyring,
    *,
    retention: Retention,
    publish: Callable[[str], None],
    mail: MailSender | None = None,
) -> list[Job]:
    """Give all jobs; `publish` brings checkpoints to their witnesses, `mail` e-mails to the server, if there is one."""
    log = structlog.get_logger("consentry.worker")
    opened: list[CheckpointKey] = []
    told: dict[int, float] = {}

    def on_broken(institution_id: int, how: str) -> None:
        if time.monotonic() >= told.get(institution_id, 0.0):
            told[institution_id] = time.monotonic() + _TELL_AGAIN_AFTER
            log.error("the audit was changed", institution=institution_id, how=how)

    async def seal() -> None:
        await seal_waiting(session)

    async def checkpoint() -> None:
        if not opened:
            opened.append(await open_checkpoint_key(session, keyring))
        await checkpoint_all(session, key=opened[0], publish=publish, on_broken=on_broken)

    async def count() -> None:
        await count_consents(session)
        await count_visits(session)

    return [
        Job("seal", SEAL_EVERY, seal),
        Job("checkpoint", CHECKPOINT_EVERY, checkpoint),
        Job("count", COUNT_EVERY, count),
        Job("partitions", PARTITIONS_EVERY, lambda: _ensure_partitions(session)),
        Job("retention", RETENTION_EVERY, lambda: _retain(session, retention)),
        Job("pages", PAGES_EVERY, lambda: _forget(session)),
        Job("mails", MAILS_EVERY, lambda: _send_mails(session, mail)),
    ]


async def _ensure_partitions(session: Session) -> None:
    async with session.connection() as connection:
        await partitions.ensure(connection)


async def _retain(session: Session, retention: Retention) -> None:
    log = structlog.get_logger("consentry.worker")
    dropped = await drop_expired(session, retention)
    if dropped:
        log.info("dropped what need not be kept", partitions=dropped)
    forgotten = await forget_ended(session, retention)
    if forgotten:
        log.info("deleted consents that ended long ago", consents=forgotten)


async def _forget(session: Session) -> None:
    await forget_pages(session)
    await forget_old_mails(session)
    await forget_old_sessions(session)


async def _send_mails(session: Session, sender: MailSender | None) -> None:
    log = structlog.get_logger("consentry.worker")
    done = await send_waiting(session, sender)
    if done.sent:
        log.info("sent e-mails", mails=done.sent)
    if done.failed:
        log.warning("an e-mail could not be sent; it is tried again", why=done.why)
    if done.given_up:
        log.warning("e-mails were given up", mails=done.given_up)
