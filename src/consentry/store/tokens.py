"""Tokens of the Consent Management API: issued by group commit, revoked and spent by conditional updates."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from consentry.domain.refusal import Refusal
from consentry.domain.refusal.request import InvalidClient
from consentry.domain.token import TOKEN_LIFETIME, StoredToken
from consentry.store.batches import Gatherer
from consentry.store.session import Connection, Session

KEPT: Final = timedelta(days=30)
_STORED = "institution_id, jti, number, customer_id, issued_at, expires_at, spent_at, revoked_at"


class TokenOrder(msgspec.Struct, frozen=True):
    """A request for a token: the client, the MACs of its secret under each live pepper, and what to record."""

    client_id: str
    macs: tuple[bytes, ...]
    host: str | None
    customer_id: str
    source: str | None
    request_id: str | None


class IssuedToken(msgspec.Struct, frozen=True):
    """A token that is committed: what is to be signed, under which key, and which secret asked for it."""

    institution_id: int
    public_id: str
    credential: str
    secret_number: int
    pepper_id: str
    use_to_mark: bool
    kid: str
    jti: UUID
    issued_at: datetime
    expires_at: datetime


class TokenIssuer:
    """Issues tokens, many with one statement; a token is committed before it is given out."""

    def __init__(self, session: Session, *, slots: int) -> None:
        self._session = session
        self._orders: Gatherer[TokenOrder, IssuedToken] = Gatherer(self._issue, slots=slots)

    async def issue(self, order: TokenOrder) -> IssuedToken:
        """Write a token for a live secret of an enabled institution.

        Raises:
            InvalidClient: unknown client, wrong or dead secret, disabled institution or another institution's host, all
                alike. TemporarilyUnavailable: the store can't be reached or can't write.
        """
        return await self._orders.submit(order)

    async def _issue(self, orders: Sequence[TokenOrder]) -> Sequence[IssuedToken | Refusal]:
        tries = [(number, order, mac) for number, order in enumerate(orders) for mac in order.macs]
        async with self._session.connection() as connection:
            rows = await connection.fetch(
                "select * from consentry.issue_tokens($1, $2, $3, $4, $5, $6, $7, $8)",
                [number for number, _, _ in tries],
                [order.client_id for _, order, _ in tries],
                [order.host for _, order, _ in tries],
                [mac for _, _, mac in tries],
                [order.customer_id for _, order, _ in tries],
                [order.source for _, order, _ in tries],
                [order.request_id for _, order, _ in tries],
                TOKEN_LIFETIME,
            )
        issued: list[IssuedToken | Refusal | None] = [None] * len(orders)
        for row in rows:
            issued[row[0]] = IssuedToken(*tuple(row)[1:])
        return [result or InvalidClient() for result in issued]


async def find(connection: Connection, jti: UUID) -> StoredToken | None:
    """Give a token of the transaction's institution while its row is kept."""
    row = await connection.fetchrow(
        f"select {_STORED} from consentry.tokens where jti = $1 and issued_at > consentry.now() - $2::interval",
        jti,
        KEPT,
    )
    return None if row is None else _stored(row)


async def add(
    connection: Connection,
    institution_id: int,
    *,
    customer_id: str,
    client_id: str,
    source: str | None,
    request_id: str | None,
) -> StoredToken:
    """Write a token that no secret asked for; its secret's number is 0."""
    row = await connection.fetchrow(
        f"""insert into consentry.tokens (institution_id, jti, customer_id, client_id, secret_number,
                                          issued_at, expires_at, source, request_id)
            values ($1, consentry.time_ordered_id(consentry.now()), $2, $3, 0,
                    consentry.now(), date_trunc('second', consentry.now()) + $4::interval, $5, $6)
            returning {_STORED}""",
        institution_id,
        customer_id,
        client_id,
        TOKEN_LIFETIME,
        source,
        request_id,
    )
    if row is None:
        raise AssertionError
    return _stored(row)


async def lock(connection: Connection, jti: UUID) -> None:
    """Prepare to end a token: whoever relies on it or ends it at this moment finishes first, later ones wait."""
    await connection.execute("select consentry.end_token($1)", jti)


async def revoke(connection: Connection, jti: UUID) -> StoredToken | None:
    """End a locked token for everything; give its row, with the first time it was revoked, or None if it is unknown."""
    row = await connection.fetchrow(
        f"""update consentry.tokens set revoked_at = coalesce(revoked_at, consentry.now())
            where jti = $1 and issued_at > consentry.now() - $2::interval returning {_STORED}""",
        jti,
        KEPT,
    )
    return None if row is None else _stored(row)


def _stored(row: asyncpg.Record) -> StoredToken:
    return StoredToken(*row)
