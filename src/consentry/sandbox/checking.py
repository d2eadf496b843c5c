"""Runs the walk-through as a person would paste it, and says what did not go as it should.

Owns the shell in which it runs and the sentences about failures; what each command must answer is `walkthrough`'s.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consentry.sandbox.demo_file import demo_file
from consentry.sandbox.walkthrough import STEPS, Command, Step, command_text

PROGRAMS: Final = ("bash", "curl", "python3")
_SECONDS: Final = 120
_MARK: Final = "\x1e"
_TRACEBACK: Final = re.compile(r"^Traceback \(most recent call last\):\n(?:[ ].*\n)*", re.MULTILINE)
_PROXIES: Final = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


@dataclass(frozen=True, slots=True)
class Failure:
    """A command that failed or answered something else, what it said, and what helps."""

    command: str
    said: str
    expected: str
    remedy: str


@dataclass(frozen=True, slots=True)
class CheckedStep:
    """A step that was run: what it answered, or how it failed."""

    step: Step
    said: str
    failure: Failure | None


def missing_programs() -> list[str]:
    """Name the programs that the walk-through needs and that are not installed."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def shown_path(path: Path) -> str:
    """Name a file as a person in this folder would, quoted for the shell."""
    inside = path.is_relative_to(Path.cwd())
    return shlex.quote(str(path.relative_to(Path.cwd()) if inside else path))


def check_walkthrough(data_dir: Path) -> Iterator[CheckedStep]:
    """Feed the commands to a shell, one after the other, and give each step; the first failure is the last step.

    The shell starts in this folder with this environment, and reads no profile.
    """
    path = shown_path(demo_file(data_dir))
    outcomes = _outcomes(_pasted(path))
    answers: dict[str, str] = {}
    for step in STEPS:
        said = []
        for command in step.commands:
            status, answer = next(outcomes)
            answers[command.name] = answer
            said.append(answer)
            failure = _failure(command, status, answers, path)
            if failure is not None:
                yield CheckedStep(step, "", failure)
                return
        yield CheckedStep(step, "\n".join(filter(None, said)), None)


def _pasted(path: str) -> str:
    """Run all commands; after each stand a mark, its exit status and a mark."""
    lines = [command_text(command, path) for step in STEPS for command in step.commands]
    script = "".join(f"{line}\nprintf '\\036%s\\036' $?\n" for line in lines)
    try:
        done = subprocess.run(
            ["bash", "--noprofile", "--norc"],  # noqa: S607 - the user's own bash, as they would use it
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode(errors="replace")
    return done.stdout


def _outcomes(said: str) -> Iterator[tuple[str, str]]:
    """Give exit status and answer of each command; for those that never ended the status is empty."""
    parts = said.split(_MARK)
    yield from ((status, answer.strip()) for answer, status in zip(parts[::2], parts[1::2], strict=False))
    while True:
        yield "", f"It did not end within {_SECONDS} seconds."


def _failure(command: Command, status: str, answers: dict[str, str], path: str) -> Failure | None:
    said = answers[command.name]
    expected = "the command to succeed"
    if status == "0":
        try:
            if command.holds(answers):
                return None
        except (ValueError, SyntaxError, KeyError, TypeError):
            pass  # The answer is not even of the form that the question needs.
        expected = command.expected
    return Failure(
        command=command_text(command, path),
        said=_TRACEBACK.sub("", said),
        expected=expected,
        remedy=_remedy(said),
    )


def _remedy(said: str) -> str:
    if "curl: (" in said:
        if any(os.environ.get(name) for name in _PROXIES):
            return "A proxy is set for curl. Keep it out of this: export no_proxy=127.0.0.1"
        return "The demo does not answer. Stop it and start it again; its log is demo.log in the data folder."
    if "invalid_client" in said or "superseded_secret" in said:
        return "The secret in demo.json is not the newest. Stop the demo and start it again: it makes a new one."
    return "Stop the demo and start it again. If that does not help, start over: consentry sandbox reset"
