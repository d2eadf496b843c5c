"""End a page: the customer is done."""

from typing import Final

from consentry.domain.actor import Actor, ActorKind
from consentry.domain.page import Page
from consentry.store import audit, pages
from consentry.usecases.page.open import Visit
from consentry.usecases.services import Services

DONE: Final = "done"


async def end_page(services: Services, page: Page, visit: Visit) -> None:
    """End a page for good; whatever it does at this moment finishes first, nothing more commits afterwards.

    Raises:
        TemporarilyUnavailable: the store can't be reached or can't write; the page may live on.
    """
    actor = Actor(ActorKind.CUSTOMER, page.customer_id, visit.source, visit.request_id)
    async with services.session.begin(page.institution_id) as connection:
        await pages.lock(connection, page.page_id)
        if await pages.end(connection, page.page_id, ended_by=DONE):
            await audit.record(
                connection,
                page.institution_id,
                action="page.ended",
                actor=actor,
                subject=("page", str(page.page_id)),
                after={"by": DONE},
            )
