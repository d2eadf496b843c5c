"""Make a link for a house's first admin, for an operator."""

from consentry.domain.actor import Actor
from consentry.domain.refusal.institution import UnknownInstitution
from consentry.domain.staff import House
from consentry.store import houses, institutions
from consentry.store.houses import FoundHouse
from consentry.usecases.services import Services
from consentry.usecases.staff.setup_links import MadeSetupLink, make_setup_link


async def operators_house(services: Services, public_id: str) -> FoundHouse:
    """Give the institution or the partner with this public id.

    Raises:
        UnknownInstitution: there is none.
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin() as connection:
        found = await houses.named(connection, public_id)
        if found is None:
            raise UnknownInstitution("There is no institution and no partner with this id.")
        await institutions.show(connection, found[0])
        (house,) = await institutions.visible(connection)
    return FoundHouse(
        institution_id=found[0], public_id=house.public_id, name=house.name, host=house.host, kind=House(found[1])
    )


async def first_admin(services: Services, institution_id: int, *, email: str, actor: Actor) -> MadeSetupLink:
    """Make a link that opens the set-up of a house's sign-in, for an admin with this e-mail address.

    Raises:
        InvalidSettings: `email`; it is none.
        ProviderInForce: the house's staff can sign in already.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with services.session.begin(institution_id) as connection:
        return await make_setup_link(services, connection, institution_id, email=email, actor=actor)
