"""The outbox of e-mails: written in the transaction of what they tell of, claimed by one worker, blanked when done.

How an e-mail travels is a connector's business; what it says, that of usecases/mail/.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from consentry.store.session import Connection

CLAIM: Final = timedelta(minutes=5)
"""How long a worker has a mail for itself; if it dies meanwhile, another tries again afterwards."""
GIVEN_UP_AFTER: Final = timedelta(days=3)
"""A mail that could not be sent within so long is given up."""
KEPT: Final = timedelta(days=30)
"""How long it stays visible that a mail was sent or given up."""
_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(hours=6)
_LONGEST_ERROR: Final = 300


@dataclass(frozen=True, slots=True)
class WaitingMail:
    """A mail that is to be sent now; `tries` counts this one."""

    institution_id: int
    mail_id: UUID
    recipient: str
    subject: str
    body: str = field(repr=False)
    written_at: datetime
    tries: int


@dataclass(frozen=True, slots=True)
class MailState:
    """What has become of a mail: sent, waiting for another try, or given up; `why` is the last failure."""

    written_at: datetime
    sent_at: datetime | None
    next_try_at: datetime | None
    why: str | None


async def write(
    connection: Connection, institution_id: int, *, kind: str, recipient: str, subject: str, body: str
) -> None:
    """Put a mail into the outbox, in the caller's transaction: it is sent if that commits."""
    await connection.execute(
        """insert into consentry.mails
               (institution_id, mail_id, kind, recipient, subject, body, written_at, next_try_at)
           values ($1, consentry.time_ordered_id(consentry.now()), $2, $3, $4, $5, consentry.now(), consentry.now())""",
        institution_id,
        kind,
        recipient,
        subject,
        body,
    )


async def write_to_admins(connection: Connection, institution_id: int, *, kind: str, subject: str, body: str) -> None:
    """Put a mail to every admin who has signed in into the outbox, in the caller's transaction."""
    await connection.execute(
        """insert into consentry.mails
               (institution_id, mail_id, kind, recipient, subject, body, written_at, next_try_at)
           select institution_id, consentry.time_ordered_id(consentry.now()), $2, email, $3, $4, consentry.now(),
                  consentry.now()
           from consentry.staff_members
           where institution_id = $1 and role = 'admin' and subject is not null and removed_at is null""",
        institution_id,
        kind,
        subject,
        body,
    )


async def written_lately(
    connection: Connection, institution_id: int, *, kinds: Sequence[str], within: timedelta, most: int
) -> int:
    """Count the mails of some kinds that a house has written within so long, up to `most`."""
    found: int = await connection.fetchval(
        """select count(*) from (
               select from consentry.mails
               where institution_id = $1 and mail_id >= consentry.first_id_at(consentry.now() - $2::interval)
                 and kind = any ($3) limit $4) as written""",
        institution_id,
        within,
        list(kinds),
        most,
    )
    return found


async def last_to(connection: Connection, institution_id: int, recipient: str, *, kind: str) -> MailState | None:
    """Give what has become of the last mail of a kind to somebody; None if there was none for a month."""
    row = await connection.fetchrow(
        """select written_at, sent_at, next_try_at, last_error from consentry.mails
           where institution_id = $1 and recipient = $2 and kind = $3 order by mail_id desc limit 1""",
        institution_id,
        recipient,
        kind,
    )
    if row is None:
        return None
    return MailState(
        written_at=row["written_at"], sent_at=row["sent_at"], next_try_at=row["next_try_at"], why=row["last_error"]
    )


async def claim(connection: Connection) -> WaitingMail | None:
    """Claim the mail of the houses in sight that has been due longest; None if none is due.

    It is due again when the claim ends, unless it was marked before.
    """
    row = await connection.fetchrow(
        """update consentry.mails m set next_try_at = consentry.now() + $1, tries = m.tries + 1
           from (select institution_id, mail_id from consentry.mails
                 where next_try_at <= consentry.now()
                 order by next_try_at, mail_id limit 1 for update skip locked) as due
           where m.institution_id = due.institution_id and m.mail_id = due.mail_id
           returning m.institution_id, m.mail_id, m.recipient, m.subject, m.body, m.written_at, m.tries""",
        CLAIM,
    )
    if row is None:
        return None
    return WaitingMail(
        institution_id=row["institution_id"],
        mail_id=row["mail_id"],
        recipient=row["recipient"],
        subject=row["subject"],
        body=row["body"],
        written_at=row["written_at"],
        tries=row["tries"],
    )


async def mark_sent(connection: Connection, mail: WaitingMail) -> None:
    """Remember that a mail was sent, and forget its text."""
    await connection.execute(
        """update consentry.mails set sent_at = consentry.now(), next_try_at = null, last_error = null, body = ''
           where institution_id = $1 and mail_id = $2""",
        mail.institution_id,
        mail.mail_id,
    )


async def mark_failed(connection: Connection, mail: WaitingMail, *, why: str) -> None:
    """Remember why a mail could not be sent; it is tried again after 1 minute, then twice as long, 6 hours at most."""
    await connection.execute(
        """update consentry.mails set next_try_at = consentry.now() + $3::interval, last_error = $4
           where institution_id = $1 and mail_id = $2 and sent_at is null""",
        mail.institution_id,
        mail.mail_id,
        min(_FIRST_PAUSE * 2 ** min(mail.tries - 1, 10), _LONGEST_PAUSE),
        why[:_LONGEST_ERROR],
    )


async def mark_given_up(connection: Connection, mail: WaitingMail, *, why: str) -> None:
    """Remember that a mail will not be sent, and forget its text."""
    await connection.execute(
        """update consentry.mails set next_try_at = null, last_error = $3, body = ''
           where institution_id = $1 and mail_id = $2 and sent_at is null""",
        mail.institution_id,
        mail.mail_id,
        why[:_LONGEST_ERROR],
    )


async def waiting(connection: Connection) -> tuple[int, datetime | None, str | None]:
    """Give how many mails of the houses in sight wait, since when the oldest, and why the last try failed."""
    row = await connection.fetchrow(
        """select count(*), min(written_at), (array_agg(last_error order by next_try_at desc)
                                              filter (where last_error is not null))[1]
           from consentry.mails where next_try_at is not null"""
    )
    return (0, None, None) if row is None else (row[0], row[1], row[2])


async def give_up_old(connection: Connection) -> int:
    """Give up what the houses in sight could not send within three days, and forget its text; give how many."""
    rows = await connection.fetch(
        """update consentry.mails
           set next_try_at = null, body = '', last_error = coalesce(last_error, 'no mail server is set up')
           where next_try_at is not null and written_at < consentry.now() - $1::interval
           returning mail_id""",
        GIVEN_UP_AFTER,
    )
    return len(rows)


async def delete_old(connection: Connection) -> int:
    """Delete what the houses in sight sent or gave up a month ago; give how many."""
    rows = await connection.fetch(
        """delete from consentry.mails
           where next_try_at is null and coalesce(sent_at, written_at) < consentry.now() - $1::interval
           returning mail_id""",
        KEPT,
    )
    return len(rows)
