"""Find the house that somebody wants to come in to."""

from consentry.domain.staff import House
from consentry.store import houses
from consentry.store.houses import FoundHouse
from consentry.usecases.services import Services


async def find_house(services: Services, public_id: str, *, host: str | None, house: House) -> FoundHouse | None:
    """Give the house that the host name belongs to; where it belongs to none, the one with this public id.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.connection() as connection:
        return await houses.find(connection, public_id, host=host, kind=house)
