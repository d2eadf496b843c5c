"""Which of the installation's keys the database relies on: by id, never the keys themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consentry.store import institutions
from consentry.store.session import Connection

_SEALED: Final = (
    "consentry.signing_keys",
    "consentry.installation_keys",
    "consentry.customer_providers",
    "consentry.receipt_keys",
)
"""The tables of what is stored encrypted; each says in `sealed_under` by which key."""


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
    await institutions.show(connection, *await institutions.all_ids(connection))
    secrets = await connection.fetch(
        """select pepper_id, count(*) from consentry.credential_secrets
           where expires_at is null or expires_at > consentry.now() group by pepper_id"""
    )
    # A backup may be made of a database that is still to be migrated.
    tables = await connection.fetchval(
        "select array(select t from unnest($1::text[]) as t where to_regclass(t) is not null)", list(_SEALED)
    )
    sealed = " union all ".join(f"select sealed_under from {table}" for table in tables)
    keys = await connection.fetch(
        f"select sealed_under, count(*) from ({sealed}) as sealed where sealed_under is not null group by sealed_under"
    )
    return KeysInUse(peppers={row[0]: row[1] for row in secrets}, encryption_keys={row[0]: row[1] for row in keys})


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
        """select i.public_id, s.display, s.pepper_id, s.last_used_at from consentry.credential_secrets s
           join consentry.institutions i using (institution_id)
           where s.pepper_id <> $1 and (s.expires_at is null or s.expires_at > consentry.now())
           order by i.public_id, s.number""",
        pepper_id,
    )
    return [SecretUnder(*row) for row in rows]
