"""Keeps files and functions small enough to read in one sitting.

Owns the limits and the list of exceptions; leaves how a long thing is split to whoever wrote it.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 50
FILES = ("*.py", "*.sql", "*.js", "*.css", "*.html")

# "path" or "path::function" under src/, and why it may be longer. An entry that is no longer needed is an error too.
EXCEPTIONS: dict[str, str] = {}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def findings(root: Path, *, exceptions: Mapping[str, str] = EXCEPTIONS) -> list[str]:
    """Return one sentence for each file over 400 lines and each Python function over 50, its docstring not counted."""
    long = dict(_too_long(root / "src"))
    found = [sentence for place, sentence in long.items() if place not in exceptions]
    found += [f"{place} is listed as an exception but needs none" for place in exceptions if place not in long]
    return found


def _too_long(source: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(path for pattern in FILES for path in source.rglob(pattern)):
        place = path.relative_to(source).as_posix()
        text = path.read_text(encoding="utf-8")
        lines = text.count("\n")
        if lines > FILE_LINES:
            yield place, f"src/{place} has {lines} lines; {FILE_LINES} is the limit"
        if path.suffix == ".py":
            yield from _long_functions(place, ast.parse(text))


def _long_functions(place: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, Function) and (lines := _length(node)) > FUNCTION_LINES:
            sentence = f"src/{place}:{node.lineno} {node.name} has {lines} lines; {FUNCTION_LINES} is the limit"
            yield f"{place}::{node.name}", sentence


def _length(function: Function) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines
