"""Discard what an unfinished import has staged: it is personal data that nothing needs any more."""

from consentry.store import imports, staging
from consentry.usecases.importing.status import ids_of
from consentry.usecases.services import Services


async def discard_import(services: Services, public_id: str) -> int:
    """Forget the unfinished import of an institution; give how many lines it had staged. What is published stays.

    Raises:
        UnknownInstitution: there is no such institution, and none is being imported.
        ImportRunning: the import is running.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    lines = 0
    for institution_id in await ids_of(services, public_id):
        lines += await _discard(services, institution_id)
    return lines


async def _discard(services: Services, institution_id: int) -> int:
    async with imports.hold(services.session, institution_id) as held, held.begin() as connection:
        staged = await staging.chunks(connection, institution_id)
        await staging.clear(connection, institution_id, after_line=0)
        unfinished = await imports.unfinished(connection, institution_id)
        if unfinished is not None:
            await imports.finish(connection, institution_id, unfinished.import_id, state="discarded")
    return staged[-1].last_line if staged else 0
