"""Send the e-mails that wait in the outbox."""

from dataclasses import dataclass
from typing import Final

from consentry.connectors.smtp import MailSender, MailUndelivered, OutgoingMail
from consentry.store import houses, institutions, mails
from consentry.store.mails import WaitingMail
from consentry.store.session import Session

_MOST_A_ROUND: Final = 100


@dataclass(frozen=True, slots=True)
class MailRound:
    """What became of the mails that were due; `why` is the last failure, without anything of a mail in it."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0
    why: str = ""


async def send_waiting(session: Session, sender: MailSender | None) -> MailRound:
    """Send what is due in all houses, one after the other; without a `sender` it waits, and is given up in the end.

    A mail is claimed, handed over, and marked, in transactions of their own: one whose worker dies in between is tried
    again later, so that it may arrive twice, under the same Message-ID. The round ends when one could not be sent, as
    the next would not be either, unless the mail itself was refused.

    Raises:
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with session.begin() as connection:
        everybody = await houses.all_ids(connection)
        await institutions.show(connection, *everybody)
        given_up = await mails.give_up_old(connection)
    sent = 0
    for _ in range(_MOST_A_ROUND if sender is not None and everybody else 0):
        async with session.begin(*everybody) as connection:
            mail = await mails.claim(connection)
        if mail is None or sender is None:
            break
        failure = await _sent(session, mail, sender)
        if failure is None:
            sent += 1
        elif failure.for_good:
            given_up += 1
        else:
            return MailRound(sent=sent, failed=1, given_up=given_up, why=str(failure))
    return MailRound(sent=sent, given_up=given_up)


async def _sent(session: Session, mail: WaitingMail, sender: MailSender) -> MailUndelivered | None:
    """Hand a mail over and remember what became of it; give why it was not taken."""
    outgoing = OutgoingMail(
        key=str(mail.mail_id),
        recipient=mail.recipient,
        subject=mail.subject,
        body=mail.body,
        written_at=mail.written_at,
    )
    failure: MailUndelivered | None = None
    try:
        await sender.send(outgoing)
    except MailUndelivered as undelivered:
        failure = undelivered
    async with session.begin(mail.institution_id) as connection:
        if failure is None:
            await mails.mark_sent(connection, mail)
        elif failure.for_good:
            await mails.mark_given_up(connection, mail, why=str(failure))
        else:
            await mails.mark_failed(connection, mail, why=str(failure))
    return failure
