"""Where checkpoints go: out of the database's reach, each only counted as made once it is there."""

import contextlib
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

_SYSLOG_PRIORITY: Final = 4 * 8 + 5  # facility auth, severity notice (RFC 5424, section 6.2.1)
SYSLOG: Final = Path("/dev/log")


def file_witness(path: Path) -> Callable[[str], None]:
    """Append each statement to a file, as a line `{"checkpoint": "..."}`, and return when it is on the disk."""

    def publish(statement: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, msgspec.json.encode({"checkpoint": statement}) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            _sync_folder(path.parent)

    return publish


def syslog_witness(address: Path = SYSLOG) -> Callable[[str], None]:
    """Send each statement to the machine's syslog, which should pass it on to another machine."""

    def publish(statement: str) -> None:
        message = f"<{_SYSLOG_PRIORITY}>consentry[{os.getpid()}]: audit checkpoint {statement}".encode()
        for kind, end in ((socket.SOCK_DGRAM, b""), (socket.SOCK_STREAM, b"\0")):
            with socket.socket(socket.AF_UNIX, kind) as connection:
                connection.settimeout(5)
                with contextlib.suppress(OSError):
                    connection.connect(str(address))
                    connection.sendall(message + end)
                    return
        raise OSError(f"syslog can't be reached at {address}")

    return publish


def all_of(witnesses: Sequence[Callable[[str], None]]) -> Callable[[str], None]:
    """Bring each statement to every witness."""

    def publish(statement: str) -> None:
        for witness in witnesses:
            witness(statement)

    return publish


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
