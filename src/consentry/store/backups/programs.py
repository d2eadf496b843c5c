"""PostgreSQL's pg_dump and pg_restore: finding a pair that fits, and running them without showing a password.

Both only translate: pg_dump reads a database into its archive format, pg_restore turns that into SQL. Nothing here
writes to a database; that is left to loading.py.
"""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from consentry.store.backups.errors import BackupError
from consentry.store.embedded import EmbeddedPostgresError
from consentry.store.embedded.binaries import find_binaries

_BUFFER: Final = 4 << 20
_ERROR_LENGTH: Final = 1000
_DUMP_OPTIONS: Final = (
    "--format=custom",
    "--compress=3",
    "--schema=consentry",
    "--no-owner",
    "--no-tablespaces",
    "--no-publications",
    "--no-subscriptions",
    "--no-security-labels",
    "--lock-wait-timeout=60000",
    "--no-password",
)


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with pg_dump and pg_restore, and their major version."""

    folder: Path
    major: int


def find_programs(*, least: int, data_dir: Path, only: Path | None = None) -> Programs:
    """Find programs of major version `least` or later: in `only`, else on the PATH, else those of an embedded server.

    Raises:
        BackupError: `programs_missing`; the sentence says what was found.
    """
    found = []
    for folder in [only] if only is not None else _known_folders(data_dir):
        major = _major(folder)
        if major is not None and major >= least:
            return Programs(folder, major)
        if major is not None:
            found.append(f"{major} in {folder}")
    where = f"in {only}" if only is not None else "on the PATH"
    raise BackupError(
        "programs_missing",
        f"pg_dump and pg_restore of PostgreSQL {least} or later are needed {where} "
        f"(found: {', '.join(found) or 'none'}): install PostgreSQL's client programs, or name their folder in "
        "CONSENTRY_POSTGRES_BIN.",
    )


def _known_folders(data_dir: Path) -> Iterator[Path]:
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        yield Path(on_path).resolve().parent
        yield Path(on_path).parent
    with contextlib.suppress(EmbeddedPostgresError):
        yield find_binaries(data_dir, cluster_major=None).folder


def _major(folder: Path) -> int | None:
    """Give the version that both programs in a folder have, None where one is missing or does not run."""
    versions = set()
    for name in ("pg_dump", "pg_restore"):
        try:
            told = subprocess.run([folder / name, "--version"], capture_output=True, check=False, text=True)
        except OSError:
            return None
        version = re.search(r"\(PostgreSQL\) (\d+)", told.stdout)
        versions.add(int(version[1]) if told.returncode == 0 and version else None)
    return versions.pop() if len(versions) == 1 else None


@contextlib.asynccontextmanager
async def dumping(programs: Programs, url: str, *, snapshot: str) -> AsyncIterator[asyncio.StreamReader]:
    """Dump the schema as `snapshot`, exported by a transaction that stays open, saw it; read the stream to its end.

    Raises:
        BackupError: `dump_failed`, when the block ends, with pg_dump's own words.
    """
    address, secret = without_password(url)
    arguments = [*_DUMP_OPTIONS, f"--snapshot={snapshot}", f"--dbname={address}"]
    environment = {**os.environ, "LC_ALL": "C", **secret}
    process = await asyncio.create_subprocess_exec(
        programs.folder / "pg_dump",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        limit=_BUFFER,
    )
    async with _watched(process, "dump_failed", "The database can't be dumped"):
        yield _piped(process.stdout)


@contextlib.asynccontextmanager
async def script(programs: Programs, section: str, dump: Iterator[bytes]) -> AsyncIterator[asyncio.StreamReader]:
    """Turn one section of a dump (`pre-data`, `data`, `post-data`) into SQL; read the stream to its end.

    Raises:
        BackupError: `damaged`, when the block ends, with pg_restore's own words.
    """
    process = await asyncio.create_subprocess_exec(
        programs.folder / "pg_restore",
        f"--section={section}",
        "--no-owner",
        "--file=-",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C"},
        limit=_BUFFER,
    )
    if process.stdin is None:
        raise AssertionError
    feeding = asyncio.create_task(_feed(process.stdin, dump))
    try:
        async with _watched(process, "damaged", "The backup's dump can't be read"):
            yield _piped(process.stdout)
            await feeding
    finally:
        feeding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await feeding


async def _feed(pipe: asyncio.StreamWriter, dump: Iterator[bytes]) -> None:
    """Write a dump to pg_restore, which may stop reading when it has what it needs."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for chunk in dump:
            pipe.write(chunk)
            await pipe.drain()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        pipe.close()
        await pipe.wait_closed()


@contextlib.asynccontextmanager
async def _watched(process: asyncio.subprocess.Process, code: str, complaint: str) -> AsyncIterator[None]:
    """Collect what a program complains of while its output is read, and raise it if the program failed."""
    errors = asyncio.create_task(_piped(process.stderr).read())
    try:
        yield
        words = (await errors).decode(errors="replace").strip()[-_ERROR_LENGTH:]
        if await process.wait():
            raise BackupError(code, f"{complaint}: {words or f'the program ended with {process.returncode}'}")
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        errors.cancel()


def without_password(url: str) -> tuple[str, Mapping[str, str]]:
    """Take the password out of an address, for others can read a command line; give it as an environment variable."""
    parts = urlsplit(url)
    account, at, place = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    query = parse_qsl(parts.query, keep_blank_values=True)
    found = unquote(password) or next((value for name, value in query if name == "password"), "")
    rest = urlencode([(name, value) for name, value in query if name != "password"], safe="/")
    address = f"{parts.scheme}://{user}{at}{place}{parts.path}{'?' if rest else ''}{rest}"
    return address, {"PGPASSWORD": found} if found else {}


def _piped(stream: asyncio.StreamReader | None) -> asyncio.StreamReader:
    if stream is None:
        raise AssertionError
    return stream
