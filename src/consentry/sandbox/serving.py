"""How a neighbour of the made-up bank serves: one application, on a socket that the demo opened, until the demo ends.

What is answered is the application's; that a neighbour that ended is started again is the supervisor's.
"""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Literal
from wsgiref.types import WSGIApplication

import uvicorn
from starlette.types import ASGIApp


def serve_until_the_demo_ends(
    app: ASGIApp | WSGIApplication,
    descriptor: int,
    *,
    interface: Literal["asgi3", "wsgi"] = "asgi3",
    beside: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
) -> None:
    """Answer requests on the socket with this descriptor until SIGTERM, or until standard input ends.

    `beside` is entered before the first request, and left after the last.
    """
    asyncio.run(_serve(app, socket.socket(fileno=descriptor), interface, beside))


async def _serve(
    app: ASGIApp | WSGIApplication,
    listener: socket.socket,
    interface: Literal["asgi3", "wsgi"],
    beside: Callable[[], AbstractAsyncContextManager[None]],
) -> None:
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
            interface=interface,
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
    async with beside():
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await asyncio.wait({serving, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
