"""What an export reads: an institution's parties, then its customers in the order of their ids, some at a time."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg
import msgspec

from consentry.domain.account import Account
from consentry.domain.consent import Consent
from consentry.store.accounts import read_accounts
from consentry.store.session import Connection

_AT_ONCE: Final = 500
_CONSENT: Final = """
c.customer_id, c.consent_id, c.application_id, a.name as application_name, a.icon_url, m.name as intermediary_name,
c.created_at, c.consented_on, c.expires_at, c.paused_at, c.revoked_at, c.revoked_by, c.revocation_reason, c.auto_share,
c.shared_accounts, c.data_clusters::text, c.last_accessed, c.read_only, c.version
"""


_ids_of: Final = msgspec.json.Decoder(frozenset[str]).decode
_clusters_of: Final = msgspec.json.Decoder(tuple[str, ...]).decode


@dataclass(frozen=True, slots=True)
class StoredIntermediary:
    """An intermediary; `settings` is JSON: what the institution sets for it."""

    intermediary_id: str
    name: str
    settings: str


@dataclass(frozen=True, slots=True)
class StoredApplication:
    """An application."""

    application_id: str
    name: str
    icon_url: str | None
    purpose: str | None
    intermediary_id: str | None
    status: str
    category: str | None
    website: str | None


@dataclass(frozen=True, slots=True)
class StoredCustomer:
    """A customer with their accounts in the bank's order and their consents, the oldest first."""

    customer_id: str
    accounts: tuple[Account, ...]
    consents: tuple[Consent, ...]


async def allow_time(connection: Connection) -> None:
    """Let the transaction wait for a slow reader of the export."""
    await connection.execute(
        """select set_config('statement_timeout', '0', true),
                  set_config('idle_in_transaction_session_timeout', '0', true)"""
    )


async def intermediaries(connection: Connection, institution_id: int) -> list[StoredIntermediary]:
    """Give the institution's intermediaries."""
    rows = await connection.fetch(
        """select intermediary_id, name, consentry.settings_of(i)::text from consentry.intermediaries i
           where institution_id = $1 order by intermediary_id""",
        institution_id,
    )
    return [StoredIntermediary(*row) for row in rows]


async def applications(connection: Connection, institution_id: int) -> list[StoredApplication]:
    """Give the institution's applications."""
    rows = await connection.fetch(
        """select application_id, name, icon_url, purpose, intermediary_id, status, category, website
           from consentry.applications where institution_id = $1 order by application_id""",
        institution_id,
    )
    return [StoredApplication(*row) for row in rows]


async def customers(connection: Connection, institution_id: int) -> AsyncIterator[StoredCustomer]:
    """Give the institution's customers with everything of theirs, in the order of their ids."""
    last = ""
    while True:
        rows = await connection.fetch(
            """select customer_id, accounts from consentry.customers
               where institution_id = $1 and customer_id > $2 order by customer_id limit $3""",
            institution_id,
            last,
            _AT_ONCE,
        )
        if not rows:
            return
        last = rows[-1][0]
        consents = await _consents(connection, institution_id, [row[0] for row in rows])
        for customer_id, accounts in rows:
            yield StoredCustomer(
                customer_id=customer_id,
                accounts=read_accounts(accounts),
                consents=tuple(consents.get(customer_id, ())),
            )


async def _consents(
    connection: Connection, institution_id: int, customer_ids: Sequence[str]
) -> dict[str, list[Consent]]:
    rows = await connection.fetch(
        f"""select {_CONSENT}
            from consentry.consents c
            join consentry.applications a on a.institution_id = c.institution_id and a.application_id = c.application_id
            left join consentry.intermediaries m
              on m.institution_id = a.institution_id and m.intermediary_id = a.intermediary_id
            where c.institution_id = $1 and c.customer_id = any($2)
            order by c.customer_id, c.consented_on, c.consent_id""",
        institution_id,
        customer_ids,
    )
    found: dict[str, list[Consent]] = {}
    for row in rows:
        found.setdefault(row["customer_id"], []).append(_consent(row))
    return found


def _consent(row: asyncpg.Record) -> Consent:
    return Consent(
        consent_id=row["consent_id"],
        application_id=row["application_id"],
        application_name=row["application_name"],
        application_icon_url=row["icon_url"],
        intermediary_name=row["intermediary_name"],
        created_at=row["created_at"],
        consented_on=row["consented_on"],
        expires_at=row["expires_at"],
        paused_at=row["paused_at"],
        revoked_at=row["revoked_at"],
        revoked_by=row["revoked_by"],
        revocation_reason=row["revocation_reason"],
        auto_share=row["auto_share"],
        shared_accounts=_ids_of(row["shared_accounts"]),
        data_clusters=_clusters_of(row["data_clusters"]),
        last_accessed=row["last_accessed"],
        read_only=row["read_only"],
        version=row["version"],
    )
