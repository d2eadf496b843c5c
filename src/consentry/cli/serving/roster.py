"""Which services run on a data folder, so that a command can tell them to take new keys.

Each service has a file there for as long as it lives, which it holds locked: the file of one that died is not believed.
"""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

_FOLDER: Final = "services"
_POLL: Final = 0.05


class RosterError(Exception):
    """A service did not do what it was told to; the message says what to do."""


class ServiceState(msgspec.Struct, frozen=True):
    """What a service says of itself: its supervisor, its address, and how often its processes were replaced or not."""

    pid: int
    url: str
    replaced: int = 0
    failed: int = 0


class RosterEntry:
    """A service's own entry."""

    def __init__(self, descriptor: int, state: ServiceState) -> None:
        self._descriptor = descriptor
        self._state = state
        self._write()

    def count(self, succeeded: bool) -> None:
        """Count the end of a replacement of the processes."""
        state = self._state
        self._state = msgspec.structs.replace(
            state, replaced=state.replaced + succeeded, failed=state.failed + (not succeeded)
        )
        self._write()

    def _write(self) -> None:
        text = msgspec.json.encode(self._state)
        os.pwrite(self._descriptor, text.ljust(512) + b"\n", 0)


@contextlib.contextmanager
def enrolled(data_dir: Path, *, url: str) -> Iterator[RosterEntry]:
    """Stand in the roster for as long as the block lasts.

    Raises:
        OSError: the data folder can't be written.
    """
    folder = data_dir / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{os.getpid()}.json"
    descriptor = _locked(path)
    try:
        yield RosterEntry(descriptor, ServiceState(pid=os.getpid(), url=url))
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
        # Somebody took it for the file of a service that died, before it was locked.
        os.close(descriptor)


def running(data_dir: Path) -> list[ServiceState]:
    """Give the services that run on a data folder now."""
    return [state for path in sorted((data_dir / _FOLDER).glob("*.json")) if (state := _read(path)) is not None]


def replace_processes(data_dir: Path, *, patience: float, on_service: Callable[[str], None]) -> int:
    """Have every service replace its processes, wait until the old ones have ended, and give how many services.

    `on_service` is told the address of each before. `patience` is in seconds, for each.

    Raises:
        RosterError: a service could not, or did not in time.
    """
    services = running(data_dir)
    for before in services:
        on_service(before.url)
        try:
            os.kill(before.pid, signal.SIGHUP)
        except OSError:
            raise RosterError(
                f"The service at {before.url} can't be told to take the new keys; run this as its user or as root."
            ) from None
        _await_replacement(data_dir / _FOLDER / f"{before.pid}.json", before, patience=patience)
    return len(services)


def _await_replacement(path: Path, before: ServiceState, *, patience: float) -> None:
    ends = time.monotonic() + patience
    while time.monotonic() < ends:
        now = _read(path)
        if now is None or now.replaced > before.replaced:
            return
        if now.failed > before.failed:
            raise RosterError(f"The service at {before.url} could not start new processes; its log says why.")
        time.sleep(_POLL)
    raise RosterError(f"The service at {before.url} has not replaced its processes within {patience:.0f} s.")


def _read(path: Path) -> ServiceState | None:
    """Read an entry; None, and the file is gone, if its service is."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _state_in(descriptor)
    else:
        path.unlink(missing_ok=True)
        return None
    finally:
        os.close(descriptor)


def _state_in(descriptor: int) -> ServiceState | None:
    try:
        return msgspec.json.decode(os.pread(descriptor, 1024, 0), type=ServiceState)
    except msgspec.DecodeError:
        return None
