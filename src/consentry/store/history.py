"""The recorded changes of a consent, and its dispute: read, never changed."""

from datetime import datetime
from typing import Final

import msgspec

from consentry.domain.history import HistoryKind, RecordedChange
from consentry.store.session import Connection


class _Detail(msgspec.Struct, frozen=True):
    account_id: str | None = None
    reason: str | None = None
    reason_text: str | None = None
    decided_at: datetime | None = None


_detail_of: Final = msgspec.json.Decoder(_Detail).decode


async def changes(connection: Connection, institution_id: int, consent_id: str) -> list[RecordedChange]:
    """Give what was recorded of a consent, in the order of its versions, its dispute last."""
    rows = await connection.fetch(
        """select version, at, kind, actor_kind, actor_id, request_id, detail::text
           from consentry.consent_changes where institution_id = $1 and consent_id = $2
           union all
           select null, at, $3, actor_kind, actor_id, request_id, '{}'
           from consentry.disputes where institution_id = $1 and consent_id = $2
           order by version nulls last""",
        institution_id,
        consent_id,
        HistoryKind.DISPUTED.value,
    )
    found = []
    for version, at, kind, actor_kind, actor_id, request_id, detail in rows:
        about = _detail_of(detail)
        found.append(
            RecordedChange(
                version=version,
                at=at,
                kind=kind,
                actor_kind=actor_kind,
                actor_id=actor_id,
                request_id=request_id,
                account_id=about.account_id,
                reason=about.reason,
                reason_text=about.reason_text,
                decided_at=about.decided_at,
            )
        )
    return found
