"""The e-mails that came: read into text, and kept in memory, newest first, until there are too many.

Nothing of an e-mail but its text is kept: no other parts, no markup. How it came is `smtp`'s business.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from typing import Final

MOST_MAILS: Final = 200
LARGEST_MAIL: Final = 256 * 1024
_LONGEST_HEADER: Final = 500


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail as it is shown; `recipients` are those of the envelope, `arrived` is aware."""

    number: int
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    arrived: datetime


class Mailbox:
    """The e-mails of this process; the oldest of too many are forgotten."""

    def __init__(self) -> None:
        self._mails: deque[Mail] = deque(maxlen=MOST_MAILS)
        self._numbers = count(1)

    def put(self, content: bytes, *, recipients: Sequence[str], arrived: datetime) -> Mail:
        """Keep an e-mail, as it came over the wire (RFC 5322)."""
        message = message_from_bytes(content, policy=policy.default)
        mail = Mail(
            number=next(self._numbers),
            sender=_header(message, "From"),
            recipients=tuple(recipients),
            subject=_header(message, "Subject"),
            text=_text(message),
            arrived=arrived,
        )
        self._mails.appendleft(mail)
        return mail

    def newest_first(self) -> tuple[Mail, ...]:
        """Give all e-mails that are kept."""
        return tuple(self._mails)

    def find(self, number: int) -> Mail | None:
        """Find an e-mail by its number; None if there is none, or none any longer."""
        return next((mail for mail in self._mails if mail.number == number), None)


def _header(message: EmailMessage, name: str) -> str:
    return " ".join(str(message.get(name, "")).split())[:_LONGEST_HEADER]


def _text(message: EmailMessage) -> str:
    """Give the part that is plain text; without one, say so."""
    part = message.get_body(preferencelist=("plain",))
    if part is None:
        return "(This e-mail has no part in plain text, and the inbox shows nothing else.)"
    try:
        return str(part.get_content()).replace("\r\n", "\n").rstrip()
    except (LookupError, UnicodeError):
        return "(This e-mail is in an encoding that the inbox can't read.)"
