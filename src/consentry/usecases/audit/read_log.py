"""Read the log of a house: a page of it, with the names of who acted."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from consentry.domain.actor import ActorKind
from consentry.domain.audit import AuditEntry
from consentry.domain.staff import Member
from consentry.store import audit_log, houses, staff
from consentry.store.audit_log import LogFilter
from consentry.store.session import Connection
from consentry.usecases.audit.download import Download, record_download
from consentry.usecases.services import Services

LOOKED_THROUGH: Final = 5_000
"""So many entries a page looks through for those that match."""
_STAFF: Final = frozenset({ActorKind.STAFF.value, ActorKind.PARTNER.value})
_NOBODY: Final = ("",)


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page of a log.

    `members` are who acted or whom it is about, by their ids. `following` is the entry behind which the next page
    begins; where `looked_back_to` is set, further back was not looked. `count` is of what was looked through, at most
    1,001, and only known of the first page.
    """

    entries: list[AuditEntry]
    members: dict[str, Member]
    following: UUID | None
    looked_back_to: datetime | None
    count: int | None


async def read_log(
    services: Services,
    institution_id: int,
    *,
    wanted: LogFilter,
    who: str = "",
    after: UUID | None = None,
    limit: int,
    look_through: int = LOOKED_THROUGH,
    download: Download | None = None,
) -> LogPage:
    """Give entries of a house's log, newest first, beginning behind the entry `after`.

    `who` are letters of the e-mail address or name of members, removed ones too, whose doings are wanted.

    Raises:
        TemporarilyUnavailable: the store can't be reached, or can't write what a `download` leaves in the audit.
    """
    async with services.session.begin(institution_id, snapshot=download is None, steady=True) as connection:
        if who:
            found = await staff.ids_with(connection, institution_id, who)
            wanted = replace(wanted, actor_ids=tuple(str(member_id) for member_id in found) or _NOBODY)
        stretch = await audit_log.stretch_of(connection, wanted, after=after)
        back_to = None
        if _picks(wanted):
            stretch, back_to = await audit_log.cut(connection, institution_id, wanted, stretch, most=look_through)
        entries = await audit_log.entries(connection, institution_id, wanted, stretch, limit=limit + 1)
        count = None if after else await audit_log.count(connection, institution_id, wanted, stretch)
        partner_id = await houses.partner_of(connection, institution_id)
        members = await _members(connection, institution_id, entries)
        await record_download(connection, institution_id, download, rows=len(entries[:limit]))
    if partner_id is not None:
        members |= await _partners_members(services, partner_id, entries)
    is_full = len(entries) > limit
    following = entries[limit - 1].entry_id if is_full else stretch.bottom if back_to else None
    return LogPage(
        entries=entries[:limit],
        members=members,
        following=following,
        looked_back_to=None if is_full else back_to,
        count=count,
    )


def _picks(wanted: LogFilter) -> bool:
    """Tell whether entries may be passed by, so that a page could look far for what it wants."""
    narrow = (wanted.actor_ids, wanted.actor_kind, wanted.action, wanted.outcome, wanted.subject_id)
    return any(part is not None for part in narrow)


async def _members(connection: Connection, institution_id: int, entries: Iterable[AuditEntry]) -> dict[str, Member]:
    ids = {entry.actor_id for entry in entries if entry.actor_kind in _STAFF}
    ids |= {entry.subject_id for entry in entries if entry.subject_kind == "member"}
    named = await staff.named(connection, institution_id, _uuids(ids))
    return {str(member_id): member for member_id, member in named.items()}


async def _partners_members(services: Services, partner_id: int, entries: Iterable[AuditEntry]) -> dict[str, Member]:
    """Name the partner's own staff, as far as they acted here; only their names are taken from the partner's rows."""
    ids = _uuids({entry.actor_id for entry in entries if entry.actor_kind == ActorKind.PARTNER.value})
    if not ids:
        return {}
    async with services.session.begin(partner_id, snapshot=True) as connection:
        named = await staff.named(connection, partner_id, ids)
    return {str(member_id): member for member_id, member in named.items()}


def _uuids(texts: Iterable[str | None]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text or ""))
        except ValueError:
            continue
    return found
