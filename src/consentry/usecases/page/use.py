"""Use a page: its secret says which it is, the store whether it lives, and it lives on from there."""

from dataclasses import dataclass

from consentry.domain.credential import PAGE_PREFIX, is_secret, page_mac_of
from consentry.domain.page import Page
from consentry.domain.refusal.dashboard import PageEnded
from consentry.store import pages
from consentry.store.consents import Subject
from consentry.usecases.page.open import Visit
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class UsedPage:
    """A living page, and whom it speaks for; what it does is checked once more, with what it does."""

    page: Page
    subject: Subject


async def use_page(services: Services, secret: str, visit: Visit) -> UsedPage:
    """Find the page of a secret; its ten minutes begin anew.

    Raises:
        PageEnded: there is none, or it has ended: by its time, by *Done*, with its token, with the institution.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    if not is_secret(secret, prefix=PAGE_PREFIX):
        raise PageEnded
    macs = tuple(page_mac_of(secret, pepper) for pepper in services.keyring.peppers.values())
    async with services.session.connection() as connection:
        found = await pages.use(connection, macs, host=visit.host)
    if found is None:
        raise PageEnded
    page = found.page
    if not found.is_live:
        raise PageEnded(page.institution_id)
    return UsedPage(page=page, subject=Subject(page.institution_id, visit.host, page.page_id, page.customer_id))
