"""Bring in what another system has: staged in steps that can be resumed, checked whole, published in one transaction.

Reading and checking lines happens in a thread beside the store's work, a chunk ahead of it.
"""

import asyncio
from collections.abc import Callable
from contextlib import closing
from uuid import UUID

from consentry.domain.actor import Actor
from consentry.domain.importing import MOST_FAULTS, Fault
from consentry.domain.institution import check_new_institution
from consentry.domain.refusal.institution import UnknownInstitution
from consentry.domain.refusal.operating import AlreadyCutOver, InstitutionMirrored
from consentry.store import audit, clock, import_faults, imports, institutions, publishing, staging
from consentry.store.imports import ImportSession
from consentry.store.session import Connection
from consentry.usecases.importing.input import Input, ReadChunk
from consentry.usecases.importing.orders import ImportOrder, ImportReport, Progress, Stage
from consentry.usecases.services import Services
from consentry.usecases.token.change_signing_key import change_signing_key

_NO_INSTITUTION = (
    "There is no institution with this id; add it with consentry institution add,"
    " or let the file begin with its institution line."
)


async def bring_in(
    services: Services, order: ImportOrder, *, actor: Actor, on_progress: Callable[[Progress], None] = lambda _: None
) -> ImportReport:
    """Import an input whole, or change nothing and say what is wrong with it (consent-api.md, Bringing data in).

    A run that was cut off is continued by the next run with the same input, which reads it again but stages only what
    is new.

    Raises:
        UnknownInstitution, InvalidInstitution: there is no such institution, and the input does not begin with one.
        ImportRunning: another import of the institution is running.
        ImportUnreadable: the input can't be read.
        InstitutionMirrored, AlreadyCutOver: a plain import into a mirror, or a mirrored one after the cut-over.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with services.session.connection() as connection:
        now = await clock.now(connection)
        institution_id = await institutions.id_of(connection, order.institution)
    with closing(Input(order.stream, institution=order.institution, now=now)) as source:
        if institution_id is None:
            institution_id = await _reserve(services, order, source)
        async with imports.hold(services.session, institution_id) as held:
            return await _Import(services, order, held, source=source, actor=actor, on_progress=on_progress).run()


async def _reserve(services: Services, order: ImportOrder, source: Input) -> int:
    check_new_institution(order.institution, "-")
    if not await asyncio.to_thread(source.begins_with_institution):
        raise UnknownInstitution(_NO_INSTITUTION)
    async with services.session.connection() as connection:
        return await imports.reserve_institution(connection, order.institution)


class _Import:
    """One run of an import, which has the institution's imports to itself."""

    def __init__(
        self,
        services: Services,
        order: ImportOrder,
        held: ImportSession,
        *,
        source: Input,
        actor: Actor,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._services = services
        self._order = order
        self._held = held
        self._institution_id = held.institution_id
        self._source = source
        self._actor = actor
        self._on_progress = on_progress
        self._lines = 0
        self._resumed_lines = 0
        self._digest: bytes | None = None

    async def run(self) -> ImportReport:
        async with self._held.begin() as connection:
            await self._refuse_wrong_kind(connection)
            import_id = await imports.open_import(
                connection,
                self._institution_id,
                name=self._order.name,
                kind="mirror" if self._order.mirror else "plain",
            )
            self._source.continue_after(await staging.chunks(connection, self._institution_id))
        faults = await self._stage()
        if faults:
            return self._refused(import_id, faults)
        self._tell(Stage.CHECKING, 0, None)
        async with self._held.begin() as connection:
            await staging.analyze(connection)
        async with self._held.begin() as connection:
            is_new = await institutions.id_of(connection, self._order.institution) is None
            faults = await import_faults.find_faults(connection, self._institution_id, mirror=self._order.mirror)
            if faults:
                return self._refused(import_id, faults)
            return await self._publish(connection, import_id, is_new=is_new)

    async def _refuse_wrong_kind(self, connection: Connection) -> None:
        last = await imports.last_of_mirror(connection, self._institution_id)
        if last is not None and last.kind == "mirror" and not self._order.mirror:
            raise InstitutionMirrored
        if last is not None and last.kind == "cut_over" and self._order.mirror:
            raise AlreadyCutOver

    async def _stage(self) -> list[Fault]:
        """Stage the input, and give its lines' own faults; after the first of them nothing more is staged."""
        faults: list[Fault] = []
        coming = asyncio.create_task(asyncio.to_thread(self._source.next))
        try:
            while (read := await coming) is not None:
                faults += read.faults
                if len(faults) >= MOST_FAULTS:
                    return faults[:MOST_FAULTS]
                coming = asyncio.create_task(asyncio.to_thread(self._source.next))
                if not faults:
                    await self._take(read)
                self._lines = read.last_line
                self._tell(Stage.READING, read.bytes_read, self._order.size)
        finally:
            coming.cancel()
        if not self._source.has_content:
            return [Fault(1, "", "at least one line")]
        if not faults and self._source.staged_chunks_left:
            async with self._held.begin() as connection:
                await staging.clear(connection, self._institution_id, after_line=self._lines)
        return faults

    async def _take(self, read: ReadChunk) -> None:
        self._digest = read.record.digest
        if read.rows is None:
            self._resumed_lines = read.last_line
            return
        async with self._held.begin() as connection:
            if read.replaces_staged:
                await staging.clear(connection, self._institution_id, after_line=self._lines)
            await staging.add_chunk(connection, self._institution_id, read.record, read.rows)

    async def _publish(self, connection: Connection, import_id: UUID, *, is_new: bool) -> ImportReport:
        """Publish, record and forget what is staged, in the caller's transaction."""
        if is_new:
            if not await imports.add_reserved_institution(connection, self._institution_id):
                raise UnknownInstitution(_NO_INSTITUTION)
            await change_signing_key(self._services, connection, self._institution_id)
        self._tell(Stage.PUBLISHING, 0, self._lines)
        counts = await publishing.publish_parties(connection, self._institution_id, mirror=self._order.mirror)
        if self._order.mirror:
            # Before the new consents: these are looked up in what is stored, which the planner knows at this point.
            counts |= await publishing.follow(connection, self._institution_id, import_id, actor=self._actor)
        counts |= await publishing.publish_consents(
            connection,
            self._institution_id,
            import_id,
            mirror=self._order.mirror,
            last_line=self._lines,
            on_line=lambda line: self._tell(Stage.PUBLISHING, line, self._lines),
        )
        moved = counts.get("consents_changed", 0) + counts.get("consents_kept_ended", 0)
        counts["consents_unchanged"] = counts.pop("consents_known") - moved
        await staging.clear(connection, self._institution_id, after_line=0)
        await self._record(connection, import_id, counts, is_new=is_new)
        return ImportReport(
            import_id=import_id,
            lines=self._lines,
            resumed_lines=self._resumed_lines,
            counts=counts,
            digest=self._digest,
            institution_added=is_new,
        )

    async def _record(self, connection: Connection, import_id: UUID, counts: dict[str, int], *, is_new: bool) -> None:
        await imports.finish(
            connection,
            self._institution_id,
            import_id,
            state="published",
            lines=self._lines,
            digest=self._digest,
            counts=counts,
        )
        await audit.record(
            connection,
            self._institution_id,
            action="import.published",
            actor=self._actor,
            subject=("import", str(import_id)),
            after={
                "name": self._order.name,
                "mirror": self._order.mirror,
                "lines": self._lines,
                "digest": None if self._digest is None else self._digest.hex(),
                "institution_added": is_new,
                **counts,
            },
        )

    def _refused(self, import_id: UUID, faults: list[Fault]) -> ImportReport:
        return ImportReport(
            import_id=import_id, lines=self._lines, resumed_lines=self._resumed_lines, faults=tuple(faults)
        )

    def _tell(self, stage: Stage, done: int, total: int | None) -> None:
        self._on_progress(Progress(stage, done, total, self._lines, self._resumed_lines))
