"""What checks/docs.py finds wrong in a document."""

from pathlib import Path

import pytest

from checks import docs


def _findings(root: Path, text: str) -> list[str]:
    (root / "Makefile").write_text("demo: ## start\n")
    (root / "other.md").write_text("# A heading, here\n")
    (root / "README.md").write_text(text)
    return docs.findings(root)


@pytest.mark.parametrize(
    "text",
    [
        "[there](other.md)",
        "[there](other.md#a-heading-here)",
        "# Mine\n\n[here](#mine)",
        "[away](https://bank.example/page)",
        "`make demo`, and what we make of it",
        "```bash\nmake demo\n```",
        "```python\nx = await f()\n```",
        '```json\n{"a": 1}\n```',
        "```text\n[not a link](nowhere.md)\n```",
        "<!-- tested: other.md -->",
    ],
)
def test_what_is_true_passes(tmp_path: Path, text: str) -> None:
    assert _findings(tmp_path, text + "\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "[there](missing.md)",
        "![picture](missing.png)",
        "[there](other.md#another)",
        "[here](#nowhere)",
        "`make dinner`",
        "```bash\nmake dinner\n```",
        "```bash\nif true\n```",
        "```python\ndef (:\n```",
        "```json\n{a: 1}\n```",
        "<!-- tested: tests/missing.py -->",
    ],
)
def test_what_is_not_true_is_found(tmp_path: Path, text: str) -> None:
    assert len(_findings(tmp_path, text + "\n")) == 1


def test_a_decision_has_the_next_number_and_fits_on_a_page(tmp_path: Path) -> None:
    folder = tmp_path / "docs" / "adr"
    folder.mkdir(parents=True)
    (folder / "0001-one.md").write_text("x\n" * 40)
    (folder / "0003-three.md").write_text("x\n" * 41)
    assert len(_findings(tmp_path, "fine\n")) == 2
