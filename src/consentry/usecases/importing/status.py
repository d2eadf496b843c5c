"""How an institution's imports stand."""

from dataclasses import dataclass

from consentry.domain.refusal.institution import UnknownInstitution
from consentry.store import imports, institutions, publishing, staging
from consentry.store.imports import ImportRecord
from consentry.store.publishing import MirrorState
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class ImportStatus:
    """The unfinished import and how many lines it has staged, the last published one, and the mirror if it is one."""

    unfinished: ImportRecord | None
    staged_lines: int
    last_published: ImportRecord | None
    mirror: MirrorState | None


async def import_status(services: Services, public_id: str) -> ImportStatus:
    """Tell how the imports of an institution stand, of one too that an unfinished import will add.

    Raises:
        UnknownInstitution: there is no such institution, and none is being imported.
        TemporarilyUnavailable: the store can't be reached.
    """
    institution_id = (await ids_of(services, public_id))[0]
    async with services.session.begin(institution_id) as connection:
        staged = await staging.chunks(connection, institution_id)
        last_of_mirror = await imports.last_of_mirror(connection, institution_id)
        is_mirror = last_of_mirror is not None and last_of_mirror.kind == "mirror"
        return ImportStatus(
            unfinished=await imports.unfinished(connection, institution_id),
            staged_lines=staged[-1].last_line if staged else 0,
            last_published=await imports.last_published(connection, institution_id),
            mirror=await publishing.mirror_state(connection, institution_id) if is_mirror else None,
        )


async def ids_of(services: Services, public_id: str) -> list[int]:
    """Give the internal id of an institution, and the one that an import reserved for it, if it did not use it.

    Raises:
        UnknownInstitution: there is neither.
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.connection() as connection:
        known = await institutions.id_of(connection, public_id)
        reserved = await imports.reserved_id(connection, public_id)
    ids = [found for found in (known, reserved) if found is not None]
    if not ids:
        raise UnknownInstitution
    return ids
