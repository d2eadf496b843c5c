"""List the channel partners of an installation, for an operator."""

from dataclasses import dataclass

from consentry.domain.institution import Institution
from consentry.store import houses, institutions
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class ListedPartner:
    """A partner, and the public ids of the institutions that it looks after."""

    partner: Institution
    institutions: tuple[str, ...]


async def list_partners(services: Services) -> list[ListedPartner]:
    """Give all partners in the order of their making.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin() as connection:
        looked_after = await houses.looked_after(connection)
        if not looked_after:
            return []
        await institutions.show(connection, *looked_after, *(found for ids in looked_after.values() for found in ids))
        seen = {house.institution_id: house for house in await institutions.visible(connection)}
    return [
        ListedPartner(seen[partner], tuple(seen[found].public_id for found in ids))
        for partner, ids in looked_after.items()
    ]
