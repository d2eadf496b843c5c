"""Add a channel partner."""

from consentry.domain.actor import Actor
from consentry.domain.institution import Institution, check_host, check_new_institution
from consentry.store import audit, houses, institutions
from consentry.usecases.services import Services


async def add_partner(
    services: Services, *, public_id: str, name: str, host: str | None = None, actor: Actor
) -> Institution:
    """Add a partner that looks after no institution yet; it needs a first admin next.

    Raises:
        InvalidInstitution: the id, the name or the host is malformed.
        InstitutionExists: the id, in whatever case, or the host is taken, by a partner or an institution.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    check_new_institution(public_id, name)
    checked = None if host is None else check_host(host)
    async with services.session.begin() as connection:
        await houses.check_is_free(connection, public_id)
        partner_id = await houses.add_partner(connection, public_id=public_id, name=name, host=checked)
        await institutions.show(connection, partner_id)
        await audit.record(
            connection,
            partner_id,
            action="partner.added",
            actor=actor,
            subject=("partner", public_id),
            after={"name": name, "host": checked},
        )
        (added,) = await institutions.visible(connection)
    return added
