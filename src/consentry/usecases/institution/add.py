"""Add an institution, with its first signing key."""

from consentry.domain.actor import Actor
from consentry.domain.institution import Institution, check_host, check_new_institution
from consentry.store import audit, houses, institutions
from consentry.store.session import Connection
from consentry.usecases.services import Services
from consentry.usecases.token.change_signing_key import change_signing_key


async def add_institution(
    services: Services, *, public_id: str, name: str, host: str | None = None, actor: Actor
) -> Institution:
    """Add an institution that may issue tokens as soon as it has credentials.

    Raises:
        InvalidInstitution: the id, the name or the host is malformed.
        InstitutionExists: the id, in whatever case, or the host is taken.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with services.session.begin() as connection:
        return await create_institution(services, connection, public_id=public_id, name=name, host=host, actor=actor)


async def create_institution(
    services: Services, connection: Connection, *, public_id: str, name: str, host: str | None, actor: Actor
) -> Institution:
    """Add an institution in the caller's transaction, which sees it alone afterwards.

    Raises:
        InvalidInstitution: the id, the name or the host is malformed.
        InstitutionExists: the id, in whatever case, or the host is taken.
    """
    check_new_institution(public_id, name)
    await houses.check_is_free(connection, public_id)
    institution_id = await institutions.add(
        connection, public_id=public_id, name=name, host=None if host is None else check_host(host)
    )
    await institutions.show(connection, institution_id)
    await change_signing_key(services, connection, institution_id)
    await audit.record(
        connection,
        institution_id,
        action="institution.added",
        actor=actor,
        subject=("institution", public_id),
        after={"name": name, "host": host},
    )
    (added,) = await institutions.visible(connection)
    return added
