"""The OpenID providers of staff: the one in force, and one that waits until somebody has signed in through it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import asyncpg

from consentry.domain.staff_provider import StaffProvider
from consentry.store.sealed_secret import SealedSecret
from consentry.store.session import Connection

State: TypeAlias = Literal["current", "pending"]
_COLUMNS: Final = (
    "discovery_url, issuer, client_id, sealed_secret is not null as has_secret, version, changed_at, "
    "signs_out, sealed_secret, sealed_under"
)


@dataclass(frozen=True, slots=True)
class StoredProvider:
    """A provider with its sealed secret; None where the key was lost that it was stored under."""

    provider: StaffProvider
    secret: SealedSecret | None


async def find(
    connection: Connection, institution_id: int, state: State, *, hold: bool = False
) -> StoredProvider | None:
    """Give a house's provider; with `hold` nobody changes it until the transaction ends."""
    row = await connection.fetchrow(
        f"""select {_COLUMNS} from consentry.staff_providers
            where institution_id = $1 and state = $2 {"for update" if hold else ""}""",
        institution_id,
        state,
    )
    return None if row is None else _stored(row)


async def write(
    connection: Connection,
    institution_id: int,
    state: State,
    *,
    discovery_url: str,
    issuer: str,
    client_id: str,
    secret: SealedSecret,
    signs_out: bool | None,
) -> int:
    """Store a provider in the place of the one that has this state; give its version."""
    version: int = await connection.fetchval(
        """insert into consentry.staff_providers
               (institution_id, state, discovery_url, issuer, client_id, sealed_secret, sealed_under,
                signs_out, version, changed_at)
           select $1, $2, $3, $4, $5, $6, $7, $8, coalesce(max(version), 0) + 1, consentry.now()
           from consentry.staff_providers where institution_id = $1
           on conflict (institution_id, state) do update
           set discovery_url = excluded.discovery_url, issuer = excluded.issuer, client_id = excluded.client_id,
               sealed_secret = excluded.sealed_secret, sealed_under = excluded.sealed_under,
               signs_out = excluded.signs_out, version = excluded.version, changed_at = excluded.changed_at
           returning version""",
        institution_id,
        state,
        discovery_url,
        issuer,
        client_id,
        secret.sealed,
        secret.under,
        signs_out,
    )
    return version


async def promote(connection: Connection, institution_id: int) -> None:
    """Put the pending provider in force, in the place of the one that was."""
    await delete(connection, institution_id, "current")
    await connection.execute(
        """update consentry.staff_providers set state = 'current', changed_at = consentry.now()
           where institution_id = $1 and state = 'pending'""",
        institution_id,
    )


async def delete(connection: Connection, institution_id: int, state: State) -> bool:
    """Forget a provider; tell whether there was one."""
    deleted = await connection.fetchval(
        "delete from consentry.staff_providers where institution_id = $1 and state = $2 returning true",
        institution_id,
        state,
    )
    return bool(deleted)


async def houses_without(connection: Connection) -> list[str]:
    """Give the public ids of the houses in sight whose staff have no provider with a secret to sign in at."""
    rows = await connection.fetch(
        """select i.public_id from consentry.institutions i
           where not exists (select from consentry.staff_providers p where p.institution_id = i.institution_id
                             and p.state = 'current' and p.sealed_secret is not null)
           order by i.institution_id"""
    )
    return [row[0] for row in rows]


async def secrets_under_others(
    connection: Connection, institution_id: int, encryption_key: str
) -> dict[State, SealedSecret]:
    """Lock and give a house's secrets, by state, that other keys encrypt."""
    rows = await connection.fetch(
        """select state, sealed_secret, sealed_under from consentry.staff_providers
           where institution_id = $1 and sealed_under <> $2 for update""",
        institution_id,
        encryption_key,
    )
    return {row[0]: SealedSecret(row[1], row[2]) for row in rows}


async def reseal(connection: Connection, institution_id: int, state: State, secret: SealedSecret) -> None:
    """Store a secret as encrypted anew."""
    await connection.execute(
        """update consentry.staff_providers set sealed_secret = $3, sealed_under = $4
           where institution_id = $1 and state = $2""",
        institution_id,
        state,
        secret.sealed,
        secret.under,
    )


async def forget_secrets_under(connection: Connection, institution_id: int, encryption_keys: Sequence[str]) -> int:
    """Delete the secrets that are encrypted under some keys; give how many there were."""
    rows = await connection.fetch(
        """update consentry.staff_providers set sealed_secret = null, sealed_under = null
           where institution_id = $1 and sealed_under = any ($2) returning state""",
        institution_id,
        encryption_keys,
    )
    return len(rows)


def _stored(row: asyncpg.Record) -> StoredProvider:
    return StoredProvider(
        provider=StaffProvider(
            discovery_url=row["discovery_url"],
            issuer=row["issuer"],
            client_id=row["client_id"],
            has_secret=row["has_secret"],
            version=row["version"],
            changed_at=row["changed_at"],
            signs_out=row["signs_out"],
        ),
        secret=SealedSecret(row["sealed_secret"], row["sealed_under"]) if row["has_secret"] else None,
    )
