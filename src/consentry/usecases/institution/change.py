"""Change an institution: its name, whether its requests are answered, its host, its overlap."""

from dataclasses import dataclass
from datetime import timedelta

from consentry.domain.actor import Actor
from consentry.domain.institution import (
    Institution,
    InstitutionStatus,
    check_host,
    check_new_institution,
    check_overlap,
)
from consentry.store import audit, institutions
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class InstitutionChange:
    """What is to be different; None leaves it as it is, but for `host`, where `sets_host` says so."""

    name: str | None = None
    status: InstitutionStatus | None = None
    host: str | None = None
    sets_host: bool = False
    secret_overlap: timedelta | None = None


async def change_institution(
    services: Services, institution_id: int, change: InstitutionChange, *, actor: Actor
) -> Institution:
    """Change an institution and give it as it is then; what is already so leaves no trace.

    Whatever relies on the institution at this moment finishes first; once this has returned, nothing more is decided on
    what it was before.

    Raises:
        InvalidInstitution: the name, the host or the overlap can't be used.
        InstitutionExists: the host is taken.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    host = None if change.host is None else check_host(change.host)
    if change.secret_overlap is not None:
        check_overlap(change.secret_overlap)
    async with services.session.begin(institution_id) as connection:
        await institutions.lock(connection, institution_id)
        (before,) = await institutions.visible(connection)
        if change.name is not None:
            check_new_institution(before.public_id, change.name)
        after = await institutions.change(
            connection,
            institution_id,
            name=change.name or before.name,
            status=change.status or before.status,
            host=host if change.sets_host else before.host,
            secret_overlap=before.secret_overlap if change.secret_overlap is None else change.secret_overlap,
        )
        if after != before:
            await audit.record(
                connection,
                institution_id,
                action="institution.changed",
                actor=actor,
                subject=("institution", before.public_id),
                before=_facts(before),
                after=_facts(after),
            )
    return after


def _facts(institution: Institution) -> dict[str, object]:
    return {
        "name": institution.name,
        "status": institution.status.value,
        "host": institution.host,
        "secret_overlap_seconds": int(institution.secret_overlap.total_seconds()),
    }
