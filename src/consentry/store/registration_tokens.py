"""Registration tokens of intermediaries: what is stored of them, newest first; never the token."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from consentry.domain.registration_token import RegistrationToken
from consentry.store.session import Connection

_COLUMNS: Final = "number, mac, pepper_id, display, created_at, expires_at"


@dataclass(frozen=True, slots=True)
class FoundToken:
    """Whose a live token is, and the pepper that it is stored under."""

    institution_id: int
    intermediary_id: str
    number: int
    pepper_id: str


async def of_intermediary(
    connection: Connection, institution_id: int, intermediary_id: str, *, lock: bool = False
) -> list[RegistrationToken]:
    """Give an intermediary's tokens; with `lock`, nobody else changes them until the transaction ends."""
    if lock:
        await connection.execute(
            """select from consentry.intermediaries where institution_id = $1 and intermediary_id = $2
               for no key update""",
            institution_id,
            intermediary_id,
        )
    rows = await connection.fetch(
        f"""select {_COLUMNS} from consentry.registration_tokens
            where institution_id = $1 and intermediary_id = $2 order by number desc""",
        institution_id,
        intermediary_id,
    )
    return [_token(row) for row in rows]


async def add(connection: Connection, institution_id: int, intermediary_id: str, token: RegistrationToken) -> None:
    """Store a new token."""
    await connection.execute(
        f"""insert into consentry.registration_tokens (institution_id, intermediary_id, {_COLUMNS})
            values ($1, $2, $3, $4, $5, $6, $7, $8)""",
        institution_id,
        intermediary_id,
        token.number,
        token.mac,
        token.pepper_id,
        token.display,
        token.created_at,
        token.expires_at,
    )


async def end(
    connection: Connection, institution_id: int, intermediary_id: str, ends: Sequence[tuple[int, datetime]]
) -> None:
    """Let tokens, by their numbers, end at moments."""
    for number, at in ends:
        await connection.execute(
            """update consentry.registration_tokens set expires_at = $4
               where institution_id = $1 and intermediary_id = $2 and number = $3""",
            institution_id,
            intermediary_id,
            number,
            at,
        )


async def end_under(connection: Connection, institution_id: int, pepper_ids: Sequence[str]) -> int:
    """End the live tokens that are stored under some peppers; give how many there were."""
    rows = await connection.fetch(
        """update consentry.registration_tokens set expires_at = consentry.now()
           where institution_id = $1 and pepper_id = any ($2)
             and (expires_at is null or expires_at > consentry.now()) returning number""",
        institution_id,
        pepper_ids,
    )
    return len(rows)


async def matching(connection: Connection, macs: Sequence[bytes]) -> FoundToken | None:
    """Find a live token of an active intermediary of an enabled institution, by its hash under each pepper."""
    row = await connection.fetchrow(
        """select institution_id, intermediary_id, number, pepper_id
           from consentry.intermediary_of_registration_token($1)""",
        list(macs),
    )
    return None if row is None else FoundToken(*row)


async def store_under_pepper(connection: Connection, found: FoundToken, *, mac: bytes, pepper_id: str) -> None:
    """Store a token's keyed hash under another pepper; it was just presented and is right."""
    await connection.execute(
        """update consentry.registration_tokens set mac = $4, pepper_id = $5
           where institution_id = $1 and intermediary_id = $2 and number = $3 and pepper_id <> $5""",
        found.institution_id,
        found.intermediary_id,
        found.number,
        mac,
        pepper_id,
    )


def _token(row: asyncpg.Record) -> RegistrationToken:
    return RegistrationToken(
        number=row["number"],
        mac=row["mac"],
        pepper_id=row["pepper_id"],
        display=row["display"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
