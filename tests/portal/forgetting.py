"""A store that forgets whose rows it was asked for: the first wall removed, to see whether the second holds (R90).

Statements run as they are, but that `institution_id = $1` is true of every institution. What remains is row-level
security, unless the database's superuser asks.
"""

import asyncio
import re
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from consentry.config import Settings
from consentry.store.session import Session
from consentry.web.safety.limits import LIMITS_FILE, SharedLimits
from consentry.wiring import build_app, open_services
from tests.conftest import Database

_FIRST_WALL = re.compile(r"((?:\w+\.)?)institution_id = (\$\d+)(?:::\w+)?")
_RUNS = ("execute", "fetch", "fetchrow", "fetchval", "executemany", "cursor", "prepare")


class Forgetful:
    """A connection whose statements find the rows of all institutions that they are let see; counts what it forgot."""

    forgot = 0

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        return (
            found
            if name not in _RUNS
            else lambda statement, *values, **more: found(self._forget(statement), *values, **more)
        )

    def _forget(self, statement: str) -> str:
        if statement.lstrip().lower().startswith("insert"):
            return statement
        changed, times = _FIRST_WALL.subn(r"(\2::integer is not null and \1institution_id is not null)", statement)
        Forgetful.forgot += times
        return changed


@contextmanager
def forgetful_service(database: Database, monkeypatch: pytest.MonkeyPatch, *, url: str, folder: Path) -> Iterator[str]:
    """Serve the portals from a store without its first wall, as the role of `url`; gives the address."""
    connection = Session.connection

    @asynccontextmanager
    async def forgetful(self: Session) -> AsyncIterator[Any]:
        async with connection(self) as lent:
            yield Forgetful(lent)

    settings = Settings.read({**database.environment, "CONSENTRY_SURFACES": "portal"})
    servers: list[uvicorn.Server] = []
    SharedLimits.create(folder / LIMITS_FILE)

    async def serve(listening: socket.socket) -> None:
        async with open_services(url, database.keyring, connections=4) as services:
            app = build_app(services, settings, shared_folder=folder)
            servers.append(uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off")))
            await servers[0].serve(sockets=[listening])

    with monkeypatch.context() as patched, socket.socket() as listening:
        patched.setattr(Session, "connection", forgetful)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=lambda: asyncio.run(serve(listening)), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            servers[0].should_exit = True
            thread.join(30)
