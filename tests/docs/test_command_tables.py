"""The tables of commands in README.md and docs/guides/command-line.md are the command line: all of it, nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

from cyclopts import App

from consentry.cli.app import command_line

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (`consentry [^|]+) \|", re.MULTILINE)


def listed(document: str) -> Iterator[list[str]]:
    """Give the words after `consentry` of each command that a table's first column names."""
    for row in ROW.findall((ROOT / document).read_text(encoding="utf-8")):
        first, *further = re.findall(r"`([^`]+)`", row)
        words = first.split()[1:]
        yield words
        # "`consentry keys show`, `rotate`" and "`consentry import`, `export`" both name two.
        for word in further:
            yield [*words[:-1], *word.split()]


def has(app: App, words: list[str]) -> bool:
    """Tell whether the command line takes these words as commands."""
    for word in words:
        if word not in app:
            return False
        app = app[word]
    return True


def top_level() -> set[str]:
    """Give the commands that stand directly behind `consentry`."""
    return {name for name in command_line() if not name.startswith("-")}


def test_the_readme_names_every_command_and_only_commands_that_exist() -> None:
    named = list(listed("README.md"))
    assert {words[0] for words in named} == top_level()
    assert [words for words in named if not has(command_line(), words)] == []


def test_the_guide_names_every_command_and_only_commands_that_exist() -> None:
    named = list(listed("docs/guides/command-line.md"))
    assert {words[0] for words in named} == top_level()
    assert [words for words in named if not has(command_line(), words)] == []
