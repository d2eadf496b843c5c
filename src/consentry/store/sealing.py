"""The audit's chain: which entries are next, how far it is sealed, and the whole of it for verification.

Entries are sealed behind the oldest open write, in the order of their transactions, so that no request waits for a
chain. The head moves by a conditional update: two sealers can't fork it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from consentry.domain.audit import GENESIS, AuditEntry
from consentry.store.session import Connection

_ENTRY: Final = (
    "entry_id, at, action, outcome, actor_kind, actor_id, subject_kind, subject_id,"
    " before::text, after::text, source, request_id"
)


@dataclass(frozen=True, slots=True)
class ChainHead:
    """How far an institution's audit is sealed: the number and hash of the last entry, and its place in the order.

    `pruned_sequence` and `pruned_hash` are of the last entry that retention has dropped; 0 and the genesis hash before.
    """

    sequence: int
    hash: bytes
    written_by: int
    entry_id: UUID
    pruned_sequence: int = 0
    pruned_hash: bytes = GENESIS


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
        """select sequence, hash, written_by::text::bigint, entry_id, pruned_sequence, pruned_hash
           from consentry.audit_chains where institution_id = $1""",
        institution_id,
    )
    if row is None:
        raise AssertionError
    return ChainHead(*row)


async def waiting(connection: Connection) -> list[int]:
    """Give the institutions, of those that the transaction sees, that have entries to seal."""
    rows = await connection.fetch(
        """select institution_id from consentry.audit_chains c
           where exists (select from consentry.audit_entries e
                         where e.institution_id = c.institution_id
                           and (e.written_by, e.entry_id) > (c.written_by, c.entry_id)
                           and e.written_by < pg_snapshot_xmin(pg_current_snapshot()))
           order by institution_id"""
    )
    return [row[0] for row in rows]


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


async def sealed_entries(connection: Connection, institution_id: int, *, least: int = 0) -> AsyncIterator[SealedEntry]:
    """Give every entry, from the number `least` on, in the order of the chain, those not sealed yet last."""
    columns = ", ".join(f"e.{column}" for column in _ENTRY.split(", "))
    cursor = connection.cursor(
        f"""select s.sequence, s.hash, {columns}
            from consentry.audit_entries e
            left join consentry.audit_seals s on s.institution_id = e.institution_id and s.entry_id = e.entry_id
            where e.institution_id = $1 and (s.sequence is null or s.sequence >= $2)
            order by s.sequence nulls last, e.written_by, e.entry_id""",
        institution_id,
        least,
        prefetch=1000,
    )
    async for row in cursor:
        yield SealedEntry(entry=AuditEntry(*tuple(row)[2:]), sequence=row[0], hash=row[1])


async def entries_about(
    connection: Connection, institution_id: int, *, kind: str, subject_ids: Sequence[str]
) -> list[SealedEntry]:
    """Give the entries about some subjects of one kind, in the order of time; those not sealed yet have no number."""
    columns = ", ".join(f"e.{column}" for column in _ENTRY.split(", "))
    rows = await connection.fetch(
        f"""select s.sequence, s.hash, {columns}
            from consentry.audit_entries e
            left join consentry.audit_seals s on s.institution_id = e.institution_id and s.entry_id = e.entry_id
            where e.institution_id = $1 and e.subject_kind = $2 and e.subject_id = any ($3)
            order by e.entry_id""",
        institution_id,
        kind,
        subject_ids,
    )
    return [SealedEntry(entry=AuditEntry(*tuple(row)[2:]), sequence=row[0], hash=row[1]) for row in rows]


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


async def last_checkpoint(connection: Connection, institution_id: int) -> Checkpoint | None:
    """Give the checkpoint of a chain with the highest number."""
    row = await connection.fetchrow(
        """select sequence, hash, at, statement from consentry.audit_checkpoints
           where institution_id = $1 order by sequence desc limit 1""",
        institution_id,
    )
    return None if row is None else Checkpoint(*row)


async def to_witness(connection: Connection, *, pace: timedelta) -> list[int]:
    """Give the institutions, of those that the transaction sees, whose chain is not at its last checkpoint.

    Those whose last checkpoint is younger than `pace` are left out.
    """
    rows = await connection.fetch(
        """select c.institution_id from consentry.audit_chains c
           left join lateral (select sequence, hash, at from consentry.audit_checkpoints k
                              where k.institution_id = c.institution_id order by sequence desc limit 1) last on true
           where (c.sequence, c.hash) is distinct from (coalesce(last.sequence, 0), coalesce(last.hash, sha256('')))
             and coalesce(last.at <= consentry.now() - $1::interval, true)
           order by c.institution_id""",
        pace,
    )
    return [row[0] for row in rows]


async def hash_of(connection: Connection, institution_id: int, sequence: int) -> bytes | None:
    """Give the hash under which an entry was sealed, or None if there is no such seal."""
    found: bytes | None = await connection.fetchval(
        "select hash from consentry.audit_seals where institution_id = $1 and sequence = $2", institution_id, sequence
    )
    return found


async def orphaned_seals(connection: Connection, institution_id: int, *, most: int) -> list[int]:
    """Give the numbers of seals whose entry is gone, the lowest first."""
    rows = await connection.fetch(
        """select sequence from consentry.audit_seals s where institution_id = $1 and not exists (
               select from consentry.audit_entries e
               where e.institution_id = s.institution_id and e.entry_id = s.entry_id)
           order by sequence limit $2""",
        institution_id,
        most,
    )
    return [row[0] for row in rows]


async def overtaken_entries(connection: Connection, institution_id: int, *, most: int) -> list[UUID]:
    """Give the entries without a seal that the chain has gone past: put in later, or robbed of their seal."""
    rows = await connection.fetch(
        """select e.entry_id from consentry.audit_entries e
           join consentry.audit_chains c using (institution_id)
           where e.institution_id = $1 and (e.written_by, e.entry_id) <= (c.written_by, c.entry_id)
             and not exists (select from consentry.audit_seals s
                             where s.institution_id = e.institution_id and s.entry_id = e.entry_id)
           order by e.written_by, e.entry_id limit $2""",
        institution_id,
        most,
    )
    return [row[0] for row in rows]


async def unsealed_since(connection: Connection, institution_id: int) -> tuple[int, datetime | None]:
    """Count the entries that wait for their seal, and give the time of the oldest."""
    row = await connection.fetchrow(
        """select count(*), min(e.at) from consentry.audit_entries e
           join consentry.audit_chains c using (institution_id)
           where e.institution_id = $1 and (e.written_by, e.entry_id) > (c.written_by, c.entry_id)""",
        institution_id,
    )
    if row is None:
        raise AssertionError
    return row[0], row[1]


async def first_sealed_after(connection: Connection, institution_id: int, sequence: int) -> datetime | None:
    """Give when the first entry behind a number was sealed, or None if the chain ends there."""
    found: datetime | None = await connection.fetchval(
        """select sealed_at from consentry.audit_seals where institution_id = $1 and sequence > $2
           order by sequence limit 1""",
        institution_id,
        sequence,
    )
    return found
