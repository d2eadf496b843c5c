"""How the portals write times, spans and numbers: one way everywhere, times always in UTC and saying so."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from consentry.domain.actor import ActorKind

ACTORS: Final[Mapping[str, str]] = {
    ActorKind.STAFF: "Staff",
    ActorKind.PARTNER: "Channel partner",
    ActorKind.OPERATOR: "Operator",
    ActorKind.SYSTEM: "The service itself",
    ActorKind.INSTITUTION: "The institution's server",
    ActorKind.CUSTOMER: "Customer",
    ActorKind.RECIPIENT: "Data recipient",
}
_BROWSERS: Final = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS: Final = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "CrOS": "ChromeOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}
"""What browsers and systems call themselves, and what people call them; the first that fits is meant."""
COUNTED: Final = 1_000
"""Up to so many entries a list says exactly how many there are."""


def moment(at: datetime | None) -> str:
    """Write a time to the minute: `14 Jun 2024, 19:48 UTC`."""
    return "" if at is None else f"{at.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def second(at: datetime | None) -> str:
    """Write a time to the second for files, where it sorts: `2024-06-14 19:48:18`; its column says that it is UTC."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def instant(at: datetime | None) -> str:
    """Write a time to the second for a page: `14 Jun 2024, 19:48:18 UTC`, which is broken behind the comma alone."""
    if at is None:
        return ""
    return f"{at.astimezone(UTC):%-d %b %Y,%H:%M:%S UTC}".replace(" ", "\N{NO-BREAK SPACE}").replace(",", ", ")


def day(at: datetime | date | None) -> str:
    """Write a day: `14 Jun 2024`."""
    if at is None:
        return ""
    return f"{at.astimezone(UTC):%-d %b %Y}" if isinstance(at, datetime) else f"{at:%-d %b %Y}"


def month(at: date) -> str:
    """Write a month: `June 2024`."""
    return f"{at:%B %Y}"


def span(length: timedelta) -> str:
    """Write a length of time in its largest whole unit: `10 minutes`, `1 day`."""
    seconds = int(length.total_seconds())
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds and seconds % size == 0:
            return _several(seconds // size, word)
    return _several(seconds, "second")


def hours(number: float | str) -> str:
    """Write a number of hours."""
    return f"{number} hour" if str(number) in ("1", "1.0") else f"{number} hours"


def as_of(at: datetime | None) -> str:
    """Say until when something is counted."""
    return "Not counted yet; that takes a minute at most." if at is None else f"As of {moment(at)}."


def thousands(number: float | Decimal) -> str:
    """Write a number with its thousands apart: `12,345`."""
    return f"{number:,}"


def counted(number: int) -> str:
    """Write how many entries a list has, exactly up to 1,000, above that `1,000+`."""
    return thousands(number) if number <= COUNTED else f"{COUNTED:,}+"


def word(value: str) -> str:
    """Write a code for people: `needs_review` is `Needs review`."""
    return value.replace("_", " ").capitalize()


def browser(agent: str | None) -> str:
    """Name a browser by what it says of itself: `Firefox on Windows`; what is unknown is written as it is."""
    said = agent or ""
    name = next((words for token, words in _BROWSERS.items() if token in said), "")
    system = next((words for token, words in _SYSTEMS.items() if token in said), "")
    return f"{name} on {system}" if name and system else name or said or "unknown"


def actor_words(kind: str) -> str:
    """Say what kind of party acted."""
    return ACTORS.get(kind) or word(kind)


def _several(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "moment": moment,
    "as_of": as_of,
    "instant": instant,
    "browser": browser,
    "day": day,
    "month": month,
    "span": span,
    "hours": hours,
    "thousands": thousands,
    "counted": counted,
    "word": word,
}
