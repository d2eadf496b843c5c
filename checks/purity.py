"""Keeps the rules in `domain` pure: the standard library and themselves, no input or output, no clock, no await.

Owns that rule to the letter; leaves the direction between the layers to import-linter.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

# Parts of the standard library that do input or output, or that make chance: the edges pass their results in.
OUTSIDE = frozenset(
    {"asyncio", "http", "os", "pathlib", "random", "secrets", "shutil", "signal", "socket", "sqlite3", "ssl",
     "subprocess", "tempfile", "threading", "time", "urllib"}
)  # fmt: skip
CLOCKS = frozenset({"now", "today", "utcnow"})


def findings(root: Path) -> list[str]:
    """Return one sentence for each import, clock or await in `domain` that a rule has no business with."""
    found: list[str] = []
    for path in sorted((root / "src" / "consentry" / "domain").rglob("*.py")):
        place = path.relative_to(root).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [f"{place}:{line} {sentence}" for line, sentence in _impurities(tree)]
    return found


def _impurities(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for name in names:
                    yield from _judge(node.lineno, name.name)
            case ast.ImportFrom(module=str(module)):
                yield from _judge(node.lineno, module)
            case ast.Await() | ast.AsyncFunctionDef() | ast.AsyncFor() | ast.AsyncWith():
                yield node.lineno, "awaits; the rules are plain functions"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="datetime" | "date"), attr=attr)) if attr in CLOCKS:
                yield node.lineno, f"reads a clock ({attr}); the time is passed in"


def _judge(line: int, module: str) -> Iterator[tuple[int, str]]:
    top = module.split(".")[0]
    if top == "consentry":
        if module != "consentry.domain" and not module.startswith("consentry.domain."):
            yield line, f"imports {module}; the rules know themselves alone"
    elif top not in sys.stdlib_module_names:
        yield line, f"imports {module}; the rules know the standard library alone"
    elif top in OUTSIDE and module != "urllib.parse":
        yield line, f"imports {module}; a rule does no input or output, reads no clock and draws no chance"
