"""Installations as a single machine has them: a folder with a server and a key file, and the command line on them."""

import asyncio
import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from consentry.keyring import new_keyring, read_key_file, write_key_file
from consentry.store import embedded, migrate
from consentry.store.embedded import EmbeddedPostgres
from consentry.usecases.audit.export import export_audit
from consentry.usecases.audit.seal import seal_audit
from consentry.usecases.audit.verify import verify_audit
from consentry.usecases.institution.list_all import list_institutions
from consentry.usecases.services import Services
from consentry.wiring import open_services
from tests.serving import Service, environment, start_service


@dataclass(frozen=True, slots=True)
class Home:
    """A data folder, and this process's hold on its server."""

    folder: Path
    server: EmbeddedPostgres

    @property
    def key_file(self) -> Path:
        return self.folder / "keys.json"

    @property
    def settings(self) -> dict[str, str]:
        return {
            "CONSENTRY_DATA_DIR": str(self.folder),
            "CONSENTRY_BIND": "127.0.0.1:0",
            "CONSENTRY_WORKERS": "1",
        }

    def start(self) -> Service:
        """Start a service on it."""
        return start_service(self.settings)

    def begin(self, *command: str, **settings: str) -> "subprocess.Popen[str]":
        """Start a command on it, with these settings over its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "consentry", *command],
            env=environment({**self.settings, **settings}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """Run a command on it to its end."""
        process = self.begin(*command, **settings)
        out, err = process.communicate(timeout=240)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    @asynccontextmanager
    async def services(self) -> AsyncIterator[Services]:
        """Open the use cases on it, as a command does."""
        async with open_services(self.server.app_url, read_key_file(self.key_file), connections=4) as opened:
            yield opened


@contextlib.contextmanager
def empty_home() -> Iterator[Home]:
    """Make a data folder with a server and nothing in it."""
    folder = Path(tempfile.mkdtemp(prefix="consentry-home-"))
    folder.chmod(0o711)
    try:
        with embedded.start(folder) as server:
            yield Home(folder, server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def new_home() -> Iterator[Home]:
    """Make a data folder with keys and tables, and nobody in it."""
    with empty_home() as home:
        write_key_file(home.key_file, new_keyring(), replace=False)
        asyncio.run(_migrate(home))
        yield home


async def _migrate(home: Home) -> None:
    connection = await asyncpg.connect(home.server.owner_url)
    try:
        await migrate.migrate(connection)
    finally:
        await connection.close()


async def seal_everything(services: Services) -> None:
    """Seal whatever waits, of all institutions."""
    deadline = time.monotonic() + 120
    for institution in await list_institutions(services):
        while not await _is_sealed(services, institution.institution_id):
            assert time.monotonic() < deadline, "the audit is not sealed"
            await seal_audit(services.session, institution.institution_id)


async def _is_sealed(services: Services, institution_id: int) -> bool:
    verdict = await verify_audit(services.session, institution_id, statements={})
    assert verdict.faults == ()
    return verdict.entries == verdict.sealed


async def export_everything(services: Services, file: Path) -> None:
    """Write the audit of all institutions to a file."""
    with file.open("wb") as export:
        for institution in await list_institutions(services):
            async for line in export_audit(services.session, institution.institution_id):
                export.write(line)
