"""Change what is set for an intermediary."""

from consentry.domain.actor import Actor
from consentry.domain.intermediary import TypedSettings
from consentry.domain.refusal.institution import ChangedMeanwhile
from consentry.domain.refusal.request import NotFound
from consentry.store import audit, intermediaries
from consentry.usecases.intermediary.settings_of import Addresses, checked_settings, facts_of
from consentry.usecases.services import Services


async def change_intermediary(
    services: Services,
    institution_id: int,
    intermediary_id: str,
    typed: TypedSettings,
    *,
    version: int,
    addresses: Addresses,
    actor: Actor,
) -> None:
    """Set what was typed, for the `version` that somebody saw; what is already so leaves no trace.

    Raises:
        InvalidSettings: something can't be used; it has a sentence for each field.
        NotFound: the institution has no such intermediary.
        ChangedMeanwhile: it was changed since.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    settings = checked_settings(typed, addresses)
    async with services.session.begin(institution_id) as connection:
        before = await intermediaries.find(connection, institution_id, intermediary_id)
        if before is None:
            raise NotFound
        if before.version != version:
            raise ChangedMeanwhile
        if before.settings == settings:
            return
        if not await intermediaries.change(connection, institution_id, intermediary_id, settings, version=version):
            raise ChangedMeanwhile
        facts = facts_of(settings)
        if before.settings.contacts != settings.contacts:
            facts["contacts_changed"] = True
        await audit.record(
            connection,
            institution_id,
            action="intermediary.changed",
            actor=actor,
            subject=("intermediary", intermediary_id),
            before=facts_of(before.settings),
            after=facts,
        )
