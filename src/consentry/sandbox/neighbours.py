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
from consentry.sandbox.places import Places

_HOST: Final = "127.0.0.1"
_FIRST_PORT: Final = 8090
_PORTS_TO_TRY: Final = 50


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Where the neighbours are, and how they are run."""

    places: Places
    companions: tuple[Companion, ...]


@contextlib.contextmanager
def neighbours_of(data_dir: Path, *, any_port: bool) -> Iterator[Neighbours]:
    """Open the sockets of the neighbours, on this machine alone, and keep them open for as long as the block lasts.

    With `any_port`, or where all the usual ones are taken, the system chooses the ports.
    """
    with contextlib.ExitStack() as stack:
        first = 0 if any_port else _FIRST_PORT
        bank_app, provider, inbox, smtp = (stack.enter_context(_opened(first and first + n)) for n in range(4))
        yield Neighbours(
            places=Places(
                bank_app=_origin(bank_app),
                provider=_origin(provider),
                inbox=_origin(inbox),
                smtp=f"smtp://{_HOST}:{smtp.getsockname()[1]}",
            ),
            companions=(
                _companion("consentry.sandbox.bank_app", (bank_app,), str(data_dir.absolute())),
                _companion("consentry.sandbox.provider", (provider,)),
                _companion("consentry.sandbox.inbox", (inbox, smtp)),
            ),
        )


def _origin(listener: socket.socket) -> str:
    """Give a neighbour's origin: by another name than the service's, so that to a browser they are two sites."""
    return f"http://localhost:{listener.getsockname()[1]}"


def _companion(package: str, listeners: tuple[socket.socket, ...], *arguments: str) -> Companion:
    descriptors = tuple(listener.fileno() for listener in listeners)
    return Companion((sys.executable, "-m", package, *map(str, descriptors), *arguments), keep=descriptors)


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
