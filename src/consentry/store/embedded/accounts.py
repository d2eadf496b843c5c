"""The operating system's users: whom the server runs as, and running commands as that user.

Owns the choice of the user and what that user may reach. What is run is left to the callers.
"""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from consentry.store.embedded.errors import EmbeddedPostgresError

MADE_USER = "consentry"
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class OsUser:
    """An ordinary user of the operating system."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]


def this_user() -> OsUser:
    """Return the user of this process.

    Raises: EmbeddedPostgresError `nameless_os_user`.
    """
    try:
        return _described(pwd.getpwuid(os.geteuid()))
    except KeyError:
        raise EmbeddedPostgresError(
            "nameless_os_user",
            f"This process runs as user id {os.geteuid()}, which has no name on this machine, and PostgreSQL "
            "needs one: add the id to /etc/passwd, or run as a user that is there.",
        ) from None


def choose_server_user(requested: str | None, *, cluster_owner: int | None) -> OsUser:
    """Return the user that the server runs as: never root, and this process's own user unless that is root.

    As root it is the one requested, else the owner of the existing cluster, else `postgres`, else `consentry`, which is
    made if need be.
    Raises: EmbeddedPostgresError `unknown_os_user`, `os_user_is_root`, `os_user_needs_root`, `os_user_not_made`.
    """
    if os.geteuid() != 0:
        me = this_user()
        if requested not in (None, me.name):
            raise EmbeddedPostgresError(
                "os_user_needs_root",
                f"Only root can run the server as another user: this process is {me.name}, not root, so leave "
                f"CONSENTRY_POSTGRES_USER out, or set it to {me.name}.",
            )
        return me
    if requested is not None:
        return _requested_user(requested)
    if cluster_owner:
        try:
            return _described(pwd.getpwuid(cluster_owner))
        except KeyError:
            pass  # its user is gone: the cluster is handed to the next choice
    return _named("postgres") or _named(MADE_USER) or _make_user()


def run_as(
    user: OsUser, arguments: Sequence[str | Path], *, feed: str = "", inherit: Sequence[int] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a command as `user`, with a clean environment and out of reach of the terminal's signals.

    `feed` is its input; `inherit` names the file descriptors that it, and what it leaves running, keep.
    """
    drop = os.geteuid() == 0 and user.uid != 0
    return subprocess.run(
        [str(argument) for argument in arguments],
        input=feed,
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        env=_ENVIRONMENT,
        cwd="/",
        umask=0o077,
        start_new_session=True,
        user=user.uid if drop else None,
        group=user.gid if drop else None,
        extra_groups=user.groups if drop else None,
        pass_fds=inherit,
    )


def can_run(user: OsUser, program: Path) -> bool:
    """Tell whether `user` can start `program --version`, its libraries included."""
    try:
        return run_as(user, [program, "--version"]).returncode == 0
    except OSError:
        return False


def blocking_folder(user: OsUser, folder: Path) -> Path | None:
    """Return the first folder on the way that keeps `user` out of `folder`, or None when the user gets in."""
    if run_as(user, ["/bin/sh", "-c", 'test -x "$1/."', "sh", folder]).returncode == 0:
        return None
    real = folder.resolve()
    return next((step for step in [*reversed(real.parents), real] if not _may_enter(user, step)), real)


def _may_enter(user: OsUser, folder: Path) -> bool:
    about = folder.stat()
    if about.st_uid == user.uid:
        return bool(about.st_mode & stat.S_IXUSR)
    if about.st_gid in user.groups:
        return bool(about.st_mode & stat.S_IXGRP)
    return bool(about.st_mode & stat.S_IXOTH)


def _requested_user(name: str) -> OsUser:
    user = _named(name)
    if user is None:
        raise EmbeddedPostgresError(
            "unknown_os_user",
            f"There is no user {name!r} on this machine to run PostgreSQL as: make it, or name another in "
            "CONSENTRY_POSTGRES_USER.",
        )
    if user.uid == 0:
        raise EmbeddedPostgresError(
            "os_user_is_root",
            f"PostgreSQL does not run as root ({name}): name an ordinary user in CONSENTRY_POSTGRES_USER.",
        )
    return user


def _make_user() -> OsUser:
    useradd = shutil.which("useradd", path=_ENVIRONMENT["PATH"])
    told = "there is no useradd"
    if useradd is not None:
        options = [
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
            "--shell",
            "/usr/sbin/nologin",
        ]
        told = subprocess.run(
            [useradd, *options, MADE_USER], capture_output=True, check=False, text=True
        ).stderr.strip()
    user = _named(MADE_USER)
    if user is None:
        raise EmbeddedPostgresError(
            "os_user_not_made",
            f"PostgreSQL does not run as root, and the user {MADE_USER!r} could not be made ({told}): make an "
            "ordinary user and name it in CONSENTRY_POSTGRES_USER.",
        )
    return user


def _named(name: str) -> OsUser | None:
    try:
        return _described(pwd.getpwnam(name))
    except KeyError:
        return None


def _described(entry: pwd.struct_passwd) -> OsUser:
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return OsUser(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, groups=groups)
