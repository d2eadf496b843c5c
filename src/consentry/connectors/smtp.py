"""E-mails to a mail server (SMTP): one connection a mail, within bounds, encrypted as well as the server can.

Owns how an e-mail is written (RFC 5322) and handed over; when it is tried again is left to the use case.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from typing import Final

from consentry.config import MailServer

_SECONDS: Final = 20.0
_SECONDS_IN_ALL: Final = 60.0
_PERMANENT: Final = range(500, 600)


class MailUndelivered(Exception):
    """A mail was not taken; `for_good` if trying again is in vain. The message never has the mail's text in it."""

    def __init__(self, why: str, *, for_good: bool = False) -> None:
        super().__init__("".join(character if character.isprintable() else " " for character in why))
        self.for_good = for_good


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A mail as it is handed over; `key` tells it from all others, so that one sent twice can be recognised."""

    key: str
    recipient: str
    subject: str
    body: str = field(repr=False)
    written_at: datetime


class MailSender:
    """Hands mails to a server, from one address.

    With a password, or `smtps`, the server must encrypt and show a certificate that this machine trusts. Without one,
    it is encrypted where the server offers it, whoever it may be (RFC 7435): whoever could stand between could as well
    withhold the offer.
    """

    def __init__(self, server: MailServer, sender: str) -> None:
        self._server = server
        self._sender = sender

    async def send(self, mail: OutgoingMail) -> None:
        """Hand one mail over.

        Raises:
            MailUndelivered: the server is away, or did not take it.
        """
        from aiosmtplib import SMTP, errors

        server = self._server
        must_be_safe = server.tls or server.password is not None
        try:
            message = write_message(mail, sender=self._sender)
            async with (
                asyncio.timeout(_SECONDS_IN_ALL),
                SMTP(
                    hostname=server.host,
                    port=server.port,
                    use_tls=server.tls,
                    start_tls=None if server.tls or not must_be_safe else True,
                    validate_certs=must_be_safe,
                    username=server.user,
                    password=server.password,
                    timeout=_SECONDS,
                ) as connection,
            ):
                await connection.send_message(message)
        except errors.SMTPRecipientsRefused as refused:
            codes = [one.code for one in refused.recipients]
            raise MailUndelivered(
                f"the recipient was refused: {codes}", for_good=all(code in _PERMANENT for code in codes)
            ) from None
        except errors.SMTPDataError as refused:
            raise MailUndelivered(
                f"the mail was refused: {refused.code}", for_good=refused.code in _PERMANENT
            ) from None
        except errors.SMTPResponseException as refused:
            raise MailUndelivered(f"the server refused: {refused.code} ({type(refused).__name__})") from None
        except (errors.SMTPException, OSError, TimeoutError) as error:
            raise MailUndelivered(f"the server is away: {type(error).__name__}") from None
        except (ValueError, MessageError) as error:
            raise MailUndelivered(f"it is no mail: {type(error).__name__}", for_good=True) from None


def write_message(mail: OutgoingMail, *, sender: str) -> EmailMessage:
    """Write a mail with its headers; a line break in one of them is refused, not written.

    Raises:
        ValueError: the recipient or the subject can't stand in a header.
    """
    message = EmailMessage(policy=SMTP_POLICY)
    name, address = parseaddr(sender)
    message["From"] = Address(name, addr_spec=address)
    message["To"] = Address(addr_spec=mail.recipient)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.written_at)
    message["Message-ID"] = f"<{mail.key}@{address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.body, cte="quoted-printable")
    return message
