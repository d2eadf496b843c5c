"""`consentry demo` and `consentry sandbox`: the made-up bank, started, checked and deleted.

Owns the processes of the demo and the order of its start; what it consists of is `consentry.sandbox`.
"""

import asyncio
import contextlib
import itertools
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter

from consentry.cli.installation import InstallationError
from consentry.cli.serve import keep_serving
from consentry.cli.serving.supervisor import StartError
from consentry.config import Bind, Settings
from consentry.sandbox import fence
from consentry.sandbox.checking import CheckedStep, check_walkthrough, missing_programs, shown_path
from consentry.sandbox.demo_file import LOG_FILE, Demo, demo_file, read_demo, the_only_demo, write_demo
from consentry.sandbox.embedding import await_answer, check_embedding
from consentry.sandbox.narration import Narration, own_command
from consentry.sandbox.neighbours import neighbours_of
from consentry.sandbox.portals import check_portals
from consentry.sandbox.preparation import sign_ins
from consentry.web.logs import configure_logs

demo_app = App(name="demo", help="Run a made-up bank on this machine, with customers, apps and consents.")
sandbox_app = App(name="sandbox", help="Look after the data of the demo.")

_READY_SECONDS: Final = 60
_POLL: Final = 0.1


@demo_app.default
def demo(
    *,
    port: Annotated[int | None, Parameter(help="Listen on this port; 0 means any free one.")] = None,
    check: Annotated[bool, Parameter(negative=(), help="Run the walk-through and check every answer.")] = False,
) -> None:
    """Run a made-up bank on this machine until Ctrl-C, and show what to try.

    With --check, run the walk-through against the demo that runs here; if none runs, start one for as long as that
    takes.
    """
    settings = fence.sandbox_settings(Settings.read())
    if check and (missing := missing_programs()):
        raise InstallationError("program_missing", f"The check needs {' and '.join(missing)}: install what is missing.")
    with the_only_demo(settings.data_dir) as alone:
        if alone:
            _run(settings, port=port, check=check)
        elif check:
            _check_running(settings)
        else:
            raise InstallationError(
                "demo_runs",
                f"The demo runs in this folder already, as {shown_path(demo_file(settings.data_dir))} says. Check it: "
                f"{own_command()} demo --check. Stop it: Ctrl-C where it was started.",
            )


@sandbox_app.command
def reset(*, yes: Annotated[bool, Parameter(negative=(), help="Delete without further warning.")] = False) -> None:
    """Delete the demo's data, so that the next start begins anew. Nothing that the demo did not make is touched."""
    settings = fence.sandbox_settings(Settings.read())
    narration = Narration(settings.data_dir)
    with the_only_demo(settings.data_dir) as alone:
        if not alone:
            raise InstallationError(
                "demo_runs", "The demo is running: stop it first, with Ctrl-C where it was started."
            )
        if not yes:
            raise InstallationError(
                "not_confirmed",
                f"This deletes all consents, credentials and audit entries of the sandbox in {settings.data_dir}. "
                f"To do it: {own_command()} sandbox reset --yes",
            )
        with fence.sandbox_database(settings, create=False) as database:
            asyncio.run(fence.delete_installation(settings, database))
    narration.line(f"The sandbox is empty. The next start fills it: {own_command()} demo")


def _run(settings: Settings, *, port: int | None, check: bool) -> None:
    """Start everything, tell about it, and keep it running; with `check` only until that is done."""
    begun = time.monotonic()
    narration = Narration(settings.data_dir)
    wanted = settings.bind.port if port is None else None
    settings = fence.with_free_port(settings, port=port)
    with contextlib.ExitStack() as stack:
        with narration.progress() as on_step:
            neighbours = stack.enter_context(neighbours_of(settings.data_dir, any_port=port == 0))
            settings = fence.with_neighbours(settings, neighbours.places)
            database = stack.enter_context(fence.sandbox_database(settings))
            prepared = asyncio.run(
                fence.prepare_installation(settings, database, places=neighbours.places, on_step=on_step)
            )
        failed: list[InstallationError] = []

        def on_ready(bind: Bind) -> None:
            write_demo(settings.data_dir, prepared.demo(f"http://{bind}", neighbours.places))
            if check:
                narration.addresses(bind, prepared, neighbours.places, wanted_port=wanted)
                failed.extend(_check(settings, narration))
                signal.raise_signal(signal.SIGTERM)
            else:
                narration.commands()
                narration.addresses(bind, prepared, neighbours.places, wanted_port=wanted)
                narration.portals(sign_ins(f"http://{bind}"))
                for place in neighbours.places.pages:
                    await_answer(place)
                narration.ready(time.monotonic() - begun)

        stack.enter_context(_log_in(settings.data_dir))
        configure_logs(settings.log_level)
        keep_serving(settings, database, runs_worker=True, on_ready=on_ready, companions=neighbours.companions)
    if failed:
        raise failed[0]
    if not check:
        narration.stopped()


def _check_running(settings: Settings) -> None:
    """Check the demo that runs in this folder; what it needs for that is put right first."""
    narration = Narration(settings.data_dir)
    running = _await_ready(settings.data_dir)
    with narration.progress() as on_step, fence.sandbox_database(settings, create=False) as database:
        prepared = asyncio.run(fence.prepare_installation(settings, database, places=running.places, on_step=on_step))
    write_demo(settings.data_dir, prepared.demo(running.base_url, running.places))
    narration.line(f"Checking the demo at {running.base_url}")
    for failure in _check(settings, narration):
        raise failure


def _check(settings: Settings, narration: Narration) -> list[InstallationError]:
    """Run the walk-through; give what is to be said if it failed."""
    failed = narration.checked(itertools.chain(check_walkthrough(settings.data_dir), _neighbours(settings)))
    if failed is None or failed.failure is None:
        narration.line("The walk-through works: every answer is as it should be.")
        return []
    return [InstallationError("walkthrough_failed", f"The walk-through does not work. {failed.failure.remedy}")]


def _neighbours(settings: Settings) -> Iterator[CheckedStep]:
    """Check the bank's app and the portals, with what the walk-through has left in the demo file."""
    demo = read_demo(settings.data_dir)
    if demo is not None:
        yield check_embedding(demo)
        yield from check_portals(demo)


def _await_ready(data_dir: Path) -> Demo:
    """Give what is written of the demo that another process runs, once it answers.

    Raises:
        InstallationError: it does not.
    """
    ends = time.monotonic() + _READY_SECONDS
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < ends:
        demo = read_demo(data_dir)
        if demo is not None:
            with contextlib.suppress(urllib.error.URLError, OSError), direct.open(f"{demo.base_url}/ready", timeout=5):
                return demo
        time.sleep(_POLL)
    raise InstallationError(
        "demo_silent", "A demo runs in this folder, but does not answer: stop it with Ctrl-C and start it again."
    )


@contextlib.contextmanager
def _log_in(data_dir: Path) -> Iterator[None]:
    """Let this process and those it starts log to a file, so that the terminal stays readable; begun anew each time."""
    path = data_dir / LOG_FILE
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    sys.stderr.flush()
    terminal = os.dup(2)
    os.dup2(log, 2)
    os.close(log)
    try:
        yield
    except StartError as error:
        raise StartError(f"{error} The log is {path}.") from None
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
