"""The server's processes: which belong to a cluster, and ending what a killed server left behind.

Owns the proof that a process id is our server and not a stranger with a reused number. When to look is left to
`server`.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from consentry.store.embedded.accounts import OsUser

_PROC = Path("/proc")
_GONE = " (deleted)"


@dataclass(frozen=True, slots=True)
class ClusterMark:
    """What the processes of one cluster are known by: its real folder, the name in their titles, and their user."""

    folder: Path
    name: str
    user: OsUser


def is_server_of(mark: ClusterMark, pid: int) -> bool:
    """Tell whether `pid` is a live main server process (the postmaster) of this cluster."""
    command = _command_if_ours(mark, pid) if _has_proc() else _listed_by_ps(mark).get(pid)
    return command is not None and not command.startswith("postgres:")


def processes_of(mark: ClusterMark) -> list[int]:
    """Return the ids of the live processes of this cluster, those of a deleted folder of the same path included."""
    if not _has_proc():
        return list(_listed_by_ps(mark))
    return [pid for pid in _all_pids() if _command_if_ours(mark, pid) is not None]


def end_processes(mark: ClusterMark, *, patience: float = 3.0) -> bool:
    """End every process of this cluster, after `patience` seconds by killing; tell whether all are gone."""
    for number, seconds in ((signal.SIGQUIT, patience), (signal.SIGKILL, 10.0)):
        for pid in processes_of(mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while processes_of(mark):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            return True
    return False


def _has_proc() -> bool:
    return (_PROC / "self" / "cmdline").exists()


def _all_pids() -> Iterator[int]:
    return (int(entry) for entry in os.listdir(_PROC) if entry.isdigit())


def _command_if_ours(mark: ClusterMark, pid: int) -> str | None:
    process = _PROC / str(pid)
    try:
        words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        if "postgres" not in words[0] or _is_zombie(process) or _owner(process) != mark.user.uid:
            return None
        return words[0] if _is_in_folder(mark, process, words) else None
    except (FileNotFoundError, ProcessLookupError):
        return None


def _is_in_folder(mark: ClusterMark, process: Path, words: list[str]) -> bool:
    try:
        program = os.readlink(process / "exe").removesuffix(_GONE)
        folder = os.readlink(process / "cwd").removesuffix(_GONE)
    except PermissionError:  # root without CAP_SYS_PTRACE, as in a container: what the process says of itself remains
        return _says_so(mark, words)
    return os.path.basename(program) == "postgres" and folder == str(mark.folder)


def _says_so(mark: ClusterMark, words: list[str]) -> bool:
    if words[0].startswith("postgres:"):
        return words[0].startswith(f"postgres: {mark.name}: ")
    return os.path.basename(words[0]) == "postgres" and str(mark.folder) in words


def _is_zombie(process: Path) -> bool:
    return (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] in "ZX"


def _owner(process: Path) -> int:
    for line in (process / "status").read_text(errors="replace").splitlines():
        if line.startswith("Uid:"):
            return int(line.split()[2])
    return -1


def _listed_by_ps(mark: ClusterMark) -> dict[int, str]:
    """Return command by process id from ps, for systems without /proc."""
    told = subprocess.run(
        ["/bin/ps", "-axww", "-o", "pid=,uid=,stat=,command="],
        capture_output=True,
        check=False,
        text=True,
        errors="replace",
    )
    found: dict[int, str] = {}
    for line in told.stdout.splitlines():
        pid, uid, state, command = [*line.split(None, 3), "", "", "", ""][:4]
        words = [command] if command.startswith("postgres:") else command.split(" ", 2)
        ours = "postgres" in command and uid == str(mark.user.uid) and not state.startswith("Z")
        if ours and _says_so(mark, words):
            found[int(pid)] = command
    return found
