"""Everything that staff sees of one customer at one moment; that they look was recorded when they began to.

That it leaves as a file is recorded here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from consentry.domain.actor import ActorKind
from consentry.domain.consent import CustomerConsents
from consentry.domain.customer import Block
from consentry.domain.refusal.request import NotFound
from consentry.store import applications, blocks, consents, customers, looks
from consentry.store.looks import CustomerEntry
from consentry.usecases.audit.download import Download, record_download
from consentry.usecases.services import Services
from consentry.usecases.staff.names import staff_names

_MOST_ENTRIES: Final = 20


@dataclass(frozen=True, slots=True)
class CustomerFile:
    """A customer's consents and accounts, the block if there is one, and what was done with all this lately.

    `held` are the ids of the apps with a live consent that the bank does not let in at present; `names` are those of
    members of staff, by their ids.
    """

    customer: CustomerConsents
    held: frozenset[str]
    block: Block | None
    entries: tuple[CustomerEntry, ...]
    names: Mapping[str, str]


async def get_customer(
    services: Services, institution_id: int, customer_id: str, *, download: Download | None = None
) -> CustomerFile:
    """Give what staff sees of a customer.

    Raises:
        NotFound: the institution keeps nothing of such a customer.
        TemporarilyUnavailable: the store can't be reached, or can't write what a `download` leaves in the audit.
    """
    async with services.session.begin(institution_id) as connection:
        if not await customers.exists(connection, institution_id, customer_id):
            raise NotFound
        found = await consents.of_customer(connection, institution_id, customer_id)
        apps = {consent.application_id for consent in found.consents if not consent.has_ended(found.moment)}
        held = await applications.without_access(connection, institution_id, sorted(apps))
        block = await blocks.of(connection, institution_id, customer_id)
        entries = await looks.told_of(connection, institution_id, customer_id, most=_MOST_ENTRIES)
        actors = [(entry.actor_kind, entry.actor_id) for entry in entries]
        if block is not None:
            actors.append((ActorKind.STAFF.value, block.blocked_by))
        names = await staff_names(connection, institution_id, actors)
        await record_download(connection, institution_id, download, rows=len(found.consents))
    return CustomerFile(customer=found, held=held, block=block, entries=tuple(entries), names=names)
