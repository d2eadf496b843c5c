"""Runs the checks that are named, or all of them, and says what is wrong.

Owns the order and the exit status; each module beside this one owns its rule.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from checks import dependencies, docs, purity, secrecy, sizes

ROOT = Path(__file__).resolve().parent.parent

CHECKS: dict[str, Callable[[Path], list[str]]] = {
    "sizes": sizes.findings,
    "secrecy": secrecy.findings,
    "purity": purity.findings,
    "dependencies": dependencies.findings,
    "docs": docs.findings,
}


def main(names: list[str]) -> int:
    """Run the named checks, or all; return 0 for nothing found, 1 for something, 2 for an unknown name."""
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        print(f"No such check: {', '.join(unknown)}. There are: {', '.join(CHECKS)}.", file=sys.stderr)
        return 2
    found = False
    for name in names or CHECKS:
        findings = CHECKS[name](ROOT)
        for finding in findings:
            print(f"{name}: {finding}", file=sys.stderr)
        print(f"{name}: {len(findings)} found" if findings else f"{name}: fine")
        found = found or bool(findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
