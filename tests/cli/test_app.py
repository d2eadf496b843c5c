"""The command line as a whole: help, exit codes that scripts can trust, and no words lost."""

import json
import subprocess
import sys

import pytest

from consentry.cli import app
from tests.cli.commands import run
from tests.conftest import Database

COMMANDS = [
    "audit",
    "backup",
    "consents",
    "credentials",
    "demo",
    "doctor",
    "export",
    "import",
    "institution",
    "keys",
    "migrate",
    "restore",
    "sandbox",
    "serve",
    "worker",
]


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_help_names_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(f" {command} " in told for command in COMMANDS)
    assert "Exit codes: 0 done; 1 refused or failed" in told


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_of_its_own(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run([command, "--help"]) == 0
    assert f"Usage: consentry {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [("nosuch",), ("institution", "add"), ("credentials", "show"), ("serve", "--workers", "many")]
)
def test_a_wrong_command_line_is_exit_code_2(words: tuple[str, ...]) -> None:
    told = run({}, *words)
    assert told.code == 2
    assert told.err
    assert not told.out


def test_a_setting_that_cannot_be_used_is_named() -> None:
    told = run({"CONSENTRY_BIND": "nowhere"}, "institution", "list", "--json")
    assert (told.code, told.refusal) == (1, "invalid_setting")
    assert "CONSENTRY_BIND" in told.err


def test_a_database_that_is_away_is_exit_code_4(database: Database) -> None:
    settings = {**database.environment, "CONSENTRY_DATABASE_URL": "postgresql://consentry_app@127.0.0.1:1/consentry"}
    told = run(settings, "institution", "list", "--json")
    assert (told.code, told.refusal) == (4, "temporarily_unavailable")


def test_a_role_that_may_not_connect_is_told_without_the_address(database: Database) -> None:
    url = database.app_url.replace("consentry_app@", "nobody:hunter2@")
    told = run({**database.environment, "CONSENTRY_DATABASE_URL": url}, "institution", "list", "--json")
    assert (told.code, told.refusal) == (1, "database_refused")
    assert "hunter2" not in told.err


def test_without_json_a_refusal_is_one_line_with_its_code(database: Database) -> None:
    told = run(database.environment, "institution", "disable", "nosuch")
    assert told.code == 1
    assert told.err == (
        "consentry: There is no institution with this id; see consentry institution list. (unknown_institution)\n"
    )


def test_processes_that_answer_requests_load_nothing_of_the_command_line() -> None:
    code = (
        "import sys, json, consentry.cli.serving.process; "
        "print(json.dumps([m for m in ('cyclopts', 'rich_rst', 'joserfc') if m in sys.modules]))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == []
