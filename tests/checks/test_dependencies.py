"""What checks/dependencies.py refuses in a lock (R141)."""

from pathlib import Path

import pytest

from checks import dependencies

HASH = "    --hash=sha256:" + "0" * 64 + "\n"
SOUND = "# written by make lock\njoserfc==1.8.0 \\\n" + HASH


def _findings(root: Path, lock: str) -> list[str]:
    (root / "requirements").mkdir()
    for name in dependencies.LOCKS:
        text = lock if name == "bench" else SOUND
        (root / "requirements" / f"{name}.txt").write_text(text)
    return dependencies.findings(root)


def test_a_pinned_and_hashed_lock_is_fine(tmp_path: Path) -> None:
    assert _findings(tmp_path, SOUND) == []


@pytest.mark.parametrize(
    "requirement",
    [
        "joserfc==1.7.3",
        "authlib==1.7.0",
        "Authlib==1.6.11",
        "pyjwt==2.12.1",
        "oauthlib==3.2.1",
        "python-jose==3.5.0",
        "python_jose==99.0",
    ],
)
def test_a_version_with_known_holes_is_refused(tmp_path: Path, requirement: str) -> None:
    assert "known holes" in "".join(_findings(tmp_path, f"{requirement} \\\n{HASH}"))


def test_a_requirement_without_a_hash_is_refused(tmp_path: Path) -> None:
    assert _findings(tmp_path, "rich==15.0.0\n") == ["requirements/bench.txt has no hash for rich"]


def test_a_requirement_without_a_version_is_refused(tmp_path: Path) -> None:
    assert "without a pinned version" in _findings(tmp_path, "rich>=15\n")[0]


@pytest.mark.parametrize("line", ["--index-url here", "-f wheels", "# from https://packages.example"])
def test_an_address_is_refused(tmp_path: Path, line: str) -> None:
    assert _findings(tmp_path, f"{line}\n{SOUND}")


def test_a_missing_lock_is_found(tmp_path: Path) -> None:
    assert len(dependencies.findings(tmp_path)) == len(dependencies.LOCKS)


def test_tests_run_on_the_versions_that_ship(tmp_path: Path) -> None:
    _findings(tmp_path, SOUND)
    (tmp_path / "requirements" / "test.txt").write_text(SOUND.replace("1.8.0", "1.8.1"))
    assert dependencies.findings(tmp_path) == ["requirements/test.txt has joserfc 1.8.1 where runtime.txt has 1.8.0"]
