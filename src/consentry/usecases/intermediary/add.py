"""Add an intermediary by hand."""

from consentry.domain.actor import Actor
from consentry.domain.intermediary import TypedSettings, check_intermediary_id
from consentry.domain.refusal.institution import InvalidSettings
from consentry.store import audit, intermediaries
from consentry.usecases.intermediary.settings_of import Addresses, checked_settings, facts_of
from consentry.usecases.services import Services


async def add_intermediary(
    services: Services,
    institution_id: int,
    intermediary_id: str,
    typed: TypedSettings,
    *,
    addresses: Addresses,
    actor: Actor,
) -> str:
    """Add an intermediary to an institution and give its id.

    Raises:
        InvalidSettings: something can't be used, or the id is taken (`intermediary_id`).
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    problems: dict[str, str] = {}
    try:
        check_intermediary_id(intermediary_id)
    except InvalidSettings as refusal:
        problems = refusal.fields
    try:
        settings = checked_settings(typed, addresses)
    except InvalidSettings as refusal:
        raise InvalidSettings({**problems, **refusal.fields}) from None
    if problems:
        raise InvalidSettings(problems)
    async with services.session.begin(institution_id) as connection:
        if not await intermediaries.add(connection, institution_id, intermediary_id, settings):
            raise InvalidSettings({"intermediary_id": "There is an intermediary with this id already; choose another."})
        await audit.record(
            connection,
            institution_id,
            action="intermediary.added",
            actor=actor,
            subject=("intermediary", intermediary_id),
            after=facts_of(settings),
        )
    return intermediary_id
