"""Events: the outbox of what others are to be told, written in the transaction of what it tells of."""

from collections.abc import Mapping

import msgspec

from consentry.store.session import Connection


async def record(connection: Connection, institution_id: int, *, kind: str, detail: Mapping[str, object]) -> None:
    """Write one event that concerns the institution as a whole; events of consents are written with their change."""
    await connection.execute(
        """insert into consentry.events (institution_id, event_id, at, kind, detail)
           values ($1, consentry.time_ordered_id(consentry.now()), consentry.now(), $2, $3)""",
        institution_id,
        kind,
        msgspec.json.encode(dict(detail)).decode(),
    )
