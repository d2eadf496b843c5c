"""List the institutions of an installation, and whoever else has an audit."""

from consentry.domain.institution import Institution
from consentry.domain.refusal.institution import UnknownInstitution
from consentry.store import houses, institutions
from consentry.usecases.services import Services


async def list_institutions(services: Services) -> list[Institution]:
    """Give all institutions in the order of their making, for an operator."""
    async with services.session.connection() as connection:
        ids = await institutions.all_ids(connection)
    return await _seen(services, ids)


async def list_houses(services: Services) -> list[Institution]:
    """Give all institutions and partners in the order of their making, for an operator."""
    async with services.session.connection() as connection:
        ids = await houses.all_ids(connection)
    return await _seen(services, ids)


async def find_institution(services: Services, public_id: str) -> Institution:
    """Give the institution with this public id.

    Raises:
        UnknownInstitution: there is none.
    """
    async with services.session.connection() as connection:
        institution_id = await institutions.id_of(connection, public_id)
    if institution_id is None:
        raise UnknownInstitution
    async with services.session.begin(institution_id) as connection:
        (found,) = await institutions.visible(connection)
    return found


async def _seen(services: Services, ids: list[int]) -> list[Institution]:
    if not ids:
        return []
    async with services.session.begin(*ids) as connection:
        return await institutions.visible(connection)
