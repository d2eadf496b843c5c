"""The keys that sign an institution's receipts: one is current, the public halves of all stay."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from consentry.store.session import Connection


@dataclass(frozen=True, slots=True)
class SealedReceiptKey:
    """A key as it is stored; `public_key` is a JWK, `sealed_under` names what the private half is encrypted under."""

    kid: str
    public_key: str
    sealed_key: bytes = field(repr=False)
    sealed_under: str


async def current(connection: Connection, institution_id: int) -> SealedReceiptKey | None:
    """Give the key that signs an institution's receipts now."""
    row = await connection.fetchrow(
        """select kid, public_key, sealed_key, sealed_under from consentry.receipt_keys
           where institution_id = $1 and retired_at is null""",
        institution_id,
    )
    return None if row is None else SealedReceiptKey(*row)


async def add(connection: Connection, institution_id: int, key: SealedReceiptKey) -> bool:
    """Store a key as the current one; give False, having stored nothing, if there is one already."""
    added = await connection.fetchval(
        """insert into consentry.receipt_keys (institution_id, kid, public_key, sealed_key, sealed_under)
           values ($1, $2, $3, $4, $5) on conflict (institution_id) where retired_at is null do nothing
           returning true""",
        institution_id,
        key.kid,
        key.public_key,
        key.sealed_key,
        key.sealed_under,
    )
    return bool(added)


async def retire(connection: Connection, institution_id: int) -> str | None:
    """Sign nothing more with the current key, and give its id; what it signed stays verifiable."""
    retired: str | None = await connection.fetchval(
        """update consentry.receipt_keys set retired_at = consentry.now()
           where institution_id = $1 and retired_at is null returning kid""",
        institution_id,
    )
    return retired


async def public_keys(connection: Connection, institution_id: int) -> dict[str, str]:
    """Give the public halves of all keys that ever signed the institution's receipts, JWKs by id, the oldest first."""
    rows = await connection.fetch(
        "select kid, public_key from consentry.receipt_keys where institution_id = $1 order by created_at, kid",
        institution_id,
    )
    return {row[0]: row[1] for row in rows}


async def sealed_under_others(
    connection: Connection, institution_id: int, encryption_key: str
) -> Sequence[SealedReceiptKey]:
    """Lock and give an institution's keys that are not encrypted under a key-encryption key."""
    rows = await connection.fetch(
        """select kid, public_key, sealed_key, sealed_under from consentry.receipt_keys
           where institution_id = $1 and sealed_under <> $2 order by kid for update""",
        institution_id,
        encryption_key,
    )
    return [SealedReceiptKey(*row) for row in rows]


async def reseal(connection: Connection, institution_id: int, kid: str, sealed: tuple[bytes, str]) -> None:
    """Store a key's private half as encrypted anew."""
    await connection.execute(
        """update consentry.receipt_keys set sealed_key = $3, sealed_under = $4
           where institution_id = $1 and kid = $2""",
        institution_id,
        kid,
        *sealed,
    )


async def sealed_under(connection: Connection, institution_id: int, encryption_keys: Sequence[str]) -> list[str]:
    """Give the ids of an institution's keys that are encrypted under some keys."""
    rows = await connection.fetch(
        """select kid from consentry.receipt_keys
           where institution_id = $1 and sealed_under = any ($2) order by kid""",
        institution_id,
        encryption_keys,
    )
    return [row[0] for row in rows]


async def abandon(connection: Connection, institution_id: int, kid: str, *, instead: tuple[bytes, str]) -> None:
    """Retire a key and store `instead` in the place of its private half; what it signed stays verifiable."""
    await connection.execute(
        """update consentry.receipt_keys
           set retired_at = coalesce(retired_at, consentry.now()), sealed_key = $3, sealed_under = $4
           where institution_id = $1 and kid = $2""",
        institution_id,
        kid,
        *instead,
    )
