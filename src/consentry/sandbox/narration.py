"""What the demo tells the person at the terminal.

Owns words and layout, for 100 columns and with as little colour as helps; what it tells of is made elsewhere. Lines
are never broken: they are to be copied.
"""

import contextlib
import itertools
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from consentry.config import Bind
from consentry.sandbox.checking import CheckedStep, shown_path
from consentry.sandbox.demo_file import LOG_FILE, SignIn, demo_file
from consentry.sandbox.people import NEWCOMER
from consentry.sandbox.places import Places
from consentry.sandbox.preparation import Prepared
from consentry.sandbox.walkthrough import STEPS, Step, command_text
from consentry.sandbox.words import APPS, INSTITUTION_NAME, WAITING_APPS

_WIDTH: Final = 96


class Narration:
    """The demo's words about one data folder, on standard output."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._console = Console(highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def progress(self) -> Iterator[Callable[[str], None]]:
        """Give a function that tells what is being done, as long as it is; a terminal alone shows it."""
        with self._console.status("starting PostgreSQL") as status:
            yield status.update

    def addresses(self, bind: Bind, prepared: Prepared, places: Places, *, wanted_port: int | None) -> None:
        """Tell where everything is."""
        path = shown_path(demo_file(self._data_dir))
        facts = {
            "bank's app": f"{places.bank_app}, which shows customers the dashboard",
            "API": f"http://{bind}/api/v4",
            "reference": f"http://{bind}/docs",
            "institution": f"{prepared.institution}, the {INSTITUTION_NAME}: {prepared.all_customers:,} customers, "
            f"{prepared.all_consents:,} consents, {len((*APPS, *WAITING_APPS))} apps",
            "e-mails": f"{places.inbox}, whomever they are to",
            "credentials": f"{path}, which you alone can read",
            "log": shown_path(self._data_dir / LOG_FILE),
        }
        if prepared.has_new_secret and not prepared.is_new:
            facts["credentials"] += "; the secret is a new one"
        if wanted_port not in (None, 0, bind.port):
            facts["API"] += f"  (port {wanted_port} is taken)"
        self._line("A made-up bank, on this machine alone", style="bold")
        self._line()
        for name, fact in facts.items():
            self._console.print(Text.assemble((f"  {name:<13}", "dim"), fact))
        self._line()
        if not prepared.has_past:
            self._line(
                "An older version filled this sandbox: its bank has no past, and its charts and logs are nearly empty."
            )
            self._line(f"To fill it anew, stop this, then: {own_command()} sandbox reset --yes && {own_command()} demo")
            self._line()

    def portals(self, sign_ins: Sequence[SignIn]) -> None:
        """Tell who may sign in where, and how to come to a token from there."""
        self._line("Its staff signs in at these addresses. Who you are, you pick on the page that comes.", style="bold")
        for url, people in itertools.groupby(sign_ins, lambda person: person.url):
            self._line()
            self._line(f"  {url}")
            self._line("    " + ", ".join(f"{person.name} ({person.role})" for person in people), style="dim")
        self._line()
        newcomer = next(person for person in sign_ins if person.institution == NEWCOMER)
        steps = (
            f"Open {newcomer.url}, sign in, and pick {newcomer.name}.",
            "Under Configuration choose Consent Dashboard Management, and there Generate API credentials.",
            "Paste the command that the page shows into a shell: its answer holds an access_token.",
        )
        self._line("To a token with credentials of your own, in three steps:", style="bold")
        self._line()
        for number, step in enumerate(steps, start=1):
            self._line(f"  {number}. {step}")
        self._line()

    def commands(self) -> None:
        """Show the walk-through, to be pasted."""
        self._line("What it can do: paste this into a second shell, in this folder, line by line.", style="bold")
        self._line(f"Or let it be done and checked: {own_command()} demo --check")
        for step in STEPS:
            self._line()
            for line in textwrap.wrap(_plain(step), _WIDTH):
                self._line(f"# {line}", style="dim")
            for command in step.commands:
                self._line(command_text(command, shown_path(demo_file(self._data_dir))))
        self._line()

    def ready(self, seconds: float) -> None:
        """Tell that everything runs, and how it ends."""
        self._line(f"Ready, after {seconds:.1f} s. Ctrl-C stops everything; the data stays.", style="bold")

    def stopped(self) -> None:
        """Tell that nothing runs any more."""
        self._line()
        self._line(f"Stopped. The next start goes on with this data; to start over: {own_command()} sandbox reset")

    def checked(self, steps: Iterator[CheckedStep]) -> CheckedStep | None:
        """Show each step of a check as it comes; give the one that failed."""
        with self._console.status("running the walk-through"):
            for checked in steps:
                failure = checked.failure
                mark = ("  ok      ", "green") if failure is None else ("  failed  ", "red bold")
                self._console.print(Text.assemble(mark, checked.step.title))
                if failure is not None:
                    self._indented("the command", failure.command)
                    self._indented("answered", failure.said or "nothing")
                    self._indented("expected was", failure.expected)
                    return checked
        return None

    def line(self, text: str) -> None:
        """Say something in one line."""
        self._line(text)

    def _line(self, text: str = "", *, style: str = "") -> None:
        self._console.print(Text(text, style=style))

    def _indented(self, name: str, text: str) -> None:
        self._line(f"\n  {name}:", style="dim")
        self._line(textwrap.indent(text, "    "))


def own_command() -> str:
    """Name this program as it was called, so that it can be pasted."""
    program = Path(sys.argv[0])
    if program.name != "consentry":
        return "python -m consentry"
    if program.is_absolute() and str(program.parent) in os.get_exec_path():
        return "consentry"
    inside = program.is_absolute() and program.is_relative_to(Path.cwd())
    return str(program.relative_to(Path.cwd()) if inside else program)


def _plain(step: Step) -> str:
    return step.words.replace("**", "").replace("`", "")
