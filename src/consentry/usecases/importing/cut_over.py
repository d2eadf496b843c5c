"""Cut over: from now on this installation decides on what it mirrored.

The differences are reported first; cutting over names the report that was looked at, so that it can't be about another
state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from consentry.domain.actor import Actor
from consentry.domain.refusal.operating import NothingMirrored, ReportOutdated, VanishedUndecided
from consentry.store import audit, imports, publishing
from consentry.store.imports import ImportRecord
from consentry.store.publishing import MirrorState
from consentry.store.session import Connection
from consentry.usecases.institution.list_all import find_institution
from consentry.usecases.services import Services


class Vanished(StrEnum):
    """What becomes of consents that are live here and were not in the last mirrored file."""

    END = "end"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class CutOverReport:
    """What the mirror holds before the cut-over, where it disagrees with the last file, and which import that was."""

    last_import: ImportRecord
    state: MirrorState


@dataclass(frozen=True, slots=True)
class CutOver:
    """What was done: consents that are writable now, and those of them that were ended because they had vanished."""

    writable: int
    ended: int


async def report_differences(services: Services, public_id: str) -> CutOverReport:
    """Say what a cut-over of an institution would make writable, and where the mirror and its last file disagree.

    Raises:
        UnknownInstitution: there is none.
        NothingMirrored: it mirrors no other system.
        TemporarilyUnavailable: the store can't be reached.
    """
    institution = await find_institution(services, public_id)
    async with services.session.begin(institution.institution_id) as connection:
        return await _report(connection, institution.institution_id)


async def cut_over(
    services: Services,
    public_id: str,
    *,
    reported: UUID,
    vanished: Vanished | None,
    actor: Actor,
    on_count: Callable[[int], None] = lambda _: None,
) -> CutOver:
    """Make the mirror's consents writable, in one transaction; `reported` is the last import of the report.

    Raises:
        UnknownInstitution, NothingMirrored: as `report_differences`.
        ReportOutdated: another import was published after the report.
        VanishedUndecided: consents have vanished, and `vanished` does not say what becomes of them.
        ImportRunning: an import is running.
        TemporarilyUnavailable: the store can't be reached or can't write; nothing was changed.
    """
    institution = await find_institution(services, public_id)
    institution_id = institution.institution_id
    async with imports.hold(services.session, institution_id) as held, held.begin() as connection:
        report = await _report(connection, institution_id)
        if report.last_import.import_id != reported:
            raise ReportOutdated
        if report.state.vanished and vanished is None:
            raise VanishedUndecided
        writable = await publishing.make_writable(connection, institution_id, on_count=on_count)
        ended = 0
        if vanished is Vanished.END:
            ended = await publishing.end_vanished(connection, institution_id, actor=actor)
        done = CutOver(writable=writable, ended=ended)
        await publishing.forget_differences(connection, institution_id)
        await _record(connection, institution_id, public_id, report=report, done=done, actor=actor)
    return done


async def _report(connection: Connection, institution_id: int) -> CutOverReport:
    last = await imports.last_of_mirror(connection, institution_id)
    if last is None or last.kind != "mirror":
        raise NothingMirrored
    return CutOverReport(last_import=last, state=await publishing.mirror_state(connection, institution_id))


async def _record(
    connection: Connection, institution_id: int, public_id: str, *, report: CutOverReport, done: CutOver, actor: Actor
) -> None:
    counts = {
        "consents_writable": done.writable,
        "consents_ended": done.ended,
        "consents_vanished": report.state.vanished,
        "consents_kept_ended": report.state.kept_ended,
    }
    await imports.add_cut_over(connection, institution_id, name=report.last_import.name, counts=counts)
    await audit.record(
        connection,
        institution_id,
        action="import.cut_over",
        actor=actor,
        subject=("institution", public_id),
        after={"last_import": str(report.last_import.import_id), **counts},
    )
