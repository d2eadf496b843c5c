"""Staged rows of an import: written chunk by chunk, with the record of what has been read.

A chunk and its rows are one transaction, so that an import that was cut off goes on after the last whole chunk. What
the rows mean is decided by usecases/importing; publishing them is left to store/publishing.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from consentry.store.session import Connection

ListOfRows = Sequence[tuple[object, ...]]


class StagedInstitution(NamedTuple):
    """What a file says of its institution."""

    line: int
    name: str
    host: str | None


class StagedIntermediary(NamedTuple):
    """An intermediary that a line, an application or a list names (`origin`: line, application, list).

    `settings` is JSON: what its line says is set for it.
    """

    line: int
    entry: int
    origin: str
    intermediary_id: str
    name: str
    settings: str | None = None


class StagedApplication(NamedTuple):
    """An application that has a line of its own; what may be missing and is, means as it is stored, or none."""

    line: int
    application_id: str
    name: str
    icon_url: str | None
    purpose: str | None
    intermediary_id: str | None
    status: str | None
    category: str | None
    website: str | None


class StagedMention(NamedTuple):
    """What consents say of their application: `key` is its digest, `describes` whether it may add the application."""

    application_id: str
    key: bytes
    line: int
    entry: int
    describes: bool
    name: str | None
    icon_stated: bool
    icon_url: str | None
    intermediary_stated: bool
    intermediary_id: str | None
    intermediary_name: str | None


class StagedCustomer(NamedTuple):
    """A customer that has a line of its own; `accounts` is JSON."""

    line: int
    customer_id: str
    accounts: str


class StagedAccountList(NamedTuple):
    """What consents say of their customer's accounts, as JSON; `key` is its digest."""

    customer_id: str
    key: bytes
    line: int
    entry: int
    accounts: str


class StagedConsent(NamedTuple):
    """A consent as it would be stored; the last of the lists are JSON."""

    line: int
    entry: int
    consent_id: str
    customer_id: str
    application_id: str
    created_at: datetime
    consented_on: datetime
    expires_at: datetime | None
    paused_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    revocation_reason: str | None
    auto_share: bool
    shared_accounts: str
    data_clusters: str
    last_accessed: datetime | None


@dataclass(slots=True)
class StagedRows:
    """The rows of one chunk."""

    institutions: list[StagedInstitution] = field(default_factory=list)
    intermediaries: list[StagedIntermediary] = field(default_factory=list)
    applications: list[StagedApplication] = field(default_factory=list)
    mentions: list[StagedMention] = field(default_factory=list)
    customers: list[StagedCustomer] = field(default_factory=list)
    account_lists: list[StagedAccountList] = field(default_factory=list)
    consents: list[StagedConsent] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """A chunk that has been staged: its number from 0, its last line, and the digest of the input up to its end."""

    number: int
    last_line: int
    digest: bytes


_TEXT: Final = "text"
_TIME: Final = "timestamptz"
# For each table its columns and their types; institution_id goes before them.
_TABLES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "staged_institutions": (("line", "bigint"), ("name", _TEXT), ("host", _TEXT)),
    "staged_intermediaries": (
        ("line", "bigint"),
        ("entry", "integer"),
        ("origin", _TEXT),
        ("intermediary_id", _TEXT),
        ("name", _TEXT),
        ("settings", "jsonb"),
    ),
    "staged_applications": (
        ("line", "bigint"),
        ("application_id", _TEXT),
        ("name", _TEXT),
        ("icon_url", _TEXT),
        ("purpose", _TEXT),
        ("intermediary_id", _TEXT),
        ("status", _TEXT),
        ("category", _TEXT),
        ("website", _TEXT),
    ),
    "staged_mentions": (
        ("application_id", _TEXT),
        ("key", "bytea"),
        ("line", "bigint"),
        ("entry", "integer"),
        ("describes", "boolean"),
        ("name", _TEXT),
        ("icon_stated", "boolean"),
        ("icon_url", _TEXT),
        ("intermediary_stated", "boolean"),
        ("intermediary_id", _TEXT),
        ("intermediary_name", _TEXT),
    ),
    "staged_customers": (("line", "bigint"), ("customer_id", _TEXT), ("accounts", "jsonb")),
    "staged_account_lists": (
        ("customer_id", _TEXT),
        ("key", "bytea"),
        ("line", "bigint"),
        ("entry", "integer"),
        ("accounts", "jsonb"),
    ),
    "staged_consents": (
        ("line", "bigint"),
        ("entry", "integer"),
        ("consent_id", _TEXT),
        ("customer_id", _TEXT),
        ("application_id", _TEXT),
        ("created_at", _TIME),
        ("consented_on", _TIME),
        ("expires_at", _TIME),
        ("paused_at", _TIME),
        ("revoked_at", _TIME),
        ("revoked_by", _TEXT),
        ("revocation_reason", _TEXT),
        ("auto_share", "boolean"),
        ("shared_accounts", "jsonb"),
        ("data_clusters", "jsonb"),
        ("last_accessed", _TIME),
    ),
}


def _insertion(table: str, columns: tuple[tuple[str, str], ...]) -> str:
    names = ", ".join(name for name, _ in columns)
    arrays = ", ".join(f"${number}::{kind}[]" for number, (_, kind) in enumerate(columns, start=2))
    return f"""insert into consentry.{table} (institution_id, {names})
               select $1::integer, * from unnest({arrays}) on conflict do nothing"""


_INSERTIONS: Final = {table: _insertion(table, columns) for table, columns in _TABLES.items()}


async def add_chunk(connection: Connection, institution_id: int, chunk: ChunkRecord, rows: StagedRows) -> None:
    """Stage the rows of a chunk and record it; wordings that are staged already are left out."""
    tables: tuple[tuple[str, ListOfRows], ...] = (
        ("staged_institutions", rows.institutions),
        ("staged_intermediaries", rows.intermediaries),
        ("staged_applications", rows.applications),
        ("staged_mentions", rows.mentions),
        ("staged_customers", rows.customers),
        ("staged_account_lists", rows.account_lists),
        ("staged_consents", rows.consents),
    )
    for table, staged in tables:
        if staged:
            await connection.execute(_INSERTIONS[table], institution_id, *zip(*staged, strict=True))
    await connection.execute(
        "insert into consentry.import_chunks (institution_id, number, last_line, digest) values ($1, $2, $3, $4)",
        institution_id,
        chunk.number,
        chunk.last_line,
        chunk.digest,
    )


async def chunks(connection: Connection, institution_id: int) -> list[ChunkRecord]:
    """Give the chunks that are staged, in their order."""
    rows = await connection.fetch(
        "select number, last_line, digest from consentry.import_chunks where institution_id = $1 order by number",
        institution_id,
    )
    return [ChunkRecord(*row) for row in rows]


async def clear(connection: Connection, institution_id: int, *, after_line: int) -> None:
    """Forget what is staged after a line; after line 0, everything."""
    await connection.execute("select consentry.clear_staging($1, $2)", institution_id, after_line)


async def analyze(connection: Connection) -> None:
    """Tell the planner how much is staged and stored."""
    await connection.execute("select consentry.analyze_import()")
