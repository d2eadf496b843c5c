"""Tell an institution's staff that its requests are refused, and who can change that."""

from dataclasses import dataclass

from consentry.domain.institution import InstitutionStatus
from consentry.store import houses, institutions
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class Standing:
    """That an institution is not enabled; `partner` is the name of the channel partner that looks after it, if any."""

    status: InstitutionStatus
    partner: str | None


async def standing_of(services: Services, institution_id: int) -> Standing | None:
    """Give an institution's standing, None while it is enabled.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(institution_id) as connection:
        status, partner_id = await houses.standing(connection, institution_id)
        if status is InstitutionStatus.ENABLED:
            return None
        if partner_id is None:
            return Standing(status, partner=None)
        await institutions.show(connection, partner_id)
        return Standing(status, partner=await houses.name_of(connection, partner_id))
