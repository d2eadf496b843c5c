"""The folder of the server's socket: private to its user, with a path short enough for a socket.

Owns where it is and whether it can be trusted; who connects is left to pg_hba.conf, which `cluster` writes.
"""

import contextlib
import hashlib
import os
import stat
from pathlib import Path

from consentry.store.embedded.accounts import OsUser
from consentry.store.embedded.errors import EmbeddedPostgresError

# Not XDG_RUNTIME_DIR: that one vanishes when its user logs out, and cron and sudo have another.
_PARENT = Path("/tmp")  # noqa: S108 - the folder in it is made 0700 and checked


def short_name(cluster: Path) -> str:
    """Return a short name for a cluster's real folder, the same in every process."""
    return f"consentry-{hashlib.sha256(os.fsencode(cluster)).hexdigest()[:12]}"


def socket_folder(cluster: Path, user: OsUser) -> Path:
    """Return the folder of the server's socket."""
    return _PARENT / f"{short_name(cluster)}-{user.uid}"


def prepare_socket_folder(folder: Path, user: OsUser) -> None:
    """Make the folder, or make sure that the one there is the user's own, and empty it of a dead server's files.

    Raises: EmbeddedPostgresError `socket_folder_unsafe`.
    """
    root = os.geteuid() == 0
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    about = folder.lstat()
    if root and stat.S_ISDIR(about.st_mode) and about.st_uid == 0:  # made just now, or by one killed at this point
        os.chown(folder, user.uid, user.gid, follow_symlinks=False)
    check_socket_folder(folder, user)
    for name in os.listdir(folder):
        if name.startswith(".s.PGSQL."):
            (folder / name).unlink()


def check_socket_folder(folder: Path, user: OsUser) -> None:
    """Refuse a folder that is not `user`'s own, private one: whoever owns it could stand in for the server.

    Raises: EmbeddedPostgresError `socket_folder_unsafe`.
    """
    try:
        about = folder.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != user.uid or about.st_mode & 0o077:
        raise EmbeddedPostgresError(
            "socket_folder_unsafe",
            f"{folder} is there already and is not a private folder of {user.name}: find out who made it, "
            "and remove it.",
        )
