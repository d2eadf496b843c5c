"""Where the neighbours of the made-up bank are, as those need it who lead there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Places:
    """The origins of the neighbours that have pages, and the address of the SMTP server.

    `bank_app` is the bank's own app, which embeds the dashboard; `provider` is where staff signs in; `inbox` shows what
    came to `smtp`.
    """

    bank_app: str
    provider: str
    inbox: str
    smtp: str

    @property
    def pages(self) -> tuple[str, ...]:
        """Give the origins of all that have pages."""
        return (self.bank_app, self.provider, self.inbox)
