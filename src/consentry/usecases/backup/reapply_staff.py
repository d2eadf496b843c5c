"""Re-apply, in the transaction that restores, who was removed from a team or lost rights after the backup.

Who was invited or given more meanwhile is not known any more: an admin does it anew.
"""

from collections.abc import Mapping
from uuid import UUID

from consentry.domain import restoration
from consentry.domain.audit import AuditEntry
from consentry.domain.restoration import Restrictions
from consentry.domain.staff import Member, is_narrower
from consentry.store import audit, staff
from consentry.store.session import Connection


async def reapply_staff(connection: Connection, institution_id: int, wanted: Restrictions) -> int:
    """Remove members and narrow roles as the later audit of a house says; give how many members that concerned."""
    ids = [UUID(member_id) for member_id in {*wanted.removed_members, *wanted.roles}]
    members = await staff.named(connection, institution_id, ids)
    concerned = 0
    for member_id, member in members.items():
        if member.removed_at is None:
            concerned += await _reapply(connection, institution_id, member, wanted, str(member_id))
    return concerned


async def _reapply(
    connection: Connection, institution_id: int, member: Member, wanted: Restrictions, member_id: str
) -> bool:
    removed, told = wanted.removed_members.get(member_id), wanted.roles.get(member_id)
    if removed is not None:
        await staff.remove(connection, institution_id, member.member_id)
        await _record(connection, institution_id, removed, after={})
        return True
    role = None if told is None else restoration.role_of(told)
    if told is None or role is None or not is_narrower(role, member.role):
        return False
    await staff.set_role(connection, institution_id, member.member_id, role)
    await _record(connection, institution_id, told, after={"email": member.email, "role": role.value})
    return True


async def _record(
    connection: Connection, institution_id: int, entry: AuditEntry, *, after: Mapping[str, object]
) -> None:
    await audit.record(
        connection,
        institution_id,
        action=entry.action,
        actor=restoration.actor_of(entry),
        subject=(entry.subject_kind, entry.subject_id),
        after={**after, **restoration.provenance(entry)},
    )
