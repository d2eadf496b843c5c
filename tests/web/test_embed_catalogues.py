"""Every message of the dashboard has its words in every language, with the same values in them."""

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

FOLDER = Path(str(files("consentry.web.embed")))
VALUES = re.compile(r"%\((\w+)\)s")


def messages() -> Iterator[str | tuple[str, ...]]:
    found = extract_from_dir(
        FOLDER,
        method_map=[("templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")],
        keywords={"_": None, "noted": None, "ngettext": (1, 2)},
    )
    for _file, _line, message, _comments, _context in found:
        yield message


def read(language: str) -> Catalog:
    with (FOLDER / "locale" / language / "dashboard.po").open("rb") as file:
        return read_po(file, locale=language)


def as_forms(message: str | Sequence[str] | None) -> tuple[str, ...]:
    return (message,) if isinstance(message, str) else tuple(message or ())


@pytest.mark.parametrize("language", ["es", "fr"])
def test_a_catalogue_has_all_messages_and_no_others(language: str) -> None:
    catalogue = {as_forms(message.id): as_forms(message.string) for message in read(language) if message.id}
    assert set(catalogue) == {as_forms(message) for message in messages()}
    for said, words in catalogue.items():
        for ours, theirs in zip(said, words, strict=True):
            assert theirs, f"{ours} has no words"
            values = set(VALUES.findall(ours))
            assert set(VALUES.findall(theirs)) == values, ours
