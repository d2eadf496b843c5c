"""Keeps the locks sound: pinned, hashed, free of addresses and of versions with known holes (R141).

Owns the list of refused versions; leaves writing the locks to `make lock`.
"""

import re
from pathlib import Path

from packaging.version import Version

# The first version that is good enough; None where none is.
REFUSED_BELOW: dict[str, Version | None] = {
    "authlib": Version("1.7.1"),
    "joserfc": Version("1.7.4"),
    "oauthlib": Version("3.2.2"),
    "pyjwt": Version("2.13.0"),
    "python-jose": None,
}
LOCKS = ("build", "runtime", "sandbox", "test", "bench")
OPTIONS = re.compile(r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host|-e|-r)\b", re.MULTILINE)
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


def findings(root: Path) -> list[str]:
    """Return one sentence for each flaw of a lock in requirements/."""
    found: list[str] = []
    pins: dict[str, dict[str, str]] = {}
    for name in LOCKS:
        path = root / "requirements" / f"{name}.txt"
        if not path.is_file():
            found.append(f"requirements/{name}.txt is missing; run make lock")
            continue
        text = path.read_text(encoding="utf-8")
        pins[name] = {}
        found += [f"requirements/{name}.txt {sentence}" for sentence in _flaws(text, pins[name])]
    for name in ("sandbox", "test"):
        found += _disagreements(pins.get("runtime", {}), pins.get(name, {}), name=name)
    return found


def _flaws(text: str, pins: dict[str, str]) -> list[str]:
    found = []
    if "://" in text:
        found.append("holds an address")
    if OPTIONS.search(text):
        found.append("holds an option that says where packages come from")
    for entry in re.split(r"\n(?=[^\s#])", text):
        requirement = "\n".join(line for line in entry.splitlines() if not line.lstrip().startswith("#")).strip()
        if not requirement:
            continue
        match = REQUIREMENT.match(requirement)
        if not match:
            found.append(f"has a requirement without a pinned version: {requirement.splitlines()[0]}")
            continue
        name = re.sub(r"[-_.]+", "-", match["name"]).lower()
        pins[name] = match["version"]
        if not HASH.search(requirement):
            found.append(f"has no hash for {name}")
        if name in REFUSED_BELOW and _is_refused(name, match["version"]):
            found.append(f"pins {name} {match['version']}, which has known holes")
    return found


def _is_refused(name: str, version: str) -> bool:
    least = REFUSED_BELOW[name]
    return least is None or Version(version) < least


def _disagreements(runtime: dict[str, str], other: dict[str, str], *, name: str) -> list[str]:
    return [
        f"requirements/{name}.txt has {package} {other.get(package)} where runtime.txt has {version}"
        for package, version in runtime.items()
        if other.get(package) != version
    ]
