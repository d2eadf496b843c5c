"""What checks/sizes.py refuses and lets pass."""

from pathlib import Path

from checks import sizes


def _file(root: Path, text: str, name: str = "rule.py") -> None:
    (root / "src").mkdir(exist_ok=True)
    (root / "src" / name).write_text(text)


def test_a_file_of_four_hundred_lines_is_fine(tmp_path: Path) -> None:
    _file(tmp_path, "x = 1\n" * 400)
    assert sizes.findings(tmp_path, exceptions={}) == []


def test_a_longer_file_is_found(tmp_path: Path) -> None:
    _file(tmp_path, "x = 1\n" * 401)
    assert sizes.findings(tmp_path, exceptions={}) == ["src/rule.py has 401 lines; 400 is the limit"]


def test_a_long_schema_is_found_too(tmp_path: Path) -> None:
    _file(tmp_path, "SELECT 1;\n" * 401, name="0001_first.sql")
    assert len(sizes.findings(tmp_path, exceptions={})) == 1


def test_a_function_of_fifty_lines_is_fine(tmp_path: Path) -> None:
    _file(tmp_path, "def act():\n" + "    x = 1\n" * 49)
    assert sizes.findings(tmp_path, exceptions={}) == []


def test_a_longer_function_is_found_with_its_line(tmp_path: Path) -> None:
    _file(tmp_path, "\nasync def act():\n" + "    x = 1\n" * 50)
    assert sizes.findings(tmp_path, exceptions={}) == ["src/rule.py:2 act has 51 lines; 50 is the limit"]


def test_a_docstring_does_not_count(tmp_path: Path) -> None:
    _file(tmp_path, 'def act():\n    """One.\n\n    Two.\n    """\n' + "    x = 1\n" * 49)
    assert sizes.findings(tmp_path, exceptions={}) == []
