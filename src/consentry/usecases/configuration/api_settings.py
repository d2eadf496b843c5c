"""Show and change an institution's settings of its API."""

from dataclasses import dataclass
from datetime import timedelta

from consentry.domain.actor import Actor
from consentry.domain.api_settings import ApiSettings, check_api_settings, host_of
from consentry.domain.institution import Institution
from consentry.domain.refusal.institution import ChangedMeanwhile, InvalidSettings
from consentry.store import api_settings, audit, institutions
from consentry.store.session import Connection
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class ShownSettings:
    """An institution, and its settings."""

    institution: Institution
    settings: ApiSettings


async def show_api_settings(services: Services, institution_id: int) -> ShownSettings:
    """Give an institution's settings.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(institution_id) as connection:
        return await _shown(connection, institution_id)


async def change_api_settings(
    services: Services, institution_id: int, settings: ApiSettings, *, secret_overlap: timedelta, actor: Actor
) -> ShownSettings:
    """Set an institution's public URL, lifetimes and overlap; what is already so leaves no trace.

    `settings.version` is that of the settings as they were when somebody decided.

    Raises:
        InvalidSettings: something is out of bounds, or the URL's host is another institution's.
        ChangedMeanwhile: the settings were changed since.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    wanted = check_api_settings(settings, secret_overlap=secret_overlap)
    async with services.session.begin(institution_id) as connection:
        await institutions.lock(connection, institution_id)
        before = await _shown(connection, institution_id)
        if before.settings.version != wanted.version:
            raise ChangedMeanwhile
        if before.settings == wanted and before.institution.secret_overlap == secret_overlap:
            return before
        if wanted.public_url is not None:
            owner = await institutions.owner_of_host(connection, host_of(wanted.public_url))
            if owner not in (None, institution_id):
                raise InvalidSettings({"public_url": "This host name belongs to another institution; choose another."})
        if await api_settings.write(connection, institution_id, wanted) is None:
            raise ChangedMeanwhile
        await institutions.change(
            connection,
            institution_id,
            name=before.institution.name,
            status=before.institution.status,
            host=before.institution.host,
            secret_overlap=secret_overlap,
        )
        after = await _shown(connection, institution_id)
        await audit.record(
            connection,
            institution_id,
            action="api_settings.changed",
            actor=actor,
            subject=("institution", before.institution.public_id),
            before=_facts(before),
            after=_facts(after),
        )
    return after


async def _shown(connection: Connection, institution_id: int) -> ShownSettings:
    (institution,) = await institutions.visible(connection)
    return ShownSettings(institution=institution, settings=await api_settings.find(connection, institution_id))


def _facts(shown: ShownSettings) -> dict[str, object]:
    return {
        "public_url": shown.settings.public_url,
        "access_token_seconds": int(shown.settings.access_token_lifetime.total_seconds()),
        "refresh_token_seconds": int(shown.settings.refresh_token_lifetime.total_seconds()),
        "secret_overlap_seconds": int(shown.institution.secret_overlap.total_seconds()),
    }
