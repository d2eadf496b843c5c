"""Disputes: that a customer does not recognise a consent, recorded once, with its audit entry and its event.

Whether the consent is ended as well is decided elsewhere, in the same transaction.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from consentry.domain.actor import Actor
from consentry.domain.consent import ConsentStatus
from consentry.store.session import Connection


class Dispute(msgspec.Struct, frozen=True):
    """A consent that its customer does not recognise, what it is after that, and who says so."""

    institution_id: int
    customer_id: str
    consent_id: str
    application_id: str
    at: datetime
    status: ConsentStatus
    actor: Actor


async def record(connection: Connection, disputes: Sequence[Dispute]) -> None:
    """Record disputes of consents that the transaction has locked; what is disputed already is left as it is."""
    await connection.execute(
        "select consentry.record_disputes($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        [dispute.institution_id for dispute in disputes],
        [dispute.consent_id for dispute in disputes],
        [dispute.customer_id for dispute in disputes],
        [dispute.application_id for dispute in disputes],
        [dispute.at for dispute in disputes],
        [dispute.status.value for dispute in disputes],
        [dispute.actor.kind.value for dispute in disputes],
        [dispute.actor.actor_id for dispute in disputes],
        [dispute.actor.source for dispute in disputes],
        [dispute.actor.request_id for dispute in disputes],
    )
