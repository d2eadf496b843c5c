"""The loops of the worker: each job in its own rhythm, under its lease, through outages of the store.

What a job does is decided in jobs.py; when the process ends, by whoever runs the loops.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.store.leases import lease
from consentry.store.session import Session

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done again and again; `every` is the pause in seconds between two rounds."""

    name: str
    every: float
    act: Callable[[], Awaitable[None]]


async def run_jobs(
    session: Session,
    jobs: Sequence[Job],
    *,
    stop: asyncio.Event,
    patience: float,
    on_outage: Callable[[], None] = lambda: None,
) -> None:
    """Run all jobs until `stop` is set; what is being done then has `patience` seconds to end.

    `on_outage` is called when the store can't be reached, before the next try.
    """
    loops = [asyncio.create_task(_repeat(session, job, stop=stop, on_outage=on_outage)) for job in jobs]
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({*loops, stopped}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(loops, timeout=patience)
    finally:
        for task in (*loops, stopped):
            task.cancel()
        await asyncio.gather(*loops, stopped, return_exceptions=True)


async def _repeat(session: Session, job: Job, *, stop: asyncio.Event, on_outage: Callable[[], None]) -> None:
    log = structlog.get_logger("consentry.worker").bind(job=job.name)
    pause = _FIRST_PAUSE
    while not stop.is_set():
        wait = job.every
        try:
            async with lease(session, job.name) as is_ours:
                if is_ours:
                    await job.act()
            if pause > _FIRST_PAUSE:
                log.info("the store is back")
            pause = _FIRST_PAUSE
        except TemporarilyUnavailable as refusal:
            if pause == _FIRST_PAUSE:
                log.warning("the store is away", cause=type(refusal.__cause__).__name__)
            wait, pause = pause, min(pause * 2, _LONGEST_PAUSE)
            await asyncio.to_thread(on_outage)
        except Exception as error:  # noqa: BLE001 - a fault in one round must not end the others; it is told
            # PostgreSQL says from the second line on which row it was, with all that is in it.
            log.error("a round failed", failure=type(error).__name__, reason=str(error).partition("\n")[0][:500])
            wait, pause = max(job.every, pause), min(pause * 2, _LONGEST_PAUSE)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait)
