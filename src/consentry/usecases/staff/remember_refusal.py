"""Remember that a member of staff was refused something, although nothing was changed."""

from collections.abc import Mapping

from consentry.domain.actor import Actor
from consentry.store import audit
from consentry.usecases.services import Services


async def remember_refusal(
    services: Services, institution_id: int, *, action: str, why: str, page: str, about: Mapping[str, str], actor: Actor
) -> None:
    """Write a refusal into the audit of the house, in a transaction of its own.

    `why` is its code or status, `page` the path as all have it, and `about` the ids in it, by what they are of.

    Raises:
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with services.session.begin(institution_id) as connection:
        await audit.record(
            connection,
            institution_id,
            action=action,
            outcome="refused",
            actor=actor,
            subject=("page", page),
            after={"refusal": why, **about},
        )
