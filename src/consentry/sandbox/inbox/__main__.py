"""Runs the inbox beside the demo: `python -m consentry.sandbox.inbox SOCKET SMTP_SOCKET`."""

import socket
import sys

from consentry.sandbox.inbox.app import make_app
from consentry.sandbox.inbox.mailbox import Mailbox
from consentry.sandbox.inbox.smtp import receiving
from consentry.sandbox.serving import serve_until_the_demo_ends

if __name__ == "__main__":
    pages, smtp = (int(descriptor) for descriptor in sys.argv[1:])
    mailbox = Mailbox()
    serve_until_the_demo_ends(make_app(mailbox), pages, beside=lambda: receiving(mailbox, socket.socket(fileno=smtp)))
