"""How an import shows where it is, on standard error: a bar on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from consentry.cli.output import note
from consentry.usecases.importing.orders import Progress, Stage

_WORDS: Final = {
    Stage.READING: "Reading and staging",
    Stage.CHECKING: "Checking the whole",
    Stage.PUBLISHING: "Publishing",
}
_SECONDS_BETWEEN_LINES: Final = 5.0


@contextmanager
def shown_progress(*, as_json: bool) -> Iterator[Callable[[Progress], None]]:
    """Give what an import tells its progress to; what it shows ends with the block.

    For a program that reads JSON nothing is shown, unless a person watches on a terminal.
    """
    if sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _Lines(quiet=as_json).show


class _Lines:
    """Plain lines, for logs and pipes: one a stage, and one every few seconds."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._stage: Stage | None = None
        self._last = 0.0

    def show(self, progress: Progress) -> None:
        """Write a line if it is time for one."""
        now = time.monotonic()
        is_soon = progress.stage is self._stage and now - self._last < _SECONDS_BETWEEN_LINES
        if self._quiet or is_soon:
            return
        self._stage, self._last = progress.stage, now
        note(f"{_WORDS[progress.stage]}{_share(progress)}: {progress.lines:,} lines{_resumed(progress)}")


def _share(progress: Progress) -> str:
    return f", {100 * progress.done / progress.total:.0f}%" if progress.total else ""


def _resumed(progress: Progress) -> str:
    return f", {progress.resumed_lines:,} of them staged before" if progress.resumed_lines else ""


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[lines]}"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None, lines="")

        def show(progress: Progress) -> None:
            bars.update(
                task,
                description=_WORDS[progress.stage],
                completed=progress.done,
                total=progress.total,
                lines=f"{progress.lines:,} lines{_resumed(progress)}",
            )

        yield show
