"""Ports of this machine, known by their number before anybody listens on them."""

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def held_port() -> Iterator[int]:
    """Hold a port for whoever is to listen on it: the system gives it to nobody else meanwhile, nor to a connection.

    Servers that reuse addresses, as nearly all do, may listen on it beside its holder; until they do, nobody answers.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        yield port
