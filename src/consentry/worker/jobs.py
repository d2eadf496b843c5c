"""The worker's jobs: which use case runs how often. The use cases decide what is done."""

import time
from collections.abc import Callable
from typing import Final

import structlog

from consentry.config import Retention
from consentry.keyring import Keyring
from consentry.store import partitions
from consentry.store.session import Session
from consentry.usecases.audit.checkpoint_all import checkpoint_all
from consentry.usecases.audit.checkpoint_key import CheckpointKey, open_checkpoint_key
from consentry.usecases.audit.seal_waiting import seal_waiting
from consentry.usecases.counting.count_consents import count_consents
from consentry.usecases.counting.count_visits import count_visits
from consentry.usecases.page.forget import forget_pages
from consentry.usecases.retention.drop_expired import drop_expired
from consentry.usecases.retention.forget_ended import forget_ended
from consentry.worker.loops import Job

SEAL_EVERY: Final = 1.0
CHECKPOINT_EVERY: Final = 2.0
COUNT_EVERY: Final = 5.0
PARTITIONS_EVERY: Final = 3600.0
RETENTION_EVERY: Final = 86_400.0
PAGES_EVERY: Final = 3600.0
_TELL_AGAIN_AFTER: Final = 60.0


def jobs_of(session: Session, keyring: Keyring, *, retention: Retention, publish: Callable[[str], None]) -> list[Job]:
    """Give all jobs; `publish` brings checkpoints to their witnesses."""
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

    async def ensure_partitions() -> None:
        async with session.connection() as connection:
            await partitions.ensure(connection)

    async def retain() -> None:
        dropped = await drop_expired(session, retention)
        if dropped:
            log.info("dropped what need not be kept", partitions=dropped)
        forgotten = await forget_ended(session, retention)
        if forgotten:
            log.info("deleted consents that ended long ago", consents=forgotten)

    async def forget() -> None:
        await forget_pages(session)

    return [
        Job("seal", SEAL_EVERY, seal),
        Job("checkpoint", CHECKPOINT_EVERY, checkpoint),
        Job("count", COUNT_EVERY, count),
        Job("partitions", PARTITIONS_EVERY, ensure_partitions),
        Job("retention", RETENTION_EVERY, retain),
        Job("pages", PAGES_EVERY, forget),
    ]
