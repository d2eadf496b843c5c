"""Pages: the dashboard that a spent token has opened, and how long it lives.

A page is proven by a secret that stands in it and nowhere else. That it lives is asked of the store at each use, by the
same figures (store/schema/0006_pages.sql); here they are for what the page says of its end.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from consentry.domain.refusal.dashboard import InvalidOrigin

IDLE: Final = timedelta(minutes=10)
WARNING: Final = timedelta(minutes=8)
"""How long after its last use the page asks whether the customer is still there."""
LONGEST: Final = timedelta(minutes=60)
_HOST: Final = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
_ORIGIN: Final = re.compile(rf"(?P<scheme>https?)://(?P<host>{_HOST})(?::(?P<port>[1-9][0-9]{{0,4}}))?")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1"})
_USUAL_PORTS: Final = {"https": "443", "http": "80"}


class Mode(StrEnum):
    """Light, dark, or as the customer's device is set."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a page is to be shown: a locale, an IANA time zone if the embedding page named one, light or dark."""

    locale: str
    time_zone: str | None
    mode: Mode


@dataclass(frozen=True, slots=True)
class Page:
    """An open page: whose it is, since when, and how it is shown; `moment` is when it was last used."""

    institution_id: int
    page_id: UUID
    customer_id: str
    opened_at: datetime
    moment: datetime
    wishes: Wishes

    @property
    def ends_at(self) -> datetime:
        """Give the moment at which the page ends, however busy it is."""
        return self.opened_at + LONGEST


def check_origin(text: str, *, allow_loopback: bool) -> str:
    """Give an origin as browsers write it (RFC 6454, section 6.2): small letters, no usual port, nothing after it.

    `allow_loopback` lets http pass on the machine itself, for the sandbox.

    Raises:
        InvalidOrigin: it is no https origin.
    """
    found = _ORIGIN.fullmatch(text.strip().lower())
    if found is None or len(found["host"]) > 253:
        raise InvalidOrigin
    scheme, host, port = found["scheme"], found["host"], found["port"]
    if scheme == "http" and not (allow_loopback and host in _LOOPBACK):
        raise InvalidOrigin
    if port is None or port == _USUAL_PORTS[scheme]:
        return f"{scheme}://{host}"
    if int(port) > 65535:
        raise InvalidOrigin
    return f"{scheme}://{host}:{port}"
