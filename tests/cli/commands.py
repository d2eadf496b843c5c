"""The command line as operators and scripts use it: a process, its exit code, and what it wrote where."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.serving import environment

PATIENCE = 120


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        assert self.code in (0, 3), self
        (line,) = self.out.splitlines()
        return json.loads(line)

    @property
    def refusal(self) -> str:
        """The code of the refusal of a command with `--json`, which is all it says."""
        assert not self.out
        document = json.loads(self.err.splitlines()[-1])
        assert document.keys() == {"error", "error_description"}
        assert document["error_description"].endswith((".", ")"))
        return str(document["error"])


def run(settings: Mapping[str, str], *words: str) -> Ran:
    """Run `consentry` with only these settings."""
    done = subprocess.run(
        [sys.executable, "-m", "consentry", *words],
        env=environment({**settings, "COLUMNS": "200"}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)
