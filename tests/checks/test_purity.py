"""What checks/purity.py keeps out of the rules."""

from pathlib import Path

import pytest

from checks import purity


def _findings(root: Path, text: str) -> list[str]:
    (root / "src" / "consentry" / "domain").mkdir(parents=True)
    (root / "src" / "consentry" / "domain" / "consent.py").write_text(text + "\n")
    return purity.findings(root)


@pytest.mark.parametrize(
    "line",
    [
        "import msgspec",
        "from consentry.store import session",
        "import consentry",
        "import os.path",
        "from time import monotonic",
        "import secrets",
        "now = datetime.now(UTC)",
        "async def act(): ...",
    ],
)
def test_a_rule_that_reaches_outside_is_found(tmp_path: Path, line: str) -> None:
    assert len(_findings(tmp_path, line)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "from consentry.domain.refusal import Refusal",
        "from dataclasses import dataclass",
        "from urllib.parse import unquote",
        "from datetime import UTC, datetime",
        "later = datetime.fromtimestamp(seconds, UTC)",
    ],
)
def test_a_rule_that_thinks_passes(tmp_path: Path, line: str) -> None:
    assert _findings(tmp_path, line) == []
