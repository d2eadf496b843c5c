"""What a receipt needs of a language: the dashboard's words, dates, and the words that receipts alone have.

The dashboard's own language (web/embed/languages.py) fits; receipts share its words, so that a thing has one name.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from importlib.resources import files
from typing import Protocol

from babel.core import Locale
from markupsafe import Markup

from consentry.domain.consent import ConsentStatus


class Language(Protocol):
    """A language as one customer reads it."""

    @property
    def locale(self) -> Locale:
        """Give the locale by which dates are written."""
        ...

    @property
    def catalogue(self) -> Mapping[str, Sequence[str]]:
        """Give the forms of each message of the dashboard by its English."""
        ...

    @property
    def zone(self) -> tzinfo:
        """Give the time zone by which times are written."""
        ...

    @property
    def knows_zone(self) -> bool:
        """Tell whether the time zone is the customer's; else it is UTC, and times say so."""
        ...

    @property
    def tag(self) -> str:
        """Give the language's tag (RFC 5646)."""
        ...

    def moment(self, moment: datetime) -> Markup:
        """Write a day with the time of day, as HTML."""
        ...


class Names(Protocol):
    """The dashboard's names of statuses and of kinds of data, as messages of its catalogues."""

    @property
    def messages(self) -> Sequence[str]:
        """Give every message that can be one of these names."""
        ...

    def status(self, status: ConsentStatus, ended_by: str | None) -> str:
        """Give the name of a status; of a revoked consent it says who ended it."""
        ...

    def cluster(self, name: str) -> str | None:
        """Give the name of a kind of data in plain words; None where it has none."""
        ...


@lru_cache(maxsize=8)
def own_words(language: str) -> dict[str, str]:
    """Read the words that receipts alone have, by their English; English has none."""
    from babel.messages.pofile import read_po

    if language == "en":
        return {}
    with files("consentry.web.receipts").joinpath("locale", language, "receipt.po").open("rb") as file:
        read = read_po(file, locale=language)
    return {str(found.id): str(found.string) for found in read if found.id}
