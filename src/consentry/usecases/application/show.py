"""Show one app, and the log of what was decided about its access."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from consentry.domain.refusal.request import NotFound
from consentry.store import applications
from consentry.store.applications import AppDetails, DecisionRecord
from consentry.usecases.audit.download import Download, record_download
from consentry.usecases.services import Services
from consentry.usecases.staff.names import staff_names


@dataclass(frozen=True, slots=True)
class ShownDecision:
    """A decision, and what its maker is called, if it is a member of the institution's staff."""

    decision: DecisionRecord
    who: str | None


@dataclass(frozen=True, slots=True)
class ShownApp:
    """An app with a page of its log, the newest first; `before` is the decision behind which the next page begins."""

    details: AppDetails
    log: tuple[ShownDecision, ...]
    before: UUID | None
    counted_until: datetime | None


async def show_app(
    services: Services,
    institution_id: int,
    application_id: str,
    *,
    before: UUID | None = None,
    most: int = 20,
    download: Download | None = None,
) -> ShownApp:
    """Give an app of an institution, with at most `most` entries of its log.

    Raises:
        NotFound: the institution has none with this id.
        TemporarilyUnavailable: the store can't be reached, or can't write what a `download` leaves in the audit.
    """
    async with services.session.begin(institution_id) as connection:
        details = await applications.find(connection, institution_id, application_id)
        if details is None:
            raise NotFound
        found = await applications.decisions(connection, institution_id, application_id, before=before, most=most + 1)
        shown = found[:most]
        names = await staff_names(connection, institution_id, ((each.actor_kind, each.actor_id) for each in shown))
        counted_until = await applications.counted_until(connection, institution_id)
        await record_download(connection, institution_id, download, rows=len(shown))
    return ShownApp(
        details=details,
        log=tuple(ShownDecision(each, names.get(each.actor_id or "")) for each in shown),
        before=shown[-1].decision_id if len(found) > most else None,
        counted_until=counted_until,
    )
