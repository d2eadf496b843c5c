"""The processes that stand around the made-up bank: where each listens, and the command that runs it.

Owns their sockets, which are opened here, before anything starts, so that each address is known and nobody else's from
then on, and a process that was ended finds its callers waiting. What a neighbour does is its own package's.
"""

import contextlib
import errno
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consentry.cli.serving.supervisor import Companion

_HOST: Final = "127.0.0.1"
_BANK_APP_PORT: Final = 8090
_PORTS_TO_TRY: Final = 50


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The bank's own app, which embeds the dashboard: its origin, and how it is run."""

    bank_app: str
    companions: tuple[Companion, ...]


@contextlib.contextmanager
def neighbours_of(data_dir: Path, *, any_port: bool) -> Iterator[Neighbours]:
    """Open the sockets of the neighbours, on this machine alone, and keep them open for as long as the block lasts.

    With `any_port`, or where all the usual ones are taken, the system chooses the ports.
    """
    with _opened(0 if any_port else _BANK_APP_PORT) as bank_app:
        # By another name than the service's: to a browser they are two sites, as a bank and its vendor are.
        origin = f"http://localhost:{bank_app.getsockname()[1]}"
        yield Neighbours(
            bank_app=origin,
            companions=(_companion("consentry.sandbox.bank_app", bank_app, str(data_dir.absolute())),),
        )


def _companion(package: str, listener: socket.socket, *arguments: str) -> Companion:
    descriptor = listener.fileno()
    return Companion((sys.executable, "-m", package, str(descriptor), *arguments), keep=(descriptor,))


@contextlib.contextmanager
def _opened(first: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for port in (*range(first, first + _PORTS_TO_TRY), 0) if first else (0,):
            try:
                listener.bind((_HOST, port))
                listener.listen(128)
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        yield listener
