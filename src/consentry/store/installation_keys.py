"""The installation's own signing keys: private halves encrypted, public halves in clear, for whoever verifies."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from consentry.store.session import Connection

CHECKPOINT: Final = "checkpoint"


@dataclass(frozen=True, slots=True)
class SealedInstallationKey:
    """A key as it is stored; `public_key` is a JWK, `sealed_under` names what the private half is encrypted under."""

    kid: str
    public_key: str
    sealed_key: bytes = field(repr=False)
    sealed_under: str


async def current(connection: Connection, purpose: str) -> SealedInstallationKey | None:
    """Give the key that is used for something now."""
    row = await connection.fetchrow(
        """select kid, public_key, sealed_key, sealed_under from consentry.installation_keys
           where purpose = $1 and retired_at is null""",
        purpose,
    )
    return None if row is None else SealedInstallationKey(*row)


async def add(connection: Connection, purpose: str, key: SealedInstallationKey) -> bool:
    """Store a key as the current one; give False, having stored nothing, if there is one already."""
    added = await connection.fetchval(
        """insert into consentry.installation_keys (kid, purpose, public_key, sealed_key, sealed_under)
           values ($1, $2, $3, $4, $5) on conflict (purpose) where retired_at is null do nothing returning true""",
        key.kid,
        purpose,
        key.public_key,
        key.sealed_key,
        key.sealed_under,
    )
    return bool(added)


async def public_keys(connection: Connection, purpose: str) -> dict[str, str]:
    """Give the public halves of all keys that ever had a purpose, JWKs by their id."""
    rows = await connection.fetch(
        "select kid, public_key from consentry.installation_keys where purpose = $1 order by created_at", purpose
    )
    return {row[0]: row[1] for row in rows}


async def sealed_under_others(connection: Connection, encryption_key: str) -> Sequence[SealedInstallationKey]:
    """Lock and give the keys that are not encrypted under a key-encryption key."""
    rows = await connection.fetch(
        """select kid, public_key, sealed_key, sealed_under from consentry.installation_keys
           where sealed_under <> $1 for update""",
        encryption_key,
    )
    return [SealedInstallationKey(*row) for row in rows]


async def reseal(connection: Connection, kid: str, sealed: tuple[bytes, str]) -> None:
    """Store a key's private half as encrypted anew."""
    await connection.execute(
        "update consentry.installation_keys set sealed_key = $2, sealed_under = $3 where kid = $1", kid, *sealed
    )


async def sealed_under(connection: Connection, encryption_keys: Sequence[str]) -> list[str]:
    """Give the ids of the keys that are encrypted under some keys."""
    rows = await connection.fetch(
        "select kid from consentry.installation_keys where sealed_under = any ($1) order by kid", encryption_keys
    )
    return [row[0] for row in rows]


async def abandon(connection: Connection, kid: str, *, instead: tuple[bytes, str]) -> None:
    """Retire a key and store `instead` in the place of its private half."""
    await connection.execute(
        """update consentry.installation_keys
           set retired_at = coalesce(retired_at, consentry.now()), sealed_key = $2, sealed_under = $3
           where kid = $1""",
        kid,
        *instead,
    )
