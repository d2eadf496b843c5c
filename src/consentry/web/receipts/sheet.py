"""What stands on a receipt's page, ready to be drawn: texts only, in their order of reading."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Row:
    """A label and what stands beside it, one text a line; `detail` is said smaller, below."""

    label: str
    lines: tuple[str, ...]
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its rows."""

    heading: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with the page."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole receipt: `lang` is a language tag (RFC 5646), `is_live` whether the consent lives.

    `footer` is on each page; `page_of` is the pattern of page numbers, with `{page}` and `{pages}`.
    """

    lang: str
    is_letter: bool
    title: str
    issuer: str
    subject: str
    status: str
    is_live: bool
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
    footer: str
    page_of: str
    made_at: datetime
    producer: str
    attachment: Attachment
