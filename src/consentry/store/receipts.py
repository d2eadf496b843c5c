"""What a receipt says beside the consent itself, read in the transaction that records its making."""

from dataclasses import dataclass
from datetime import datetime

from consentry.store.session import Connection


@dataclass(frozen=True, slots=True)
class StoredFacts:
    """A new receipt's id and moment, whose receipt it is, and what is known of app and dispute."""

    receipt_id: str
    made_at: datetime
    institution: str
    institution_name: str
    purpose: str | None
    disputed_at: datetime | None


async def facts(connection: Connection, institution_id: int, *, consent_id: str, application_id: str) -> StoredFacts:
    """Give a new receipt's id, in the order of time, and what is known around its consent."""
    row = await connection.fetchrow(
        """select consentry.time_ordered_id(consentry.now())::text, consentry.now(), i.public_id, i.name,
                  a.purpose, d.at
           from consentry.institutions i
           left join consentry.applications a on a.institution_id = i.institution_id and a.application_id = $3
           left join consentry.disputes d on d.institution_id = i.institution_id and d.consent_id = $2
           where i.institution_id = $1""",
        institution_id,
        consent_id,
        application_id,
    )
    if row is None:
        raise AssertionError
    return StoredFacts(*row)
