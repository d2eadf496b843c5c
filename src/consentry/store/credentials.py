"""Credentials and what is stored of their secrets."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from consentry.domain.credential import Credentials, Rotation, Secret
from consentry.store.batches import Gatherer
from consentry.store.session import Connection, Session

_STORED: Final = "number, mac, pepper_id, display, created_at, expires_at, first_used_at, last_used_at, replaces_unused"


async def add(connection: Connection, credentials: Credentials) -> bool:
    """Store a new set of credentials; give False if the institution has one of that name already."""
    added = await connection.fetchval(
        """insert into consentry.credentials (institution_id, name, client_id, created_at) values ($1, $2, $3, $4)
           on conflict (institution_id, name) do nothing returning true""",
        credentials.institution_id,
        credentials.name,
        credentials.client_id,
        credentials.created_at,
    )
    if added:
        for secret in credentials.secrets:
            await _add_secret(connection, credentials, secret)
    return bool(added)


async def lock(connection: Connection, institution_id: int, name: str) -> Credentials | None:
    """Read a set of credentials to change it: nothing relies on its secrets until the transaction ends."""
    await connection.execute("select consentry.end_secrets_of($1)", institution_id)
    return await find(connection, institution_id, name)


async def find(connection: Connection, institution_id: int, name: str) -> Credentials | None:
    """Read a set of credentials with all its secrets, newest first."""
    row = await connection.fetchrow(
        "select client_id, created_at from consentry.credentials where institution_id = $1 and name = $2",
        institution_id,
        name,
    )
    if row is None:
        return None
    secrets = await connection.fetch(
        f"""select {_STORED} from consentry.credential_secrets
            where institution_id = $1 and name = $2 order by number desc""",
        institution_id,
        name,
    )
    return Credentials(
        institution_id=institution_id,
        name=name,
        client_id=row["client_id"],
        created_at=row["created_at"],
        secrets=tuple(_secret(secret) for secret in secrets),
    )


async def institution_of_client(connection: Connection, client_id: str, host: str | None) -> int | None:
    """Find whose credentials a client id names, unless the request was sent to another institution's host."""
    found: int | None = await connection.fetchval(
        """select id from unnest(consentry.institutions_of_clients(array[$1])) as id
           where coalesce((consentry.owners_of_hosts(array[$2]))[1], id) = id""",
        client_id,
        host,
    )
    return found


async def matching_secret(
    connection: Connection, *, client_id: str, macs: Sequence[bytes]
) -> tuple[str, Secret] | None:
    """Find the live secret of an enabled institution by its keyed hash; give its credentials' name with it."""
    row = await connection.fetchrow(
        f"""select s.name, {", ".join(f"s.{column}" for column in _STORED.split(", "))}
            from consentry.credentials c
            join consentry.institutions i on i.institution_id = c.institution_id and i.status = 'enabled'
            join consentry.credential_secrets s on s.institution_id = c.institution_id and s.name = c.name
            where c.client_id = $1 and s.mac = any ($2) and (s.expires_at is null or s.expires_at > consentry.now())""",
        client_id,
        macs,
    )
    return None if row is None else (row["name"], _secret(row))


async def write_rotation(connection: Connection, credentials: Credentials, rotation: Rotation) -> None:
    """Store what a rotation decided."""
    for secret in rotation.ended:
        await connection.execute(
            """update consentry.credential_secrets set expires_at = $4
               where institution_id = $1 and name = $2 and number = $3""",
            credentials.institution_id,
            credentials.name,
            secret.number,
            secret.expires_at,
        )
    await _add_secret(connection, credentials, rotation.new)


async def end_all_secrets(connection: Connection, institution_id: int, name: str) -> int:
    """End every live secret at once; give how many there were."""
    rows = await connection.fetch(
        """update consentry.credential_secrets set expires_at = consentry.now()
           where institution_id = $1 and name = $2 and (expires_at is null or expires_at > consentry.now())
           returning number""",
        institution_id,
        name,
    )
    return len(rows)


async def end_secrets_under(connection: Connection, institution_id: int, pepper_ids: Sequence[str]) -> int:
    """End the live secrets that are stored under some peppers; give how many there were."""
    rows = await connection.fetch(
        """update consentry.credential_secrets set expires_at = consentry.now()
           where institution_id = $1 and pepper_id = any ($2)
             and (expires_at is null or expires_at > consentry.now()) returning number""",
        institution_id,
        pepper_ids,
    )
    return len(rows)


async def mark_used(connection: Connection, institution_id: int, name: str, number: int) -> None:
    """Remember that a secret was used now; kept to the minute, apart from its first use."""
    await connection.execute(
        """update consentry.credential_secrets
           set first_used_at = coalesce(first_used_at, consentry.now()), last_used_at = consentry.now()
           where institution_id = $1 and name = $2 and number = $3
             and (last_used_at is null or last_used_at < consentry.now() - interval '30 seconds')""",
        institution_id,
        name,
        number,
    )


async def store_under_pepper(
    connection: Connection, institution_id: int, name: str, number: int, *, mac: bytes, pepper_id: str
) -> None:
    """Store a secret's keyed hash under another pepper; it was just presented and is right."""
    await connection.execute(
        """update consentry.credential_secrets set mac = $4, pepper_id = $5
           where institution_id = $1 and name = $2 and number = $3 and pepper_id <> $5""",
        institution_id,
        name,
        number,
        mac,
        pepper_id,
    )


async def _add_secret(connection: Connection, credentials: Credentials, secret: Secret) -> None:
    await connection.execute(
        f"""insert into consentry.credential_secrets (institution_id, name, {_STORED})
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        credentials.institution_id,
        credentials.name,
        secret.number,
        secret.mac,
        secret.pepper_id,
        secret.display,
        secret.created_at,
        secret.expires_at,
        secret.first_used_at,
        secret.last_used_at,
        secret.replaces_unused,
    )


def _secret(row: asyncpg.Record) -> Secret:
    return Secret(**{column: row[column] for column in _STORED.split(", ")})


class FailedSignIns:
    """Remembers refused credentials, of known and of unknown clients alike, before they are answered."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._failures: Gatherer[tuple[str, str | None, str | None], bool] = Gatherer(self._record, slots=1)

    async def record(self, *, client_id: str, source: str | None, request_id: str | None) -> None:
        """Write a failed sign-in in a transaction of its own; of the client id at most 64 characters are kept."""
        await self._failures.submit((client_id[:64].replace("\x00", ""), source, request_id))

    async def _record(self, failures: Sequence[tuple[str, str | None, str | None]]) -> Sequence[bool]:
        async with self._session.connection() as connection:
            await connection.execute(
                "select consentry.record_failed_sign_ins($1, $2, $3)",
                [client_id for client_id, _, _ in failures],
                [source for _, source, _ in failures],
                [request_id for _, _, request_id in failures],
            )
        return [True] * len(failures)
