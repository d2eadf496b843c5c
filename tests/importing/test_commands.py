"""The commands: what they print, and with which exit code they end."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builders import Tenant
from tests.conftest import Database
from tests.importing.forms import application, consent, customer, encoded, institution
from tests.serving import environment

LINES = encoded(institution(), application(), customer(), consent(), consent("_c2"))


def run(database: Database, *arguments: str, feed: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "consentry", *arguments],
        env=environment(database.environment),
        input=feed,
        capture_output=True,
        timeout=120,
        check=False,
    )


def document(done: "subprocess.CompletedProcess[bytes]") -> dict[str, Any]:
    assert done.stdout, done.stderr.decode()
    read: dict[str, Any] = json.loads(done.stdout)
    return read


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "consents.jsonl"
    path.write_bytes(LINES)
    return path


def test_a_file_is_imported_with_progress_on_standard_error(database: Database, bku: Tenant, file: Path) -> None:
    done = run(database, "import", str(file), "--institution", "bku")
    assert done.returncode == 0
    assert done.stdout.decode() == (
        "Imported 5 lines.\n  applications added: 1\n  customers added: 1\n  consents added: 2\n"
    )
    assert done.stderr.decode().splitlines() == [
        "Reading and staging, 100%: 5 lines",
        "Checking the whole: 5 lines",
        "Publishing, 0%: 5 lines",
    ]


def test_standard_input_is_imported_and_told_as_one_document(database: Database, bku: Tenant) -> None:
    done = run(database, "import", "-", "--institution", "bku", "--json", feed=LINES)
    assert done.returncode == 0
    assert done.stderr == b""
    told = document(done)
    assert (told["published"], told["lines"], told["faults"]) == (True, 5, [])
    assert told["counts"]["consents_added"] == 2


def test_faults_are_told_and_end_with_exit_code_1(database: Database, bku: Tenant) -> None:
    wrong = encoded(application(), consent(application_id="app-2"))
    done = run(database, "import", "-", "--institution", "bku", feed=wrong)
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.decode().splitlines()[-2:] == [
        "line 2, application_id: expected an application of this file or of this institution",
        "consentry: Nothing was imported; mend the lines above and run it again. (import_invalid)",
    ]
    told = run(database, "import", "-", "--institution", "bku", "--json", feed=wrong)
    assert told.returncode == 1
    assert document(told)["faults"] == [
        {"line": 2, "field": "application_id", "expected": "an application of this file or of this institution"}
    ]


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_a_file_that_cannot_be_read_is_refused(database: Database, bku: Tenant, tmp_path: Path, name: str) -> None:
    done = run(database, "import", str(tmp_path / name), "--institution", "bku")
    assert done.returncode == 1
    assert done.stderr.decode().strip().endswith("(import_unreadable)")


def test_status_tells_what_is_unfinished_and_discard_forgets_it(database: Database, bku: Tenant) -> None:
    wrong = encoded(application(), consent(application_id="app-2"))
    run(database, "import", "-", "--institution", "bku", "--name", "Monday's", feed=wrong)
    told = document(run(database, "import", "status", "--institution", "bku", "--json"))
    assert (told["unfinished"]["name"], told["staged_lines"], told["last_published"]) == ("Monday's", 2, None)
    assert b"Monday's, 2 lines staged." in run(database, "import", "status", "--institution", "bku").stdout
    assert run(database, "import", "discard", "--institution", "bku").stdout == b"Forgot 2 staged lines.\n"
    assert run(database, "import", "status", "--institution", "bku").stdout == (
        b"No import is unfinished.\nThe institution is no mirror.\n"
    )


def test_a_cut_over_reports_first_and_asks(database: Database, bku: Tenant, file: Path) -> None:
    assert run(database, "import", str(file), "--institution", "bku", "--mirror").returncode == 0
    less = encoded(application(), customer(), consent())
    assert run(database, "import", "-", "--institution", "bku", "--mirror", feed=less).returncode == 0
    cut_over = ("import", "cut-over", "--institution", "bku")
    told = document(run(database, *cut_over, "--json"))
    assert told["cut_over"] is False
    assert told["mirror"]["vanished_ids"] == ["_c2"]
    undecided = run(database, *cut_over, "--yes")
    assert undecided.returncode == 1
    assert b"Live here, but not in that file: 1\n  _c2\n" in undecided.stdout
    assert undecided.stderr.decode().strip().endswith("(vanished_undecided)")
    unconfirmed = run(database, *cut_over, "--vanished", "end")
    assert unconfirmed.returncode == 1
    assert unconfirmed.stderr.decode().strip().endswith("(not_confirmed)")
    done = document(run(database, *cut_over, "--vanished", "end", "--yes", "--json"))
    assert (done["cut_over"], done["writable"], done["ended"]) == (True, 2, 1)
    again = run(database, *cut_over, "--yes")
    assert again.returncode == 1
    assert again.stderr.decode().strip().endswith("(nothing_mirrored)")


def test_an_export_is_a_file_for_its_owner_alone_that_an_import_takes(
    database: Database, bku: Tenant, file: Path, tmp_path: Path
) -> None:
    assert run(database, "import", str(file), "--institution", "bku").returncode == 0
    written = tmp_path / "out" / "export.jsonl"
    done = run(database, "export", "--institution", "bku", "--output", str(written))
    assert done.returncode == 1
    assert done.stderr.decode().strip().endswith("(export_unwritable)")
    written.parent.mkdir()
    done = run(database, "export", "--institution", "bku", "--output", str(written))
    assert (done.returncode, done.stderr) == (0, b"Exported 5 lines.\n")
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert os.listdir(written.parent) == ["export.jsonl"]
    assert run(database, "export", "--institution", "bku").stdout == written.read_bytes()
    again = run(database, "import", str(written), "--institution", "bku")
    assert again.stdout == b"Imported 5 lines.\n  consents unchanged: 2\n"


def test_an_export_of_nobody_writes_no_file(database: Database, bku: Tenant, tmp_path: Path) -> None:
    done = run(database, "export", "--institution", "nobody", "--output", str(tmp_path / "export.jsonl"))
    assert done.returncode == 1
    assert not (tmp_path / "export.jsonl").exists()
