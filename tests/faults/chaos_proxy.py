"""A troubled way to PostgreSQL: a proxy between unix sockets that delays, trickles, cuts and swallows.

It runs in a thread of its own, so that tests can block. What trouble there is, and when, is said by the tests.
"""

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

_SOCKET = ".s.PGSQL.5432"


class Trouble(Enum):
    """What happens to connections, to those that are open and to new ones."""

    NONE = auto()
    LATENCY = auto()
    TRICKLE = auto()
    RESET = auto()
    HALF_OPEN = auto()
    REFUSED = auto()


class Cut(Enum):
    """Where a connection breaks: before the server gets a message, or after it has done what the message asks."""

    BEFORE = auto()
    AFTER = auto()


@dataclass(slots=True, eq=False)
class _Link:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    drops_the_answer: bool = False

    def abort(self) -> None:
        self.client.transport.abort()
        self.server.transport.abort()


class ChaosProxy:
    """The proxy; `folder` is what a client takes for the server's socket folder."""

    def __init__(self, upstream: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="consentry-chaos-"))
        self.latency = 0.05
        self._upstream = upstream / _SOCKET
        self._trouble = Trouble.REFUSED
        self._cuts: dict[bytes, Cut] = {}
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.AbstractServer | None = None
        self._thread.start()
        self.set(Trouble.NONE)

    def set(self, trouble: Trouble) -> None:
        """Begin this trouble, or end all with NONE."""
        asyncio.run_coroutine_threadsafe(self._set(trouble), self._loop).result(10)

    def cut(self, message: bytes, where: Cut) -> None:
        """Break the connection on which a client next sends these bytes, once."""
        self._cuts[message] = where

    @property
    def cuts_to_come(self) -> int:
        """Count the cuts that were asked for and have not happened."""
        return len(self._cuts)

    def close(self) -> None:
        """End the proxy and all its connections."""
        self.set(Trouble.REFUSED)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self.folder.rmdir()

    async def _set(self, trouble: Trouble) -> None:
        self._trouble = trouble
        if trouble is Trouble.REFUSED and self._server is not None:
            self._server.close()
            (self.folder / _SOCKET).unlink(missing_ok=True)
            self._server = None
        elif trouble is not Trouble.REFUSED and self._server is None:
            self._server = await asyncio.start_unix_server(self._serve, self.folder / _SOCKET)
        if trouble in (Trouble.RESET, Trouble.REFUSED):
            while self._links:
                for link in self._links:
                    link.abort()
                await asyncio.sleep(0.001)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._trouble is Trouble.RESET:
            writer.transport.abort()
            return
        server_reader, server_writer = await asyncio.open_unix_connection(self._upstream)
        link = _Link(writer, server_writer)
        self._links.add(link)
        with contextlib.suppress(OSError):
            await asyncio.gather(self._to_server(reader, link), self._to_client(server_reader, link))
        link.abort()
        self._links.discard(link)

    async def _to_server(self, reader: asyncio.StreamReader, link: _Link) -> None:
        swallows = False
        while data := await reader.read(65536):
            # What was swallowed is gone: such a connection stays silent for ever, even when the trouble is over.
            swallows = swallows or self._trouble is Trouble.HALF_OPEN
            where = None if swallows else self._next_cut(data)
            if where is Cut.BEFORE:
                break
            link.drops_the_answer = where is Cut.AFTER
            if not swallows:
                await self._pass_on(data, link.server)
        link.abort()

    async def _to_client(self, reader: asyncio.StreamReader, link: _Link) -> None:
        swallows = False
        while data := await reader.read(65536):
            swallows = swallows or self._trouble is Trouble.HALF_OPEN
            if link.drops_the_answer:
                break
            if not swallows:
                await self._pass_on(data, link.client)
        link.abort()

    def _next_cut(self, data: bytes) -> Cut | None:
        found = next((message for message in self._cuts if message in data), None)
        return None if found is None else self._cuts.pop(found)

    async def _pass_on(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self._trouble is Trouble.LATENCY:
            await asyncio.sleep(self.latency)
        if self._trouble is not Trouble.TRICKLE:
            writer.write(data)
        else:
            for number in range(len(data)):
                writer.write(data[number : number + 1])
                await writer.drain()
                await asyncio.sleep(0)
        await writer.drain()


@contextlib.contextmanager
def chaos_proxy(upstream: Path) -> Iterator[ChaosProxy]:
    """Run a proxy before the server whose socket is in the folder `upstream`."""
    proxy = ChaosProxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
