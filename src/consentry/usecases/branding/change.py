"""Change how an institution's pages look."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from consentry.domain.actor import Actor
from consentry.domain.branding import check_image, check_phone, parse_theme
from consentry.domain.refusal.institution import ChangedMeanwhile
from consentry.store import audit, branding, institutions
from consentry.store.branding import Picture, StoredBranding
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class BrandingChange:
    """What is to be different; None leaves it as it is, and an empty text or picture takes it away.

    `theme` holds members of a theme by name: `accent`, `header`, `background` (`#rrggbb`), `radius` (0 to 24), `font`.
    """

    theme: Mapping[str, object] | None = None
    logo: bytes | None = None
    favicon: bytes | None = None
    fraud_phone: str | None = None


async def change_branding(
    services: Services, institution_id: int, change: BrandingChange, *, actor: Actor, version_seen: int | None = None
) -> StoredBranding:
    """Change an institution's looks and give them as they are then; what is already so leaves no trace.

    `version_seen` is that of the looks as they were when somebody decided, None for whoever changes single things.

    Raises:
        ChangedMeanwhile: the looks were changed since.
        InvalidBranding: something can't be used; its sentence says what can.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with services.session.begin(institution_id) as connection:
        await institutions.lock(connection, institution_id)
        before = await branding.get(connection, lock=True)
        if version_seen not in (None, before.version):
            raise ChangedMeanwhile
        after = _changed(before, change)
        if after == before:
            return before
        after = replace(after, version=before.version + 1)
        await branding.put(connection, institution_id, after)
        await audit.record(
            connection,
            institution_id,
            action="branding.changed",
            actor=actor,
            subject=("branding", None),
            before=_facts(before),
            after=_facts(after),
        )
    return after


def _changed(before: StoredBranding, change: BrandingChange) -> StoredBranding:
    return replace(
        before,
        theme=before.theme if change.theme is None else parse_theme({**before.theme.as_stored(), **change.theme}),
        logo=before.logo if change.logo is None else _picture(change.logo),
        favicon=before.favicon if change.favicon is None else _picture(change.favicon),
        fraud_phone=_chosen(before.fraud_phone, change.fraud_phone and check_phone(change.fraud_phone)),
    )


def _picture(content: bytes) -> Picture | None:
    return Picture(content, check_image(content)) if content else None


def _chosen(before: str | None, wanted: str | None) -> str | None:
    return before if wanted is None else wanted or None


def _facts(chosen: StoredBranding) -> dict[str, object]:
    return {
        "theme": chosen.theme.as_stored(),
        "logo_bytes": len(chosen.logo.content) if chosen.logo else 0,
        "favicon_bytes": len(chosen.favicon.content) if chosen.favicon else 0,
        "fraud_phone": chosen.fraud_phone,
    }
