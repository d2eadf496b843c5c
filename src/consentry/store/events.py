"""Events: the outbox of what others are to be told, written in the transaction of what it tells of."""

from collections.abc import Mapping

import msgspec

from consentry.store.session import Connection


async def record(
    connection: Connection,
    institution_id: int,
    *,
    kind: str,
    detail: Mapping[str, object],
    application_id: str | None = None,
) -> None:
    """Write one event that concerns the institution as a whole, or one of its apps.

    Events of consents are written with their change.
    """
    await connection.execute(
        """insert into consentry.events (institution_id, event_id, at, kind, detail, application_id)
           values ($1, consentry.time_ordered_id(consentry.now()), consentry.now(), $2, $3, $4)""",
        institution_id,
        kind,
        msgspec.json.encode(dict(detail)).decode(),
        application_id,
    )
