"""Show how an institution's pages look."""

from consentry.domain.institution import is_public_id
from consentry.domain.refusal.institution import UnknownInstitution
from consentry.store import branding, institutions
from consentry.store.branding import Look, StoredBranding
from consentry.usecases.services import Services


async def get_look(services: Services, institution_id: int) -> Look:
    """Give what every page of an institution shows of it, and which origins may frame the dashboard.

    Raises:
        UnknownInstitution: there is none with this internal id.
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.connection() as connection:
        found = await branding.look(connection, institution_id)
    if found is None:
        raise UnknownInstitution
    return found


async def find_look(services: Services, *, public_id: str, host: str | None) -> Look:
    """Give the look of the institution with this public id, or of the one that the host belongs to.

    Raises:
        UnknownInstitution: neither names one.
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.connection() as connection:
        owner = await institutions.owner_of_host(connection, host) if host else None
        named = await institutions.id_of(connection, public_id) if is_public_id(public_id) else None
        institution_id = named if public_id else owner
        # An institution's own host shows nothing of another one.
        if institution_id is None or (owner is not None and owner != institution_id):
            raise UnknownInstitution
        found = await branding.look(connection, institution_id)
    if found is None:
        raise UnknownInstitution
    return found


async def get_branding(services: Services, institution_id: int) -> StoredBranding:
    """Give everything that an institution has chosen, its pictures with it.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(institution_id) as connection:
        return await branding.get(connection)
