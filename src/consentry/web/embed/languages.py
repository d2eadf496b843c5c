"""The languages of the dashboard: catalogues of words, dates, and which language a request gets.

English stands in templates and code and is the key of the catalogues, which are gettext files read at their first use.
"""

import re
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.lists import format_list
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from markupsafe import Markup, escape

USUAL: Final = {"en": "en_GB", "es": "es", "fr": "fr"}
"""Each language there is, and the locale that writes its dates where the customer's is not known."""
_TAG: Final = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{2}|[0-9]{3}))?(?:[-_].*)?")
_LONGEST_HEADER: Final = 200
Catalogue = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Language:
    """One language as one customer reads it: words, dates in a time zone, numbers.

    `knows_zone` says that the time zone is the customer's; otherwise times are in UTC and say so.
    """

    locale: Locale
    catalogue: Catalogue = field(repr=False)
    zone: tzinfo
    knows_zone: bool

    @property
    def tag(self) -> str:
        """Give the language's tag (RFC 5646), for the `lang` attribute."""
        return str(self.locale).replace("_", "-")

    def text(self, message: str, **values: object) -> Markup:
        """Give a message in this language; what is put into it, here or later with `%`, is escaped."""
        (found,) = self.catalogue.get(message, (message,))
        written = Markup(found)  # noqa: S704 - a catalogue's own text
        return written % values if values else written

    def counted(self, one: str, many: str, number: int, **values: object) -> Markup:
        """Give a message about a number of things, which is `%(number)s` in it."""
        forms = self.catalogue.get(one)
        found = (one if number == 1 else many) if forms is None else forms[min(self._form(number), len(forms) - 1)]
        return Markup(found) % {"number": self.number(number), **values}  # noqa: S704 - a catalogue's own text

    def number(self, number: int) -> str:
        """Write a number."""
        return format_decimal(number, locale=self.locale)

    def listed(self, parts: Sequence[str]) -> str:
        """Write a list: `a, b and c`."""
        return format_list(list(parts), locale=self.locale)

    def day(self, moment: datetime) -> Markup:
        """Write a day: `3 March 2027`."""
        text = format_date(moment.astimezone(self.zone), format="long", locale=self.locale)
        return _time(moment, text, how="day")

    def recently(self, moment: datetime, now: datetime) -> Markup:
        """Write a moment: `today 07:02`, `yesterday 07:02`, else the day."""
        local = moment.astimezone(self.zone)
        days = (now.astimezone(self.zone).date() - local.date()) // timedelta(days=1)
        if days not in (0, 1):
            return _time(moment, format_date(local, format="long", locale=self.locale), how="recently")
        return _time(moment, self.text(TODAY if days == 0 else YESTERDAY, time=self._clock(local)), how="recently")

    def moment(self, moment: datetime) -> Markup:
        """Write a day with the time of day."""
        local = moment.astimezone(self.zone)
        text = f"{format_date(local, format='long', locale=self.locale)}, {self._clock(local)}"
        return _time(moment, text, how="moment")

    def _clock(self, local: datetime) -> str:
        return format_time(local, format="short", locale=self.locale) + ("" if self.knows_zone else " UTC")

    def _form(self, number: int) -> int:
        if self.locale.language == "fr":
            return int(number > 1)
        return int(number != 1)


_current: ContextVar[Language] = ContextVar("language")


def speak(language: Language) -> None:
    """Let everything that this request still renders be in a language."""
    _current.set(language)


def spoken() -> Language:
    """Give the language of this request."""
    return _current.get()


def _(message: str, **values: object) -> Markup:
    """Give a message in the language of this request."""
    return _current.get().text(message, **values)


def ngettext(one: str, many: str, number: int, **values: object) -> Markup:
    """Give a message about a number of things in the language of this request."""
    return _current.get().counted(one, many, number, **values)


def noted(message: str) -> str:
    """Mark a message for the catalogues that is translated where it is shown."""
    return message


TODAY: Final = noted("today %(time)s")
YESTERDAY: Final = noted("yesterday %(time)s")


def chosen_locale(wish: str, accepted: str) -> str:
    """Choose a locale: the wished one, else the first that the browser accepts (RFC 9110, 12.5.4), else English."""
    for tag in (wish, *_by_preference(accepted[:_LONGEST_HEADER])):
        found = _known(tag)
        if found is not None:
            return found
    return USUAL["en"]


def known_zone(name: str) -> str | None:
    """Give the IANA name of a time zone if there is such a zone."""
    return name if name in _zones() else None


@lru_cache(maxsize=512)
def language(locale: str, zone: str | None) -> Language:
    """Give a language by the name of its locale, which `chosen_locale` gave, and a time zone."""
    parsed = Locale.parse(locale)
    return Language(
        locale=parsed,
        catalogue=catalogue(parsed.language),
        zone=UTC if zone is None else ZoneInfo(zone),
        knows_zone=zone is not None,
    )


@lru_cache(maxsize=8)
def catalogue(name: str) -> Catalogue:
    """Read a language's catalogue: the forms of each message by its English; English has none."""
    if name == "en":
        return {}
    with files("consentry.web.embed").joinpath("locale", name, "dashboard.po").open("rb") as file:
        read = read_po(file, locale=name)
    found: Catalogue = {}
    for message in read:
        if message.id:
            singular = message.id if isinstance(message.id, str) else message.id[0]
            found[singular] = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
    return found


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=512)
def _known(tag: str) -> str | None:
    """Give the locale of a language tag if its language is one of ours."""
    parts = _TAG.fullmatch(tag)
    if parts is None or parts[1].lower() not in USUAL:
        return None
    name, territory = parts[1].lower(), parts[2]
    if territory:
        try:
            return str(Locale.parse(f"{name}_{territory.upper()}"))
        except (UnknownLocaleError, ValueError):
            pass
    return USUAL[name]


def _by_preference(accepted: str) -> list[str]:
    weighed: list[tuple[float, str]] = []
    for part in accepted.split(","):
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if weight > 0:
            weighed.append((weight, tag.strip()))
    # Sorting is stable: of equals, the one named first.
    return [tag for _, tag in sorted(weighed, key=lambda pair: -pair[0])]


def _time(moment: datetime, text: str, *, how: str) -> Markup:
    iso = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Markup('<time datetime="{}" data-as="{}">{}</time>').format(iso, how, escape(text))
