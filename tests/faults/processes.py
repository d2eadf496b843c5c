"""The processes of a service under test: which there are, and killing one of them."""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from tests.serving import Service

_WORKER = "consentry.cli.serving.process"


def children_of(pid: int) -> dict[int, str]:
    """Give the living children of a process: command by process id."""
    found = {}
    for process in Path("/proc").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if process.name.isdigit():
                state, parent = (process / "stat").read_text().rpartition(")")[2].split()[:2]
                if int(parent) == pid and state != "Z":
                    command = (process / "cmdline").read_bytes().decode(errors="replace")
                    found[int(process.name)] = command.replace("\0", " ").strip()
    return found


def workers_of(service: Service) -> list[int]:
    """Give the process ids of the workers that answer requests, the eldest first."""
    return sorted(
        (pid for pid, command in children_of(service.process.pid).items() if _WORKER in command), key=_started_at
    )


def _started_at(pid: int) -> tuple[int, int]:
    """Give when a process began, in ticks, and its id, which divides equals; those that are gone come last."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return sys.maxsize, pid
    return int(fields[19]), pid  # the 22nd of all; "pid (name)" are the first two


def kill(pid: int) -> bool:
    """Kill a process as a crash does; tell whether it was there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def wait_for_workers(service: Service, *, count: int, other_than: frozenset[int] = frozenset()) -> list[int]:
    """Wait until there are so many workers, none of them one of `other_than`."""
    deadline = time.monotonic() + 120
    while True:
        found = workers_of(service)
        if len(found) == count and not other_than & set(found):
            return found
        assert time.monotonic() < deadline, f"workers: {found}"
        time.sleep(0.05)
