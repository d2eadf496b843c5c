"""How a neighbour of the made-up bank serves: one application, on a socket that the demo opened, until the demo ends.

What is answered is the application's; that a neighbour that ended is started again is the supervisor's.
"""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp


def serve_until_the_demo_ends(app: ASGIApp, descriptor: int) -> None:
    """Answer requests on the socket with this descriptor until SIGTERM, or until standard input ends."""
    asyncio.run(_serve(app, socket.socket(fileno=descriptor)))


async def _serve(app: ASGIApp, listener: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C is the demo's to handle

    def demo_ended() -> None:
        if not os.read(0, 1024):
            loop.remove_reader(0)
            stop.set()

    loop.add_reader(0, demo_ended)
    server = _Server(
        uvicorn.Config(
            app,
            loop="none",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await asyncio.wait({serving, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
