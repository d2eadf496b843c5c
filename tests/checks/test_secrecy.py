"""What checks/secrecy.py refuses and lets pass (R42, R44)."""

from pathlib import Path

import pytest

from checks import secrecy


def _findings(root: Path, text: str, folder: str = "src/consentry") -> list[str]:
    (root / folder).mkdir(parents=True)
    (root / folder / "edge.py").write_text(text + "\n")
    return secrecy.findings(root)


@pytest.mark.parametrize(
    "line",
    [
        "ok = secret == given",
        "ok = given == client_secret",
        "ok = row.token_digest != computed",
        "ok = row['mac'] == computed",
        "ok = hmac.new(k, m, h).digest() == given",
        "ok = secret.encode() == given",
        "ok = given_token in (first, second)",
        "ok = one < two == signature",
    ],
)
def test_a_secret_compared_in_variable_time_is_found(tmp_path: Path, line: str) -> None:
    assert len(_findings(tmp_path, line)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "ok = hmac.compare_digest(secret, given)",
        "ok = token_type == given",
        "ok = secret.state == wanted",
        "ok = token == ''",
        "ok = token in live_tokens",
        "ok = kind_of_token == Kind.ACCESS",
        "ok = token == given  # not secret: both are public ids",
    ],
)
def test_what_only_sounds_secret_passes(tmp_path: Path, line: str) -> None:
    assert _findings(tmp_path, line) == []


@pytest.mark.parametrize("line", ["import random", "from random import choice", "import os, random"])
def test_random_is_found_outside_the_sandbox(tmp_path: Path, line: str) -> None:
    assert len(_findings(tmp_path, line)) == 1


def test_the_sandbox_may_use_random(tmp_path: Path) -> None:
    assert _findings(tmp_path, "import random", folder="src/consentry/sandbox") == []
