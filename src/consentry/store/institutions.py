"""Institutions and their signing keys."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import asyncpg

from consentry.domain.institution import Institution, InstitutionStatus
from consentry.domain.refusal.institution import InstitutionExists
from consentry.store.session import Connection

_COLUMNS: Final = "institution_id, public_id, name, host, status, secret_overlap, created_at"


@dataclass(frozen=True, slots=True)
class SealedSigningKey:
    """A signing key as it is stored: encrypted; `institution` is the public id of whose it is."""

    institution_id: int
    institution: str
    sealed_key: bytes = field(repr=False)
    sealed_under: str


async def add(connection: Connection, *, public_id: str, name: str, host: str | None) -> int:
    """Add an institution and give its internal id.

    Raises:
        InstitutionExists: the public id or the host is taken.
    """
    try:
        added: int = await connection.fetchval("select consentry.add_institution($1, $2, $3)", public_id, name, host)
    except asyncpg.UniqueViolationError:
        raise InstitutionExists from None
    return added


async def show(connection: Connection, *institution_ids: int) -> None:
    """Let the transaction see these institutions, and no others, from now on."""
    await connection.execute("select consentry.enter($1)", list(institution_ids))


async def owner_of_host(connection: Connection, host: str) -> int | None:
    """Find the institution that a host name belongs to."""
    owner: int | None = await connection.fetchval("select (consentry.owners_of_hosts($1))[1]", [host])
    return owner


async def id_of(connection: Connection, public_id: str) -> int | None:
    """Find an institution's internal id by its public id."""
    found: int | None = await connection.fetchval(
        "select institution_id from consentry.institution_ids() where public_id = $1", public_id
    )
    return found


async def all_ids(connection: Connection) -> list[int]:
    """Give the internal ids of all institutions."""
    return [row[0] for row in await connection.fetch("select institution_id from consentry.institution_ids()")]


async def visible(connection: Connection) -> list[Institution]:
    """Give the institutions that the transaction sees, in the order of their making."""
    rows = await connection.fetch(f"select {_COLUMNS} from consentry.institutions order by institution_id")
    return [_institution(row) for row in rows]


async def lock(connection: Connection, institution_id: int) -> None:
    """Change an institution alone: whatever relies on it at this moment finishes first."""
    await connection.execute("select consentry.end_secrets_of($1)", institution_id)


async def change(
    connection: Connection,
    institution_id: int,
    *,
    name: str,
    status: InstitutionStatus,
    host: str | None,
    secret_overlap: timedelta,
) -> Institution:
    """Store what may be changed of an institution and give it as it is then.

    Raises:
        InstitutionExists: the host is taken.
    """
    try:
        row = await connection.fetchrow(
            f"""update consentry.institutions set name = $2, status = $3, host = $4, secret_overlap = $5
                where institution_id = $1 returning {_COLUMNS}""",
            institution_id,
            name,
            status.value,
            host,
            secret_overlap,
        )
    except asyncpg.UniqueViolationError:
        raise InstitutionExists from None
    if row is None:
        raise AssertionError
    return _institution(row)


async def end_everything_before_now(connection: Connection, institution_id: int) -> None:
    """Kill all tokens and page sessions of an institution that exist at this moment."""
    await connection.execute("select consentry.end_secrets_of($1)", institution_id)
    await connection.execute(
        "update consentry.institutions set tokens_valid_after = clock_timestamp() where institution_id = $1",
        institution_id,
    )


async def add_signing_key(connection: Connection, institution_id: int, *, kid: str, sealed: tuple[bytes, str]) -> None:
    """Store a new signing key, as sealed bytes and the id of what they are sealed under; it is now the current one."""
    await connection.execute(
        "insert into consentry.signing_keys (institution_id, kid, sealed_key, sealed_under) values ($1, $2, $3, $4)",
        institution_id,
        kid,
        *sealed,
    )


async def retire_signing_keys(connection: Connection, institution_id: int, *, but: str) -> Sequence[str]:
    """Sign nothing more with the other keys; what they signed is verified until it expires."""
    rows = await connection.fetch(
        """update consentry.signing_keys set retired_at = consentry.now()
           where institution_id = $1 and kid <> $2 and retired_at is null returning kid""",
        institution_id,
        but,
    )
    return [row[0] for row in rows]


async def current_signing_key(connection: Connection, institution_id: int) -> str:
    """Give the `kid` of the key that an institution's tokens are signed with now."""
    kid: str = await connection.fetchval(
        """select kid from consentry.signing_keys where institution_id = $1 and retired_at is null
           order by created_at desc limit 1""",
        institution_id,
    )
    return kid


async def signing_key(connection: Connection, kid: str) -> SealedSigningKey | None:
    """Find a signing key of any institution by its id."""
    row = await connection.fetchrow(
        "select institution_id, public_id, sealed_key, sealed_under from consentry.signing_key_by_kid($1)", kid
    )
    return None if row is None else SealedSigningKey(*row)


async def signing_keys_under_others(connection: Connection, encryption_key: str) -> dict[str, tuple[bytes, str]]:
    """Lock and give, by `kid`, the signing keys in sight that other keys seal: sealed bytes, and under what."""
    rows = await connection.fetch(
        "select kid, sealed_key, sealed_under from consentry.signing_keys where sealed_under <> $1 for update",
        encryption_key,
    )
    return {row[0]: (row[1], row[2]) for row in rows}


async def signing_keys_under(connection: Connection, encryption_keys: Sequence[str]) -> list[str]:
    """Give the `kid` of the signing keys in sight that are sealed under some keys."""
    rows = await connection.fetch(
        "select kid from consentry.signing_keys where sealed_under = any ($1) order by kid", encryption_keys
    )
    return [row[0] for row in rows]


async def reseal_signing_key(
    connection: Connection, institution_id: int, kid: str, *, sealed: tuple[bytes, str]
) -> None:
    """Store a signing key as sealed anew."""
    await connection.execute(
        "update consentry.signing_keys set sealed_key = $3, sealed_under = $4 where institution_id = $1 and kid = $2",
        institution_id,
        kid,
        *sealed,
    )


def _institution(row: asyncpg.Record) -> Institution:
    return Institution(
        institution_id=row["institution_id"],
        public_id=row["public_id"],
        name=row["name"],
        host=row["host"],
        status=InstitutionStatus(row["status"]),
        secret_overlap=row["secret_overlap"],
        created_at=row["created_at"],
    )
