"""Owns the processes under load: starts them on a core, waits until they answer, reads their cost, ends them.

What each of them is, is left to `bench.peers` and `bench.product`.
"""

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE = 0
LOAD_CORE = 1
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PARENT_DEATH_SIGNAL = 1


class MissingError(Exception):
    """Something the benchmark needs is not there; the text says what, and how to get it."""


@dataclass(frozen=True, slots=True)
class Server:
    """A process that listens on a port of 127.0.0.1, with everything it started."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Return the id of the first process."""
        return self.process.pid

    def end(self) -> None:
        """End the process and those it started, politely first."""
        for asked, patience in ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0)):
            if self.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, asked)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(patience)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def inherited() -> dict[str, str]:
    """Return the environment without the product's settings, which the benchmark makes itself."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CONSENTRY_")}


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    port: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    path: str = "/",
) -> Server:
    """Start a server on the servers' core and return once `path` is answered with a status below 500.

    Raises: MissingError when it ends or stays silent for 90 seconds.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env={**inherited(), **(environment or {})},
            start_new_session=True,
            preexec_fn=_on_server_core,  # noqa: PLW1509 - this program has one thread
        )
    server = Server(name, port, process, log)
    try:
        _wait_until_answering(server, path)
    except BaseException:
        server.end()
        raise
    return server


def _on_server_core() -> None:
    """Bind the new process to its core and let it end with the benchmark."""
    os.sched_setaffinity(0, {SERVER_CORE})
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)


def _wait_until_answering(server: Server, path: str) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        if _status(server.port, path) in range(100, 500):
            return
        time.sleep(0.1)
    tail = server.log.read_text(errors="replace")[-2000:]
    raise MissingError(f"{server.name} did not start; the end of {server.log}:\n{tail}")


def _status(port: int, path: str) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError), socket.create_connection(("127.0.0.1", port), 5) as link:
        link.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        return int(link.recv(64).split(b" ")[1])
    return 0


def family(pid: int) -> Iterator[int]:
    """Yield a process's id and those of all its living descendants."""
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process and its descendants, those that ended included, have used so far."""
    total = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
            if member == pid:
                total += int(fields[13]) + int(fields[14])
    return total / TICKS_PER_SECOND


def resident_megabytes(pid: int) -> float:
    """Return the resident memory, in MB (10^6 bytes), of the largest among a process and its descendants."""
    sizes = [0.0]
    for member in family(pid):
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{member}/status").read_text()
            sizes.extend(int(kilobytes) * 1024 / 1e6 for kilobytes in re.findall(r"VmRSS:\s+(\d+) kB", status))
    return max(sizes)


def busy_share() -> float:
    """Return which part of all cores' time is in use by anything, over one second."""
    first = _core_times()
    time.sleep(1)
    busy, all_time = (after - before for after, before in zip(_core_times(), first, strict=True))
    return busy / max(1, all_time)


def _core_times() -> tuple[int, int]:
    fields = [int(field) for field in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def bind(pid: int, cores: Collection[int]) -> None:
    """Bind a process and its descendants to some cores."""
    for member in family(pid):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(member, cores)
