"""Keeps two habits out of the product that have given secrets away elsewhere (R42, R44).

Owns the words that mark a value as secret; leaves what happens to secrets at run time to the canary test.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

# A name is secret-like when its last word is one of these: `client_secret`, `token_digest`, but not `token_type`.
SECRET_WORDS = frozenset({"digest", "hmac", "mac", "password", "pepper", "secret", "signature", "token"})
# On the line, with a reason, where a compared value only sounds secret.
EXCUSE = "# not secret: "


def findings(root: Path) -> list[str]:
    """Return one sentence for each secret compared by `==` and each import of `random` outside the sandbox."""
    source = root / "src"
    found: list[str] = []
    for path in sorted(source.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        place = path.relative_to(root).as_posix()
        tree = ast.parse(text)
        found += [f"{place}:{line} {sentence}" for line, sentence in _careless(tree, text.splitlines())]
        if not place.startswith("src/consentry/sandbox/"):
            found += [f"{place}:{line} imports random; take `secrets`" for line in _imports_of_random(tree)]
    return found


def _careless(tree: ast.Module, lines: list[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or EXCUSE in lines[node.lineno - 1]:
            continue
        sides = [node.left, *node.comparators]
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            name = _compared_secret(operator, left, right)
            if name:
                yield node.lineno, f"compares {name} in variable time; use hmac.compare_digest"


def _compared_secret(operator: ast.cmpop, left: ast.expr, right: ast.expr) -> str | None:
    if isinstance(operator, ast.In | ast.NotIn):
        inside = right.elts if isinstance(right, ast.Tuple | ast.List | ast.Set) else []
        return _secret_name(left) if inside and not all(map(_is_public, inside)) else None
    if not isinstance(operator, ast.Eq | ast.NotEq) or _is_public(left) or _is_public(right):
        return None
    return _secret_name(left) or _secret_name(right)


def _secret_name(side: ast.expr) -> str | None:
    match side:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            pass
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            pass
        case ast.Call(func=ast.Attribute(value=inner, attr="encode" | "decode" | "digest" | "hexdigest" as name)):
            return _secret_name(inner) or (name if name.endswith("digest") else None)
        case _:
            return None
    return name if name.lower().rsplit("_", 1)[-1] in SECRET_WORDS else None


def _is_public(side: ast.expr) -> bool:
    """Say whether a side is a literal or a constant such as an enumeration's member: nothing that time could tell."""
    match side:
        case ast.Constant():
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.isupper()
        case _:
            return False


def _imports_of_random(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) if any(name.name.split(".")[0] == "random" for name in names):
                yield node.lineno
            case ast.ImportFrom(module="random", level=0):
                yield node.lineno
