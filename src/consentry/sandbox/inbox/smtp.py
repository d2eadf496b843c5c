"""The SMTP server of the inbox (RFC 5321): aiosmtpd's protocol on a socket of ours. It takes every e-mail."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from aiosmtpd.smtp import SMTP, Envelope, Session

from consentry.sandbox.inbox.mailbox import LARGEST_MAIL, Mailbox


@dataclass(frozen=True, slots=True)
class _Deliveries:
    mailbox: Mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        content = envelope.original_content or b""
        self.mailbox.put(content, recipients=envelope.rcpt_tos, arrived=datetime.now(UTC))
        return "250 Kept in the demo's inbox"


@asynccontextmanager
async def receiving(mailbox: Mailbox, listener: socket.socket) -> AsyncIterator[None]:
    """Put what arrives at a listening socket into the mailbox, for as long as the block lasts."""
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(
            _Deliveries(mailbox),
            data_size_limit=LARGEST_MAIL,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="the demo's inbox",
            timeout=30,
            loop=loop,
        )

    server = await loop.create_server(protocol, sock=listener)
    try:
        yield
    finally:
        server.close()
