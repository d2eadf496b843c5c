"""The audit's chain: which entries are next, how far it is sealed, and the whole of it for verification.

Entries are sealed behind the oldest open write, in the order of their transactions, so that no request waits for a
chain. The head moves by a conditional update: two sealers can't fork it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from consentry.domain.audit import AuditEntry
from consentry.store.session import Connection

_ENTRY: Final = (
    "entry_id, at, action, outcome, actor_kind, actor_id, subject_kind, subject_id,"
    " before::text, after::text, source, request_id"
)


@dataclass(frozen=True, slots=True)
class ChainHead:
    """How far an institution's audit is sealed: the number and hash of the last entry, and its place in the order."""

    sequence: int
    hash: bytes
    written_by: int
    entry_id: UUID


@dataclass(frozen=True, slots=True)
class Seal:
    """The seal of one entry."""

    entry_id: UUID
    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """An entry with its seal, or without while it waits for one; `hash` and `sequence` are then None."""

    entry: AuditEntry
    sequence: int | None
    hash: bytes | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A statement that left the machine: the chain had this hash at this number, at that time."""

    sequence: int
    hash: bytes
    at: datetime
    statement: str


async def head(connection: Connection, institution_id: int) -> ChainHead:
    """Give how far the chain is sealed."""
    row = await connection.fetchrow(
        """select sequence, hash, written_by::text::bigint, entry_id from consentry.audit_chains
           where institution_id = $1""",
        institution_id,
    )
    if row is None:
        raise AssertionError
    return ChainHead(*row)


async def next_entries(
    connection: Connection, institution_id: int, *, after: ChainHead, most: int
) -> list[tuple[int, AuditEntry]]:
    """Give the next entries to seal, with the number of their transaction: those before every unfinished one."""
    rows = await connection.fetch(
        f"""select written_by::text::bigint, {_ENTRY} from consentry.audit_entries
            where institution_id = $1 and (written_by, entry_id) > ($2::text::xid8, $3)
              and written_by < pg_snapshot_xmin(pg_current_snapshot())
            order by written_by, entry_id limit $4""",
        institution_id,
        str(after.written_by),
        after.entry_id,
        most,
    )
    return [(row[0], AuditEntry(*tuple(row)[1:])) for row in rows]


async def append(
    connection: Connection, institution_id: int, *, before: ChainHead, seals: Sequence[Seal], after: ChainHead
) -> bool:
    """Write seals and move the head on; give False, having written nothing, if another sealer was faster."""
    moved = await connection.fetchval(
        """update consentry.audit_chains set sequence = $3, hash = $4, written_by = $5::text::xid8, entry_id = $6
           where institution_id = $1 and sequence = $2 returning true""",
        institution_id,
        before.sequence,
        after.sequence,
        after.hash,
        str(after.written_by),
        after.entry_id,
    )
    if not moved:
        return False
    await connection.execute(
        """insert into consentry.audit_seals (institution_id, entry_id, sequence, hash, sealed_at)
           select $1, *, consentry.now() from unnest($2::uuid[], $3::bigint[], $4::bytea[])""",
        institution_id,
        [seal.entry_id for seal in seals],
        [seal.sequence for seal in seals],
        [seal.hash for seal in seals],
    )
    return True


async def sealed_entries(connection: Connection, institution_id: int) -> AsyncIterator[SealedEntry]:
    """Give every entry in the order of the chain, those not sealed yet last."""
    columns = ", ".join(f"e.{column}" for column in _ENTRY.split(", "))
    cursor = connection.cursor(
        f"""select s.sequence, s.hash, {columns}
            from consentry.audit_entries e
            left join consentry.audit_seals s on s.institution_id = e.institution_id and s.entry_id = e.entry_id
            where e.institution_id = $1 order by s.sequence nulls last, e.written_by, e.entry_id""",
        institution_id,
        prefetch=1000,
    )
    async for row in cursor:
        yield SealedEntry(entry=AuditEntry(*tuple(row)[2:]), sequence=row[0], hash=row[1])


async def add_checkpoint(connection: Connection, institution_id: int, checkpoint: Checkpoint) -> None:
    """Keep a copy of a checkpoint that has left the machine."""
    await connection.execute(
        """insert into consentry.audit_checkpoints (institution_id, sequence, hash, at, statement)
           values ($1, $2, $3, $4, $5) on conflict do nothing""",
        institution_id,
        checkpoint.sequence,
        checkpoint.hash,
        checkpoint.at,
        checkpoint.statement,
    )


async def checkpoints(connection: Connection, institution_id: int) -> list[Checkpoint]:
    """Give the checkpoints of a chain, oldest first."""
    rows: list[asyncpg.Record] = await connection.fetch(
        """select sequence, hash, at, statement from consentry.audit_checkpoints
           where institution_id = $1 order by sequence""",
        institution_id,
    )
    return [Checkpoint(*row) for row in rows]


async def orphaned_seals(connection: Connection, institution_id: int) -> int:
    """Count the seals whose entry is gone."""
    found: int = await connection.fetchval(
        """select count(*) from consentry.audit_seals s where institution_id = $1 and not exists (
               select from consentry.audit_entries e
               where e.institution_id = s.institution_id and e.entry_id = s.entry_id)""",
        institution_id,
    )
    return found
