"""The supervisor: keeps the listening socket, and keeps as many workers as there should be.

SIGTERM or SIGINT stops all of them gracefully, SIGHUP replaces them one by one by new ones, with the code that is
installed then, without a failed request: the socket stays open, and a worker is told to stop only when its successor is
ready. A worker that dies is replaced.
"""

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec
import structlog

from consentry.cli.serving.process import Assignment
from consentry.config import Bind, Settings
from consentry.web.safety.limits import LIMITS_FILE, SharedLimits

_READY_SECONDS: Final = 60
_TICK: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_COMPANION_PAUSE: Final = 1.0


class StartError(Exception):
    """The service can't be started; the message says what to do."""


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    input: IO[bytes]


@dataclass(frozen=True, slots=True)
class _Starting:
    child: _Child
    ready: int


@dataclass(frozen=True, slots=True)
class Companion:
    """A process that runs beside the workers: its command, and the descriptors that it takes over."""

    command: Sequence[str]
    keep: Sequence[int] = ()


@dataclass(slots=True)
class _Beside:
    companion: Companion
    child: _Child | None = None
    next_start: float = 0.0


class Supervisor:
    """The workers of one service, and any companions that run beside them."""

    def __init__(
        self,
        settings: Settings,
        *,
        database_url: Callable[[], str],
        on_tick: Callable[[], None],
        companions: Sequence[Companion] = (),
        on_replaced: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """Prepare; `database_url` is asked at each start of a worker, `on_tick` ten times a second.

        A companion is started when the workers are, and again when it has ended; its standard input ends with us.

        `on_replaced` is told the end of each replacement: True when all workers are new ones and the old ones have
        ended, False when a new one did not get ready.
        """
        self._settings = settings
        self._database_url = database_url
        self._on_tick = on_tick
        self._on_replaced = on_replaced
        self._workers: list[_Child] = []
        self._beside = [_Beside(companion) for companion in companions]
        self._leaving: list[_Child] = []
        self._stop = False
        self._replace = False
        self._is_replacing = False
        self._pause = _TICK
        self._log = structlog.get_logger("consentry.supervisor")

    def run(self, *, on_ready: Callable[[Bind], None]) -> None:
        """Serve until told to stop.

        Raises:
            StartError: the address is taken, or no worker gets ready.
        """
        with self._shared_folder() as folder, listening(self._settings.bind) as listener:
            self._folder = folder
            self._listener = listener
            host, port = listener.getsockname()[:2]
            signal.signal(signal.SIGTERM, self._on_stop)
            signal.signal(signal.SIGINT, self._on_stop)
            signal.signal(signal.SIGHUP, self._on_replace)
            try:
                self._start_all()
                if not self._stop:
                    on_ready(Bind(host, port))
                while not self._stop:
                    time.sleep(_TICK)
                    self._tick()
            finally:
                self._stop_all()

    def _on_stop(self, *_: object) -> None:
        self._stop = True

    def _on_replace(self, *_: object) -> None:
        self._replace = True

    def _tick(self) -> None:
        self._on_tick()
        self._leaving = [child for child in self._leaving if child.process.poll() is None]
        if self._replace:
            self._replace = False
            self._is_replacing = self._replace_workers()
            if not self._is_replacing:
                self._on_replaced(False)
        if self._is_replacing and not self._leaving:
            self._is_replacing = False
            self._on_replaced(True)
        for beside in self._beside:
            self._keep(beside)
        self._replace_dead_workers()

    def _start_all(self) -> None:
        """Start the first workers and the companions, all at the same time."""
        starting = [self._launch() for _ in range(self._settings.workers)]
        for beside in self._beside:
            self._keep(beside)
        self._workers = [worker for worker in map(self._await_ready, starting) if worker is not None]
        if len(self._workers) < len(starting) and not self._stop:
            raise StartError("A worker process did not get ready; the log above says why.")

    def _replace_workers(self) -> bool:
        for number, old in enumerate(self._workers):
            successor = self._start_worker()
            if successor is None:
                self._log.error("a new worker did not get ready; the old ones stay")
                return False
            self._workers[number] = successor
            self._leaving.append(old)
            old.process.terminate()
        for beside in self._beside:
            if beside.child is not None:
                beside.child.process.terminate()
        return True

    def _replace_dead_workers(self) -> None:
        for number, worker in enumerate(self._workers):
            if worker.process.poll() is None:
                self._pause = max(_TICK, self._pause * 0.99)
                continue
            self._log.warning("a worker ended", pid=worker.process.pid, exit_code=worker.process.returncode)
            worker.input.close()
            successor = self._start_worker()
            if successor is None:
                # Most likely the database is away: try again, ever more slowly.
                time.sleep(self._pause)
                self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            else:
                self._workers[number] = successor

    def _start_worker(self) -> _Child | None:
        """Start a worker and wait until it serves; None if it did not get that far."""
        return self._await_ready(self._launch())

    def _launch(self) -> _Starting:
        reads, writes = os.pipe()
        assignment = Assignment(
            database_url=self._database_url(),
            socket=self._listener.fileno(),
            ready=writes,
            shared_folder=str(self._folder),
            surfaces=self._settings.surfaces,
        )
        try:
            child = self._start(
                (sys.executable, "-m", "consentry.cli.serving.process"), (self._listener.fileno(), writes)
            )
            with contextlib.suppress(BrokenPipeError):  # it died at once, and so does not get ready
                child.input.write(msgspec.json.encode(assignment) + b"\n")
                child.input.flush()
        finally:
            os.close(writes)
        return _Starting(child, reads)

    def _await_ready(self, starting: _Starting) -> _Child | None:
        child = starting.child
        deadline = time.monotonic() + _READY_SECONDS
        with os.fdopen(starting.ready, "rb") as ready:
            while not self._stop and time.monotonic() < deadline:
                readable, _, _ = select.select([ready], [], [], _TICK)
                if not readable:
                    continue
                if ready.read():
                    return child
                break
        child.process.kill()
        child.process.wait()
        with contextlib.suppress(BrokenPipeError):
            child.input.close()
        return None

    def _keep(self, beside: _Beside) -> None:
        """Start a companion that does not run, at most once a second."""
        if beside.child is not None and beside.child.process.poll() is None:
            return
        if time.monotonic() < beside.next_start:
            return
        if beside.child is not None:
            self._log.warning("a companion ended", exit_code=beside.child.process.returncode)
            beside.child.input.close()
        beside.next_start = time.monotonic() + _COMPANION_PAUSE
        beside.child = self._start(beside.companion.command, beside.companion.keep)

    def _start(self, command: Sequence[str], keep: Sequence[int]) -> _Child:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=keep)
        if process.stdin is None:
            raise AssertionError
        return _Child(process, process.stdin)

    def _stop_all(self) -> None:
        # Whoever comes from now on finds nobody listening, at once, instead of waiting in a queue that nobody serves.
        self._listener.close()
        companions = [beside.child for beside in self._beside if beside.child is not None]
        children = [*self._workers, *self._leaving, *companions]
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                child.process.terminate()
        ends = time.monotonic() + self._settings.drain_seconds + 10
        for child in children:
            try:
                child.process.wait(max(0.1, ends - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            with contextlib.suppress(OSError):
                child.input.close()

    @contextlib.contextmanager
    def _shared_folder(self) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(prefix="consentry-"))
        try:
            SharedLimits.create(folder / LIMITS_FILE)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def listening(bind: Bind) -> Iterator[socket.socket]:
    """Open the listening socket of a service.

    Raises:
        StartError: the address can't be used.
    """
    family = socket.AF_INET6 if ":" in bind.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((bind.host, bind.port))
        except OSError as error:
            raise StartError(
                f"The address {bind} can't be used ({error.strerror}); choose another with --bind or CONSENTRY_BIND."
            ) from None
        listener.listen(2048)
        yield listener
