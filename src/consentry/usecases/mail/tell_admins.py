"""Tell an institution's admins by e-mail what was done with its credentials, in the transaction that does it."""

from typing import Final
from uuid import UUID

from consentry.domain.actor import Actor, ActorKind
from consentry.store import mails, staff
from consentry.store.session import Connection
from consentry.usecases.mail.texts import MailText

_WHO: Final = {
    ActorKind.INSTITUTION: "your own server, through the API",
    ActorKind.OPERATOR: "the operator of the service, at the command line",
    ActorKind.PARTNER: "your channel partner",
}
_STAFF: Final = frozenset({ActorKind.STAFF, ActorKind.PARTNER})


async def tell_admins(connection: Connection, institution_id: int, *, kind: str, text: MailText) -> None:
    """Write an e-mail to every admin who has signed in, in the caller's transaction."""
    await mails.write_to_admins(connection, institution_id, kind=kind, subject=text.subject, body=text.body)


async def who(connection: Connection, institution_id: int, actor: Actor) -> str:
    """Give words for who acts; only members of the house's own staff are looked up."""
    if actor.kind in _STAFF:
        found = await staff.named(connection, institution_id, _member_ids(actor))
        for member in found.values():
            return f"{member.name} ({member.email})" if member.name else member.email
    return _WHO.get(actor.kind, "the service itself")


def _member_ids(actor: Actor) -> list[UUID]:
    try:
        return [UUID(actor.actor_id or "")]
    except ValueError:
        return []
