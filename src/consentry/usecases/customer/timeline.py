"""One consent with all that happened to it and around it, for staff who look at its customer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from consentry.domain.customer import Block
from consentry.domain.refusal.request import UnknownConsent
from consentry.store import blocks, looks, pages
from consentry.store.looks import CustomerEntry
from consentry.store.pages import AppFacts
from consentry.usecases.consent.history import ConsentHistory, staff_history
from consentry.usecases.services import Services
from consentry.usecases.staff.names import staff_names

_MOST_ENTRIES: Final = 50


@dataclass(frozen=True, slots=True)
class ConsentTimeline:
    """A consent's history as staff knows it, what is known of its app, and what else the audit tells of it.

    `block` is the customer's, if there is one; `names` are those of members of staff, by their ids.
    """

    history: ConsentHistory
    app: AppFacts
    block: Block | None
    entries: tuple[CustomerEntry, ...]
    names: Mapping[str, str]


async def consent_timeline(
    services: Services, institution_id: int, customer_id: str, *, consent_id: str
) -> ConsentTimeline:
    """Give a consent of this customer with its timeline; the history is newest first, and so are the entries.

    Raises:
        UnknownConsent: the customer has no consent with this id.
        TemporarilyUnavailable: the store can't be reached.
    """
    told = await staff_history(services.session, institution_id, consent_id=consent_id)
    if told.found.customer_id != customer_id:
        raise UnknownConsent
    async with services.session.begin(institution_id) as connection:
        app = await pages.app_facts(connection, told.found.consent.application_id)
        block = await blocks.of(connection, institution_id, customer_id)
        entries = await looks.told_of_consent(connection, institution_id, consent_id, most=_MOST_ENTRIES)
        traces = [entry.trace for entry in told.entries if entry.trace is not None]
        actors = [(trace.actor_kind, trace.actor_id) for trace in traces]
        actors += [(entry.actor_kind, entry.actor_id) for entry in entries]
        names = await staff_names(connection, institution_id, actors)
    return ConsentTimeline(history=told, app=app, block=block, entries=tuple(entries), names=names)
