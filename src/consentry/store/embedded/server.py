"""Starting, sharing and stopping the embedded server.

Owns attaching to a server that runs, recovery after a kill, and when the server stops. What is inside the cluster's
folder is left to `cluster`, proving processes to `processes`, who shares it to `locks`, and the tables to
`consentry.store.migrate`.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from consentry.store.embedded import cluster as files
from consentry.store.embedded import sockets
from consentry.store.embedded.accounts import blocking_folder, choose_server_user, run_as, this_user
from consentry.store.embedded.binaries import Binaries, find_binaries, reachable_binaries
from consentry.store.embedded.errors import EmbeddedPostgresError
from consentry.store.embedded.locks import Membership, claim_for_server
from consentry.store.embedded.processes import ClusterMark, end_processes, is_server_of

PATIENCE = 60.0
_RECOVERY_PATIENCE = 600.0
_POLL, _RETRY = 0.02, 0.2
_PG_CTL_SECONDS = "10"  # a recovery that takes longer is waited for here
_PASSING = ("shared memory", "lock file", "already in use", "could not bind")


@dataclass(frozen=True, slots=True)
class PidFile:
    """What postmaster.pid says of a server."""

    pid: int
    socket_folder: Path
    status: str


@dataclass(frozen=True, slots=True)
class Server:
    """One cluster and all that is needed to run its server; its methods are called while `locks.deciding`."""

    data_dir: Path
    mark: ClusterMark
    binaries: Binaries
    settings: Mapping[str, str]

    def running(self) -> PidFile | None:
        """Return what is known of the running server, or None when none runs, whatever postmaster.pid says."""
        found = _pid_file(self.mark.folder)
        return found if found is not None and is_server_of(self.mark, found.pid) else None

    def bring_up(self, membership: Membership, *, reconfigure: bool) -> Path:
        """Attach to the running server or start it, and return the folder of its socket.

        With `reconfigure`, a server of other settings that nobody else holds is restarted with these.
        Raises: EmbeddedPostgresError `start_failed`, `start_timed_out`, `still_recovering`, `in_use_elsewhere`,
        `socket_lost`, `socket_folder_unsafe`.
        """
        deadline = time.monotonic() + PATIENCE
        wanted = self._configuration()
        while time.monotonic() < deadline:
            running = self.running()
            if running is None:
                self._launch(wanted)
                continue
            if not self._await_ready(running.pid, deadline):
                continue
            as_wanted = not reconfigure or files.is_configured(self.mark.folder, wanted) or not membership.is_alone()
            if self._is_usable(running) and as_wanted:
                self._admit_this_user(running)
                return running.socket_folder
            if not membership.is_alone():
                raise EmbeddedPostgresError(
                    "socket_lost",
                    f"The database server {running.pid} runs, but its socket in {running.socket_folder} is out of "
                    f"reach: stop every process that uses {self.mark.folder}, and start again.",
                )
            self.stop()
        raise self._timed_out()

    def stop(self) -> None:
        """Stop the running server: its transactions are rolled back, what was committed is kept.

        Raises: EmbeddedPostgresError `stop_timed_out`.
        """
        running = self.running()
        if running is not None:
            told = self._pg_ctl("stop", "-m", "fast", "-w", "-t", f"{PATIENCE:.0f}", "-s")
            if told.returncode != 0 and self.running() is not None:
                raise EmbeddedPostgresError(
                    "stop_timed_out",
                    f"The database server {running.pid} was told to stop and has not within {PATIENCE:.0f} s; it "
                    f"ends once its last checkpoint is written ({told.stderr.strip()}).",
                )
        with contextlib.suppress(OSError):
            sockets.socket_folder(self.mark.folder, self.mark.user).rmdir()

    def _launch(self, wanted: str) -> None:
        """Start the server once nothing is left of an earlier one; to be tried again unless an error is raised."""
        claim = claim_for_server(self.data_dir) if end_processes(self.mark) else None
        if claim is None:
            time.sleep(_POLL)
            return
        try:
            self._launch_claimed(wanted, claim)
        finally:
            os.close(claim)

    def _launch_claimed(self, wanted: str, claim: int) -> None:
        cluster, user = self.mark.folder, self.mark.user
        (cluster / "postmaster.pid").unlink(missing_ok=True)  # whoever has that number now is no server of ours
        files.hand_over(cluster, user)
        files.write_access(cluster, user=user, also=this_user().name)
        files.write_configuration(cluster, wanted, user=user)
        log = cluster / "startup.log"
        files.write_file(user, log, "")
        began = log.stat().st_mtime
        sockets.prepare_socket_folder(sockets.socket_folder(cluster, user), user)
        told = self._pg_ctl("start", "-w", "-t", _PG_CTL_SECONDS, "-s", "-l", str(log), inherit=(claim,))
        if told.returncode == 0 or self.running() is not None:
            return
        words = self._last_words(began)
        if not any(passing in words for passing in _PASSING):
            raise EmbeddedPostgresError(
                "start_failed", f"The database in {cluster} does not start: {words or told.stderr.strip()}"
            )
        time.sleep(_RETRY)

    def _timed_out(self) -> EmbeddedPostgresError:
        claim = claim_for_server(self.data_dir)
        if claim is None:
            return EmbeddedPostgresError(
                "in_use_elsewhere",
                f"The database in {self.mark.folder} is in use by processes that this one cannot see or end, perhaps "
                "in another container or of another user: stop them first.",
            )
        os.close(claim)
        words = self._last_words(time.time() - PATIENCE)
        return EmbeddedPostgresError(
            "start_timed_out",
            f"The database in {self.mark.folder} did not start within {PATIENCE:.0f} s: {words}",
        )

    def _await_ready(self, pid: int, deadline: float) -> bool:
        """Wait until the server takes connections; False when it has ended or `deadline` has passed."""
        recovered = time.monotonic() + _RECOVERY_PATIENCE
        while is_server_of(self.mark, pid):
            found = _pid_file(self.mark.folder)
            if found is not None and found.status in ("ready", "standby"):
                return True
            recovering = found is not None and found.status == "starting"
            if time.monotonic() > (recovered if recovering else deadline):
                raise EmbeddedPostgresError(
                    "still_recovering" if recovering else "start_timed_out",
                    f"The database server {pid} runs but takes no connections yet "
                    f"({found.status if found else 'no pid file'}): "
                    f"wait, and see {self.mark.folder / 'log'}.",
                )
            time.sleep(_POLL)
        return False

    def _is_usable(self, running: PidFile) -> bool:
        sockets.check_socket_folder(running.socket_folder, self.mark.user)
        return (running.socket_folder / f".s.PGSQL.{files.PORT}").is_socket()

    def _admit_this_user(self, running: PidFile) -> None:
        """Let this process's user in where the server was started by another one's process."""
        if not files.add_access(self.mark.folder, user=self.mark.user, also=this_user().name):
            return
        os.kill(running.pid, signal.SIGHUP)
        address = f"host={running.socket_folder} port={files.PORT} user={files.APP_ROLE} dbname={files.DATABASE}"
        psql: list[str | Path] = [self.binaries.program("psql"), "-wc", "", address]
        deadline = time.monotonic() + 10.0
        while subprocess.run(psql, capture_output=True, check=False).returncode != 0 and time.monotonic() < deadline:
            time.sleep(_POLL)

    def _configuration(self) -> str:
        folder = sockets.socket_folder(self.mark.folder, self.mark.user)
        return files.configuration(
            self.mark.folder, binaries=self.binaries, mark=self.mark, socket_folder=folder, settings=self.settings
        )

    def _pg_ctl(self, *arguments: str, inherit: Sequence[int] = ()) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [self.binaries.program("pg_ctl"), "-D", self.mark.folder, *arguments]
        return run_as(self.mark.user, command, inherit=inherit)

    def _last_words(self, since: float) -> str:
        """Return the last lines that a server wrote to its logs since a moment (seconds of the wall clock)."""
        startup, logs = self.mark.folder / "startup.log", (self.mark.folder / "log").glob("*.log")
        recent = [path for path in (startup, *logs) if path.exists() and path.stat().st_mtime >= since]
        return " ".join(line for path in recent for line in path.read_text(errors="replace").splitlines()[-5:])


def prepare(data_dir: Path, *, os_user: str | None, binaries: Path | None, settings: Mapping[str, str]) -> Server:
    """Find the user and the binaries for the cluster in `data_dir`, and make the cluster if there is none.

    To be called while `locks.deciding`.

    Raises: EmbeddedPostgresError, of every code that `accounts`, `binaries` and `cluster` name, and
    `data_dir_unreachable`, `data_dir_not_ours`.
    """
    folder = (data_dir / "postgresql").resolve()
    major = files.cluster_major(folder)
    user = choose_server_user(os_user, cluster_owner=folder.stat().st_uid if major is not None else None)
    blocked = blocking_folder(user, folder.parent)
    if blocked is not None:
        raise EmbeddedPostgresError(
            "data_dir_unreachable",
            f"The database runs as the user {user.name}, who may not enter {blocked}: let others through "
            f"(chmod o+x {blocked}), or put the data elsewhere with CONSENTRY_DATA_DIR.",
        )
    found = find_binaries(data_dir, cluster_major=major, explicit=binaries)
    found = reachable_binaries(found, user, data_dir=data_dir)
    if major is None:
        files.build_cluster(folder, binaries=found, user=user)
    elif os.geteuid() != 0 and folder.stat().st_uid != user.uid:
        raise EmbeddedPostgresError(
            "data_dir_not_ours",
            f"The database in {folder} belongs to another user than {user.name}: run this as that user, or as root.",
        )
    return Server(data_dir, ClusterMark(folder, sockets.short_name(folder), user), found, settings)


def _pid_file(cluster: Path) -> PidFile | None:
    try:
        lines = (cluster / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    lines += [""] * (8 - len(lines))
    return PidFile(int(lines[0]), Path(lines[4]), lines[7].strip()) if lines[0].strip().isdigit() else None
