"""The locks by which processes share one server, kept by the kernel and so never stale.

Owns `postgresql.lock`, held while somebody decides to start or stop; `postgresql.users`, held by every user of the
server for as long as it lives; and `postgresql.server`, held by the server's own processes. What is decided is left to
`server`.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from consentry.store.embedded.errors import EmbeddedPostgresError


@contextlib.contextmanager
def deciding(data_dir: Path, *, patience: float) -> Iterator[None]:
    """Hold the lock of those who start or stop the server.

    Raises: EmbeddedPostgresError `busy`, `data_dir_not_ours`; FileNotFoundError when the folder is gone.
    """
    descriptor = _opened(data_dir / "postgresql.lock")
    try:
        deadline = time.monotonic() + patience
        while not _locked(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    "busy",
                    f"Another process has been starting or stopping the database in {data_dir} for {patience:.0f} s: "
                    "see what it is doing, and try again.",
                )
            time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


class Membership:
    """A shared hold on the server for the life of this process; to be taken, and asked, while `deciding`."""

    __slots__ = ("_descriptor", "_path", "_process")

    def __init__(self, data_dir: Path) -> None:
        """Join the users of the server in `data_dir`."""
        self._path = data_dir / "postgresql.users"
        self._descriptor = _opened(self._path)
        self._process = os.getpid()
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def is_held(self) -> bool:
        """Tell whether this process, not one forked from it, holds it, and on the file that is in the folder now."""
        if self._descriptor < 0 or self._process != os.getpid():
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self._path))
        except FileNotFoundError:
            return False

    def is_alone(self) -> bool:
        """Tell whether nobody else holds the server."""
        alone = _locked(self._descriptor, fcntl.LOCK_EX)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        return alone

    def leave(self) -> None:
        """Give the hold up; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def claim_for_server(data_dir: Path) -> int | None:
    """Return a locked descriptor for a new server to inherit, or None while any process of an earlier one has its own.

    That holds even where those processes cannot be seen, as those of another container that shares the folder.
    """
    descriptor = _opened(data_dir / "postgresql.server")
    if _locked(descriptor, fcntl.LOCK_EX):
        return descriptor
    os.close(descriptor)
    return None


def _opened(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except PermissionError:
        raise EmbeddedPostgresError(
            "data_dir_not_ours",
            f"This process may not write {path}: run it as the user whom {path.parent} belongs to, or set "
            "CONSENTRY_DATA_DIR.",
        ) from None
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
