"""Name members of staff whom records know by their ids."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from consentry.domain.actor import ActorKind
from consentry.store import staff
from consentry.store.session import Connection


async def staff_names(
    connection: Connection, institution_id: int, actors: Iterable[tuple[str, str | None]]
) -> Mapping[str, str]:
    """Give the names, else e-mail addresses, of those actors (kind and id) who are the institution's staff, by id."""
    ids = {found for kind, text in actors if kind == ActorKind.STAFF and (found := _id(text)) is not None}
    members = await staff.named(connection, institution_id, sorted(ids)) if ids else {}
    return {str(member_id): member.name or member.email for member_id, member in members.items()}


def _id(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
