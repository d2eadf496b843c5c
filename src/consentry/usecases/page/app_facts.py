"""Tell what is known of an app beside its name, for its screen."""

from consentry.store import pages
from consentry.store.pages import AppFacts
from consentry.usecases.services import Services


async def get_app_facts(services: Services, institution_id: int, application_id: str) -> AppFacts:
    """Give an app's purpose, category and website, as far as they were registered.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(institution_id) as connection:
        return await pages.app_facts(connection, application_id)
