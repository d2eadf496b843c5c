"""The cluster's folder: making it whole or not at all, and the files that configure it.

Owns initdb, roles, database, who may connect and the settings; starting and stopping the server is left to `server`.
"""

import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from consentry.store.embedded.accounts import OsUser, run_as
from consentry.store.embedded.binaries import Binaries
from consentry.store.embedded.errors import EmbeddedPostgresError
from consentry.store.embedded.processes import ClusterMark, end_processes

SUPER_ROLE, OWNER_ROLE, APP_ROLE, DATABASE = "consentry_super", "consentry_owner", "consentry_app", "consentry"
PORT = 5432  # names the socket only: nothing listens on TCP

_SETTINGS: Mapping[str, str] = {
    "max_connections": "100",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "max_wal_size": "4GB",
    "min_wal_size": "512MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "track_io_timing": "off",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_destination": "stderr",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_min_messages": "warning",
    # No secrets in the log: neither statements nor their parameters nor the rows that broke a constraint.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}
_UNFINISHED = ".new-"
_FIXED = frozenset(
    {"listen_addresses", "port", "unix_socket_directories", "unix_socket_permissions", "cluster_name"}
    | {"data_directory", "config_file", "hba_file", "ident_file", "external_pid_file"}
)
_ROLES = f"""\
create role {OWNER_ROLE} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls
create role {APP_ROLE} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls
create database {DATABASE} owner {OWNER_ROLE}
revoke all on database {DATABASE} from public
revoke all on database postgres from public
revoke all on database template1 from public
grant connect on database {DATABASE} to {APP_ROLE}
"""
_ACCESS = f"""\
# Written at every start. Only over the local socket, and only operating-system users named in pg_ident.conf.
local all         all           peer map=consentry
local replication {SUPER_ROLE} peer map=consentry
"""


def cluster_major(cluster: Path) -> int | None:
    """Return the major version that made the cluster, or None when there is no cluster yet.

    Raises: EmbeddedPostgresError `not_a_cluster`, `data_dir_not_ours`.
    """
    try:
        return int((cluster / "PG_VERSION").read_text())
    except PermissionError:
        raise EmbeddedPostgresError(
            "data_dir_not_ours",
            f"The database in {cluster} belongs to another user: run this as that user, or as root.",
        ) from None
    except (FileNotFoundError, ValueError):
        if not cluster.exists() or (cluster.is_dir() and not any(cluster.iterdir())):
            return None
    raise EmbeddedPostgresError(
        "not_a_cluster",
        f"{cluster} exists but is not a PostgreSQL cluster (it has no readable PG_VERSION): move it away, or set "
        "CONSENTRY_DATA_DIR.",
    )


def build_cluster(cluster: Path, *, binaries: Binaries, user: OsUser) -> None:
    """Make a new cluster with its roles and database, and move it to `cluster` once it is complete and on disk.

    Raises: EmbeddedPostgresError `cluster_not_made`.
    """
    _remove_unfinished(cluster, user)
    making = cluster.with_name(f"{cluster.name}{_UNFINISHED}{secrets.token_hex(4)}")
    try:
        making.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(making, user.uid, user.gid)
        _fill(making, binaries=binaries, user=user)
        making.rename(cluster)
        _sync_folder(cluster.parent)
    except OSError as error:
        raise EmbeddedPostgresError(
            "cluster_not_made", f"The database's folder {cluster} cannot be made: {error}."
        ) from None
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _fill(making: Path, *, binaries: Binaries, user: OsUser) -> None:
    """Make a complete cluster in the empty folder `making`, and write it to the disk."""
    initdb, postgres = binaries.program("initdb"), binaries.program("postgres")
    _run(user, [initdb, "-D", making, "--no-sync", *_initdb_options(binaries.major)])
    _run(user, [postgres, "--single", "-F", "-D", making, "-c", "exit_on_error=on", "postgres"], feed=_ROLES)
    include = "include_if_exists = 'consentry.conf'"
    _run(user, ["/bin/sh", "-c", 'echo "$2" >> "$1"', "sh", making / "postgresql.conf", include])
    write_file(user, making / "pg_hba.conf", _ACCESS)
    _run(user, [initdb, "-D", making, "--sync-only"])


def write_access(cluster: Path, *, user: OsUser, also: str) -> None:
    """Let in `user` and the operating-system user named `also`, as any of the three roles, and nobody else."""
    write_file(user, cluster / "pg_hba.conf", _ACCESS)
    write_file(user, cluster / "pg_ident.conf", "".join(_map(name) for name in dict.fromkeys((user.name, also))))


def add_access(cluster: Path, *, user: OsUser, also: str) -> bool:
    """Let in the operating-system user named `also` too; tell whether that is news to a running server."""
    known = _read(cluster / "pg_ident.conf")
    if _map(also) in known:
        return False
    write_file(user, cluster / "pg_ident.conf", known + _map(also))
    return True


def configuration(
    cluster: Path, *, binaries: Binaries, mark: ClusterMark, socket_folder: Path, settings: Mapping[str, str]
) -> str:
    """Return the text of consentry.conf: the product's settings, then the caller's, then what nobody may change.

    Raises: EmbeddedPostgresError `setting_refused`.
    """
    for name, value in settings.items():
        if name in _FIXED or not re.fullmatch(r"[a-z_][a-z0-9_.]*", name) or "\n" in value or "\0" in value:
            raise EmbeddedPostgresError(
                "setting_refused", f"The setting {name} of the embedded PostgreSQL cannot be set: leave it out."
            )
    fixed = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(socket_folder),
        "unix_socket_permissions": "0777",  # the folder around it is 0700
        "cluster_name": mark.name,
    }
    chosen = {
        **_SETTINGS,
        "shared_buffers": f"{_shared_buffers()}MB",
        "wal_compression": _wal_compression(cluster, binaries=binaries, user=mark.user),
        **settings,
        **fixed,
    }
    return "# Written at every start.\n" + "".join(f"{name} = {_quoted(value)}\n" for name, value in chosen.items())


def _shared_buffers() -> int:
    """Choose PostgreSQL's cache in MB: an eighth of the machine's memory, from 128 MB to 2 GB, used as needed."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return min(max(memory // 8, 128), 2048)


def is_configured(cluster: Path, text: str) -> bool:
    """Tell whether consentry.conf says this."""
    return _read(cluster / "consentry.conf") == text


def write_configuration(cluster: Path, text: str, *, user: OsUser) -> None:
    """Write consentry.conf."""
    write_file(user, cluster / "consentry.conf", text)


def write_file(user: OsUser, path: Path, text: str) -> None:
    """Write a file inside the cluster as its user, whole or not at all, so that root follows no link planted there."""
    _run(user, ["/bin/sh", "-c", 'cat > "$1.new" && mv -f "$1.new" "$1"', "sh", path], feed=text)


def hand_over(cluster: Path, user: OsUser) -> None:
    """As root, give a stopped cluster that belongs to another user to `user`; nothing outside its folder is touched."""
    if os.geteuid() != 0 or cluster.stat().st_uid == user.uid:
        return
    for _, folders, files, descriptor in os.fwalk(cluster):
        for name in [*folders, *files]:
            os.chown(name, user.uid, user.gid, dir_fd=descriptor, follow_symlinks=False)
    os.chown(cluster, user.uid, user.gid, follow_symlinks=False)


def _remove_unfinished(cluster: Path, user: OsUser) -> None:
    for left in cluster.parent.glob(f"{cluster.name}{_UNFINISHED}*"):
        deadline = time.monotonic() + 10.0
        while left.exists() and time.monotonic() < deadline:  # a killed start's initdb may still be writing
            end_processes(ClusterMark(left, left.name, user))
            shutil.rmtree(left, ignore_errors=True)


def _initdb_options(major: int) -> list[str]:
    options = ["--auth=reject", f"--username={SUPER_ROLE}", "--encoding=UTF8", "--data-checksums", "--locale=C"]
    if major >= 17:
        return [*options, "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [*options, "--lc-ctype=C.UTF-8"] if sys.platform == "linux" else options


def _wal_compression(cluster: Path, *, binaries: Binaries, user: OsUser) -> str:
    """Return lz4 where these programs were built with it."""
    question = ["-c", "config_file=/dev/null", "-c", "wal_compression=lz4", "-C", "wal_compression"]
    told = run_as(user, [binaries.program("postgres"), "-D", cluster, *question])
    return "lz4" if told.stdout.strip() == "lz4" else "on"


def _map(name: str) -> str:
    return "".join(f'consentry "{name}" {role}\n' for role in (SUPER_ROLE, OWNER_ROLE, APP_ROLE))


def _run(user: OsUser, arguments: Sequence[str | Path], *, feed: str = "") -> None:
    told = run_as(user, arguments, feed=feed)
    if told.returncode != 0:
        raise EmbeddedPostgresError(
            "cluster_not_made",
            f"The database's files could not be written ({Path(arguments[0]).name}, as {user.name}): "
            f"{(told.stderr or told.stdout).strip()[-1000:]}",
        )


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
