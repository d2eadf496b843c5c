"""Find the institutions that a channel partner looks after."""

from consentry.domain.institution import Institution
from consentry.store import houses, institutions
from consentry.usecases.services import Services


async def institutions_of_partner(services: Services, partner_id: int) -> list[Institution]:
    """Give the institutions of a partner in the order of their making.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(snapshot=True) as connection:
        ids = await houses.institutions_of(connection, partner_id)
        if not ids:
            return []
        await institutions.show(connection, *ids)
        return await institutions.visible(connection)
