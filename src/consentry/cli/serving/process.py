"""One worker process: takes requests from the supervisor's socket until it is told to stop, then drains.

It learns what it needs from one line on its standard input, and takes the end of that input for the end of its
supervisor.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import uvicorn
import uvloop

from consentry.config import Settings
from consentry.store.session import ANSWER_SECONDS
from consentry.web.app import App
from consentry.web.logs import configure_logs
from consentry.web.safety.connections import BoundedProtocol
from consentry.wiring import build_app, load_keyring, open_services

_IDLE_SECONDS: Final = 20
_DRAIN_STEP: Final = 0.05
_LAST_TURNS: Final = 3


class Assignment(msgspec.Struct, frozen=True):
    """What the supervisor tells a worker: the database, its socket, where to say that it is ready, what to answer."""

    database_url: str
    socket: int
    ready: int
    shared_folder: str
    surfaces: frozenset[str]


def main() -> None:
    """Run a worker process to its end."""
    assignment = msgspec.json.decode(sys.stdin.buffer.readline(), type=Assignment)
    settings = replace(Settings.read(), surfaces=assignment.surfaces)
    configure_logs(settings.log_level)
    uvloop.run(_serve(assignment, settings))


async def _serve(assignment: Assignment, settings: Settings) -> None:
    stop = _stop_signal()
    keyring = load_keyring(settings)
    async with open_services(
        assignment.database_url, keyring, connections=settings.connections, answer_within=ANSWER_SECONDS
    ) as services:
        app = build_app(services, settings, shared_folder=Path(assignment.shared_folder))
        server = _Server(
            uvicorn.Config(
                app,
                loop="none",
                http=BoundedProtocol,
                ws="none",
                lifespan="off",
                interface="asgi3",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=5,
                backlog=2048,
                h11_max_incomplete_event_size=16 * 1024,
                callback_notify=_keep_counts(app),
                timeout_notify=0,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[socket.socket(fileno=assignment.socket)]))
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn tells it by no event
            await asyncio.sleep(0.005)
        # What was made at the start stays for good: the collector of cycles need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        with os.fdopen(assignment.ready, "w") as ready:
            ready.write("ready")
        await asyncio.wait({serving, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
        app.drain()
        await server.drain(settings.drain_seconds)
        server.should_exit = True
        await serving
        app.end()


def _keep_counts(app: App) -> Callable[[], Awaitable[None]]:
    async def keep_counts() -> None:
        app.keep_counts()

    return keep_counts


class _Server(uvicorn.Server):
    """Uvicorn's server, with the signals left to the process and a way to stop that fails no request."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def drain(self, seconds: float) -> None:
        """Accept no more connections and wait until the open ones are closed, which each answer now asks for."""
        for _ in range(_LAST_TURNS):  # of the loop, in which whoever stands in the queue already is let in
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while self.server_state.connections and loop.time() < ends:  # noqa: ASYNC110 - uvicorn tells it by no event
            await asyncio.sleep(_DRAIN_STEP)


def _stop_signal() -> asyncio.Event:
    """Give an event that is set by SIGTERM, and when the supervisor is gone; Ctrl-C is the supervisor's to handle."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)

    def supervisor_wrote() -> None:
        if not os.read(0, 1024):
            loop.remove_reader(0)
            stop.set()

    loop.add_reader(0, supervisor_wrote)
    return stop


if __name__ == "__main__":
    main()
