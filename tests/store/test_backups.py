"""The file of a backup, the reader of its rows, and what a database address must not show."""

import asyncio
import contextlib
import re
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.store.backups import settling
from consentry.store.backups.archive import drafted
from consentry.store.backups.errors import BackupError
from consentry.store.backups.loading import Script
from consentry.store.backups.programs import find_programs, without_password

ROW = st.text(st.sampled_from("ab.\\\t"), max_size=6).map(lambda row: row.replace("\\", "\\\\") + "\n")


@given(
    st.lists(st.tuples(st.sampled_from(["COPY x;\n", "COPY y;\n"]), st.lists(ROW, max_size=5)), max_size=4),
    st.integers(1, 9),
)
def test_rows_are_read_whole_wherever_the_stream_is_cut(tables: list[tuple[str, list[str]]], step: int) -> None:
    text = "".join(f"{head}{''.join(rows)}\\.\n\n" for head, rows in tables).encode()

    async def read() -> list[tuple[str, str]]:
        stream = asyncio.StreamReader()
        script = Script(stream)

        async def feed() -> None:
            for start in range(0, len(text), step):
                stream.feed_data(text[start : start + step])
                await asyncio.sleep(0)
            stream.feed_eof()

        feeding = asyncio.create_task(feed())
        found = []
        while (line := await script.line()) is not None:
            if line != "\n":
                found.append((line, b"".join([block async for block in script.rows()]).decode()))
        await feeding
        return found

    assert asyncio.run(read()) == [(head, "".join(rows)) for head, rows in tables]


async def test_rows_that_never_end_are_damage() -> None:
    stream = asyncio.StreamReader()
    stream.feed_data(b"a\tb\nc\td")
    stream.feed_eof()
    with pytest.raises(BackupError, match="in the middle of a table"):
        [block async for block in Script(stream).rows()]


@pytest.mark.parametrize(
    ("url", "address", "password"),
    [
        (
            "postgresql://owner:s%40cret@db:5432/c?sslmode=require",
            "postgresql://owner@db:5432/c?sslmode=require",
            "s@cret",
        ),
        ("postgresql://owner@/c?host=/run/pg&password=secret", "postgresql://owner@/c?host=/run/pg", "secret"),
        ("postgresql://owner@/c?host=/run/pg&port=5432", "postgresql://owner@/c?host=/run/pg&port=5432", None),
        ("postgresql:///c?host=/run/pg", "postgresql:///c?host=/run/pg", None),
        ("postgres://owner:x@[::1]:1/c", "postgres://owner@[::1]:1/c", "x"),
    ],
)
def test_a_password_is_not_on_the_command_line(url: str, address: str, password: str | None) -> None:
    assert without_password(url) == (address, {} if password is None else {"PGPASSWORD": password})


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with contextlib.suppress(RuntimeError), drafted(tmp_path / "backup.tar") as draft:
        draft.write(b"rows")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_backup_is_its_owners_alone_and_replaces_none(tmp_path: Path) -> None:
    place = tmp_path / "backup.tar"
    with drafted(place) as draft:
        draft.finish(b"{}", b"{}")
        assert not place.exists()
    assert place.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BackupError) as refusal, drafted(place):
        pass
    assert refusal.value.code == "exists"
    with pytest.raises(BackupError) as refusal, drafted(tmp_path / "missing" / "backup.tar"):
        pass
    assert refusal.value.code == "not_written"


def test_programs_that_are_too_old_are_named(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=re.escape("found: none): install")):
        find_programs(least=15, data_dir=tmp_path, only=tmp_path)
    with pytest.raises(BackupError, match=r"found: \d\d in /"):
        find_programs(least=99, data_dir=tmp_path)


async def test_every_number_of_a_transaction_is_renewed_by_a_restore(
    super_connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """A new column of this kind needs its place in `settling.renumber`: its values mean nothing on another server."""
    rows = await super_connection.fetch(
        """select c.relname::text, a.attname::text from pg_attribute a join pg_class c on c.oid = attrelid
           where c.relnamespace = 'consentry'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
             and atttypid in ('xid8'::regtype, 'xid'::regtype, 'pg_lsn'::regtype, 'pg_snapshot'::regtype)
             and attnum > 0"""
    )
    assert {tuple(row) for row in rows} == settling.NUMBERED
