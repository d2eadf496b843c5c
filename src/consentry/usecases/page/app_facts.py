"""Tell what is known of apps beside their names, for the screens of their customers."""

from collections.abc import Collection

from consentry.store import applications, pages
from consentry.store.pages import AppFacts
from consentry.usecases.services import Services


async def get_app_facts(services: Services, institution_id: int, application_id: str) -> AppFacts:
    """Give an app's purpose, category and website, as far as they were registered, and whether it is let in.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(institution_id) as connection:
        return await pages.app_facts(connection, application_id)


async def apps_without_access(
    services: Services, institution_id: int, application_ids: Collection[str]
) -> frozenset[str]:
    """Give which of these apps the bank does not let in at present, themselves or with their intermediary.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    if not application_ids:
        return frozenset()
    async with services.session.begin(institution_id) as connection:
        return await applications.without_access(connection, institution_id, sorted(application_ids))
