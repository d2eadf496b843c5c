"""The walk-through as it is shown, and what its check says when something is wrong."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from consentry.sandbox.checking import check_walkthrough, shown_path
from consentry.sandbox.demo_file import Demo, demo_file, read_demo, the_only_demo, write_demo
from consentry.sandbox.walkthrough import STEPS, as_markdown
from consentry.store.sandbox import CustomerCount
from tests.ports import held_port

ROOT = Path(__file__).parents[2]
COMMANDS = [command.text for step in STEPS for command in step.commands]


def _demo(base_url: str) -> Demo:
    return Demo(
        base_url=base_url,
        institution="bku",
        client_id="client",
        client_secret="cns_secret_x",
        customers=(CustomerCount(customer_id="cus_1", consents=3, sharing=2),),
    )


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nothing listens."""
    with held_port() as port:
        yield port


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with an empty data folder `var`."""
    (tmp_path / "var").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "var"


def test_the_readme_shows_the_commands_that_are_checked() -> None:
    assert as_markdown() in (ROOT / "README.md").read_text()


def test_each_line_fits_a_terminal_and_means_the_same_in_every_shell() -> None:
    lines = "\n".join(COMMANDS).splitlines()
    assert all(len(line) <= 100 for line in lines)
    assert not [line for line in lines if "!" in line], "interactive shells take ! for their history"


def test_a_demo_that_does_not_answer_is_named_as_the_trouble(folder: Path, closed_port: int) -> None:
    write_demo(folder, _demo(f"http://127.0.0.1:{closed_port}"))
    steps = list(check_walkthrough(folder))
    assert [checked.step.title for checked in steps] == ["Read what the demo wrote down", "Request a token"]
    assert steps[0].failure is None
    failure = steps[1].failure
    assert failure is not None
    assert "curl: (7)" in failure.said
    assert "does not answer" in failure.remedy


def test_a_proxy_that_comes_between_is_named_as_the_trouble(
    folder: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    write_demo(folder, _demo(f"http://127.0.0.1:{closed_port}"))
    *_, last = check_walkthrough(folder)
    assert last.failure is not None
    assert "no_proxy" in last.failure.remedy


def test_a_missing_demo_file_fails_the_first_step(folder: Path) -> None:
    (checked,) = check_walkthrough(folder)
    assert checked.failure is not None
    assert "var/demo.json" in checked.failure.said


def test_the_walk_through_finds_a_demo_file_elsewhere(folder: Path, closed_port: int, tmp_path: Path) -> None:
    elsewhere = tmp_path / "a folder with 'quotes'"
    elsewhere.mkdir()
    write_demo(elsewhere, _demo(f"http://127.0.0.1:{closed_port}"))
    first, *_ = check_walkthrough(elsewhere)
    assert first.failure is None
    assert shown_path(demo_file(folder)) == "var/demo.json"


def test_the_demo_file_is_its_owners_alone_and_whole_or_not_there(tmp_path: Path) -> None:
    demo = _demo("http://127.0.0.1:1")
    assert read_demo(tmp_path) is None
    path = write_demo(tmp_path, demo)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_demo(tmp_path) == demo
    assert "cns_secret_x" not in repr(demo)
    path.write_text(path.read_text()[:-20])
    assert read_demo(tmp_path) is None
    assert write_demo(tmp_path, demo) == demo_file(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["demo.json"]


def test_there_is_one_demo_a_folder(tmp_path: Path) -> None:
    with the_only_demo(tmp_path / "var") as first, the_only_demo(tmp_path / "var") as second:
        assert (first, second) == (True, False)
    with the_only_demo(tmp_path / "var") as third:
        assert third


def test_the_commands_need_nothing_but_what_is_looked_for() -> None:
    programs = re.findall(r"(?:^|[|(]\s*|&& )([a-z0-9]+)(?= )", "\n".join(COMMANDS), re.MULTILINE)
    assert set(programs) <= {"curl", "python3", "pick", "echo"}
    assert shutil.which("bash")
