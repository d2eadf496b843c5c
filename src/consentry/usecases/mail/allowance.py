"""How many invitations a house may write, so that nobody's inbox is filled in its name."""

from datetime import timedelta
from typing import Final

from consentry.domain.refusal.staff import TooManyInvitations
from consentry.store import mails
from consentry.store.session import Connection

MOST: Final = 100
_WITHIN: Final = timedelta(hours=1)
_KINDS: Final = ("invitation", "set_up")


async def check_may_invite(connection: Connection, institution_id: int) -> None:
    """Check that a house may write one more invitation, in the transaction that will.

    Raises:
        TooManyInvitations: it has written 100 within the last hour.
    """
    if await mails.written_lately(connection, institution_id, kinds=_KINDS, within=_WITHIN, most=MOST) >= MOST:
        raise TooManyInvitations
