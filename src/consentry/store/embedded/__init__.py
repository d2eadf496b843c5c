"""A private PostgreSQL under the data folder, for installations that bring none of their own.

Owns its life: `start` makes the cluster, its roles and its database when they are missing, attaches when another
process runs it already, and the last user to release it stops it. Tables are left to `consentry.store.migrate`,
connections to `consentry.store.session`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self
from urllib.parse import quote

from consentry.store.embedded import cluster as _files
from consentry.store.embedded import locks, processes, server
from consentry.store.embedded.errors import EmbeddedPostgresError

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "start"]


class EmbeddedPostgres:
    """A hold on the running server of one data folder: where to connect, until `release`."""

    __slots__ = ("_membership", "_server", "_socket_folder", "data_dir")

    def __init__(
        self, data_dir: Path, *, running: server.Server, membership: locks.Membership, socket_folder: Path
    ) -> None:
        """Hold a server that is up; only `start` makes one."""
        self.data_dir = data_dir
        self._server = running
        self._membership = membership
        self._socket_folder = socket_folder

    def url(self, role: str, *, database: str = _files.DATABASE) -> str:
        """Return the address under which `role` connects to `database`."""
        return f"postgresql://{role}@/{database}?host={quote(str(self._socket_folder), safe='/')}&port={_files.PORT}"

    @property
    def app_url(self) -> str:
        """The address for the application: a role that owns nothing."""
        return self.url(_files.APP_ROLE)

    @property
    def owner_url(self) -> str:
        """The address for migrations: the role that owns the tables."""
        return self.url(_files.OWNER_ROLE)

    @property
    def super_url(self) -> str:
        """The address for repairs and tests: the superuser."""
        return self.url(_files.SUPER_ROLE)

    @property
    def binaries(self) -> Path:
        """The folder of the server's programs (psql, pg_dump and the others)."""
        return self._server.binaries.folder

    @property
    def pid(self) -> int:
        """The process id of the server.

        Raises: EmbeddedPostgresError `not_running`.
        """
        running = self._server.running()
        if running is None:
            raise EmbeddedPostgresError(
                "not_running", f"The database in {self.data_dir} is not running: it was stopped or killed."
            )
        return running.pid

    def ensure(self) -> None:
        """Start the server again if it was killed while this hold lasted; the addresses stay the same.

        Raises: EmbeddedPostgresError, as `start` does.
        """
        with locks.deciding(self.data_dir, patience=server.PATIENCE):
            self._server.bring_up(self._membership, reconfigure=False)

    def release(self) -> None:
        """Give the hold up, and stop the server if nobody else holds it.

        A second time, or in a forked process, nothing is stopped.
        Raises: EmbeddedPostgresError `stop_timed_out`.
        """
        try:
            if self._membership.is_held():
                with locks.deciding(self.data_dir, patience=server.PATIENCE):
                    if self._membership.is_alone():
                        self._server.stop()
            elif not self.data_dir.exists():
                processes.end_processes(self._server.mark)
        finally:
            self._membership.leave()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the server."""
        self.release()


def start(
    data_dir: Path,
    *,
    os_user: str | None = None,
    binaries: Path | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> EmbeddedPostgres:
    """Return a hold on the server of `data_dir`, which is made, recovered and started as need be.

    Blocks: for a second as a rule, for 60 at most, and for minutes only while the server recovers from a crash.
    As root the server runs as `os_user`; `binaries` names a folder of PostgreSQL's programs; `settings` go over the
    product's own, and have no effect on a server that others hold already. Nothing is printed.
    Raises: EmbeddedPostgresError, whose `code` tells the cause and whose `sentence` says what to do.
    """
    _make_data_dir(data_dir)
    data_dir = data_dir.resolve()
    with locks.deciding(data_dir, patience=server.PATIENCE):
        membership = locks.Membership(data_dir)
        try:
            running = server.prepare(data_dir, os_user=os_user, binaries=binaries, settings=settings)
            folder = running.bring_up(membership, reconfigure=True)
        except BaseException:
            membership.leave()
            raise
    return EmbeddedPostgres(data_dir, running=running, membership=membership, socket_folder=folder)


def _make_data_dir(data_dir: Path) -> None:
    try:
        if data_dir.exists() and not data_dir.is_dir():
            raise NotADirectoryError(f"{data_dir} is not a folder")
        missing = [folder for folder in (data_dir, *data_dir.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o711 if os.geteuid() == 0 else 0o700)  # the server's user must get through
    except OSError as error:
        raise EmbeddedPostgresError(
            "data_dir_not_made",
            f"The data folder {data_dir} cannot be made ({error}): make it, or set CONSENTRY_DATA_DIR.",
        ) from None
