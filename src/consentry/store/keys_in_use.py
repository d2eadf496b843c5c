"""Which of the installation's keys the database relies on: by id, never the keys themselves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consentry.store import houses, institutions
from consentry.store.session import Connection

_SEALED: Final = (
    "consentry.signing_keys",
    "consentry.installation_keys",
    "consentry.customer_providers",
    "consentry.receipt_keys",
    "consentry.staff_providers",
)
"""The tables of what is stored encrypted; each says in `sealed_under` by which key."""
_HASHED: Final = {
    "consentry.credential_secrets": "expires_at is null or expires_at > consentry.now()",
    "consentry.staff_sessions": "ended_at is null and expires_at > consentry.now()",
    "consentry.registration_tokens": "expires_at is null or expires_at > consentry.now()",
    "consentry.staff_setup_links": "used_at is null and expires_at > consentry.now()",
}
"""The tables of what is stored hashed, with what is true of a live row; each says in `pepper_id` by which pepper."""


@dataclass(frozen=True, slots=True)
class KeysInUse:
    """How many live secrets each pepper id stands for, and how many stored keys each key-encryption key's id."""

    peppers: Mapping[str, int]
    encryption_keys: Mapping[str, int]

    def missing_from(self, *, peppers: Mapping[str, bytes], encryption_keys: Mapping[str, bytes]) -> list[str]:
        """Give the ids in use that are not among these keys."""
        return sorted((self.peppers.keys() - peppers.keys()) | (self.encryption_keys.keys() - encryption_keys.keys()))


async def keys_in_use(connection: Connection) -> KeysInUse:
    """Count in all institutions; to be called in a transaction, which sees all of them afterwards."""
    # A backup may be made of a database that is still to be migrated.
    has_houses = await connection.fetchval("select to_regproc('consentry.house_ids') is not null")
    await institutions.show(connection, *await (houses if has_houses else institutions).all_ids(connection))
    hashed = " union all ".join(
        f"select pepper_id from {table} where {_HASHED[table]}" for table in await _existing(connection, _HASHED)
    )
    secrets = await connection.fetch(
        f"select pepper_id, count(*) from ({hashed}) as hashed where pepper_id is not null group by pepper_id"
    )
    sealed = " union all ".join(f"select sealed_under from {table}" for table in await _existing(connection, _SEALED))
    keys = await connection.fetch(
        f"select sealed_under, count(*) from ({sealed}) as sealed where sealed_under is not null group by sealed_under"
    )
    return KeysInUse(peppers={row[0]: row[1] for row in secrets}, encryption_keys={row[0]: row[1] for row in keys})


async def _existing(connection: Connection, tables: Iterable[str]) -> list[str]:
    found: list[str] = await connection.fetchval(
        "select array(select t from unnest($1::text[]) as t where to_regclass(t) is not null)", list(tables)
    )
    return found


@dataclass(frozen=True, slots=True)
class SecretUnder:
    """A live secret, whose it is (the public id), and the pepper that it is stored under."""

    institution: str
    display: str
    pepper_id: str
    last_used_at: datetime | None


async def secrets_under_others(connection: Connection, pepper_id: str) -> list[SecretUnder]:
    """Give the live secrets, of the institutions that the transaction sees, that are stored under other peppers."""
    rows = await connection.fetch(
        """select i.public_id, s.display, s.pepper_id, s.last_used_at
           from (select institution_id, number, display, pepper_id, expires_at, last_used_at
                 from consentry.credential_secrets
                 union all
                 select institution_id, number, display, pepper_id, expires_at, null
                 from consentry.registration_tokens) s
           join consentry.institutions i using (institution_id)
           where s.pepper_id <> $1 and (s.expires_at is null or s.expires_at > consentry.now())
           order by i.public_id, s.display, s.number""",
        pepper_id,
    )
    return [SecretUnder(*row) for row in rows]


async def staff_secrets_under_others(connection: Connection, pepper_id: str) -> int:
    """Count the sessions and set-up links of staff, of the houses in sight, that live under other peppers."""
    counted: int = await connection.fetchval(
        f"""select (select count(*) from consentry.staff_sessions
                    where pepper_id <> $1 and {_HASHED["consentry.staff_sessions"]})
                 + (select count(*) from consentry.staff_setup_links
                    where pepper_id <> $1 and {_HASHED["consentry.staff_setup_links"]})""",
        pepper_id,
    )
    return counted
