"""Keeps the documents true to the repository: links lead somewhere, examples parse, commands exist.

Owns what can be read off the files; leaves running an example to the test named above it: `<!-- tested: PATH -->`.
"""

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SKIPPED_FOLDERS = frozenset({"build", "node_modules", "var"})
DECISION_LINES = 40

FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
TESTED = re.compile(r"<!-- tested: (?P<path>\S+) -->")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)|!\[[^\]]*\]\((?P<image>[^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(?P<title>.+?)\s*$", re.MULTILINE)
INLINE_CODE = re.compile(r"`[^`\n]*`")
MAKE = re.compile(r"\bmake (?P<target>[a-z][a-z-]+)")
TARGET = re.compile(r"^(?P<target>[a-z][a-z-]*):", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Document:
    """One Markdown file: its path under the root, and its text."""

    path: Path
    text: str

    def line(self, offset: int) -> int:
        """Return the line, from 1, of a place in the text."""
        return self.text.count("\n", 0, offset) + 1


def findings(root: Path) -> list[str]:
    """Return one sentence for each dead link, broken example, missing test or unknown make target in any *.md."""
    targets = set(TARGET.findall((root / "Makefile").read_text(encoding="utf-8")))
    found: list[str] = []
    for document in _documents(root):
        found += [f"{document.path}:{line} {sentence}" for line, sentence in _flaws(root, document, targets)]
    return found + _decisions(root)


def _documents(root: Path) -> Iterator[Document]:
    for path in sorted(root.rglob("*.md")):
        inside = path.relative_to(root)
        if not any(part in SKIPPED_FOLDERS or part.startswith(".") for part in inside.parts):
            yield Document(path=inside, text=path.read_text(encoding="utf-8"))


def _flaws(root: Path, document: Document, targets: set[str]) -> Iterator[tuple[int, str]]:
    yield from _dead_links(root, document)
    yield from _broken_blocks(document)
    for match in TESTED.finditer(document.text):
        if not (root / match["path"]).exists():
            yield document.line(match.start()), f"names a test that does not exist: {match['path']}"
    for code in (*INLINE_CODE.finditer(document.text), *FENCE.finditer(document.text)):
        for match in MAKE.finditer(code[0]):
            if match["target"] not in targets:
                yield document.line(code.start()), f"names an unknown target: make {match['target']}"


def _dead_links(root: Path, document: Document) -> Iterator[tuple[int, str]]:
    prose = FENCE.sub(lambda block: re.sub(r"[^\n]", " ", block[0]), document.text)
    for match in LINK.finditer(prose):
        target = match["target"] or match["image"]
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, anchor = target.partition("#")
        place = root / document.path.parent / path if path else root / document.path
        if not place.exists():
            yield document.line(match.start()), f"links to {target}, which does not exist"
        elif anchor and place.suffix == ".md" and anchor not in _anchors(place.read_text(encoding="utf-8")):
            yield document.line(match.start()), f"links to {target}, which has no such heading"


def _anchors(text: str) -> set[str]:
    titles = HEADING.findall(FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", title.replace("`", "").lower()).replace(" ", "-") for title in titles}


def _broken_blocks(document: Document) -> Iterator[tuple[int, str]]:
    for match in FENCE.finditer(document.text):
        fault = _fault(match["language"], match["body"])
        if fault:
            yield document.line(match.start()), f"has a {match['language']} block that does not parse: {fault}"


def _fault(language: str, body: str) -> str | None:
    try:
        if language == "python":
            compile(body, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)
        elif language == "json":
            json.loads(body)
        elif language in {"bash", "console"}:
            return _shell_fault(body)
    except ValueError as error:
        return str(error)
    except SyntaxError as error:
        return f"{error.msg}, line {error.lineno}"
    return None


def _shell_fault(body: str) -> str | None:
    bash = shutil.which("bash")
    if bash is None:
        return None
    checked = subprocess.run([bash, "-n"], input=body, capture_output=True, text=True, check=False)
    return checked.stderr.strip() or None


def _decisions(root: Path) -> list[str]:
    folder = root / "docs" / "adr"
    names = sorted(path.name for path in folder.glob("[0-9]*.md"))
    found = [
        f"docs/adr/{name} breaks the row of numbers"
        for number, name in enumerate(names, start=1)
        if not name.startswith(f"{number:04}-")
    ]
    for name in names:
        lines = (folder / name).read_text(encoding="utf-8").count("\n")
        if lines > DECISION_LINES:
            found.append(f"docs/adr/{name} has {lines} lines; a decision fits in {DECISION_LINES}")
    return found
