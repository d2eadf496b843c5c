"""The few marks of Markdown that our OpenAPI documents use, as HTML.

Owns paragraphs, lists, fenced code, `code`, **strong** and [links](#anchor); leaves everything else as it was written.
"""

import re
from collections.abc import Callable, Iterator
from itertools import groupby

from markupsafe import Markup, escape

INLINE = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\[(?P<text>[^\]]+)\]\((?P<target>#[A-Za-z0-9-]+)\)")
ITEM = re.compile(r"(?:-|(?P<number>[0-9]+)\.) +")


def chapters(text: str) -> Iterator[tuple[str, str]]:
    """Split a text at its `## ` headings into titles and bodies; what precedes the first has an empty title."""
    for position, part in enumerate(re.split(r"^## ", text, flags=re.MULTILINE)):
        title, _, body = ("", "", part) if position == 0 else part.partition("\n")
        yield title, body.strip()


def block(text: str, code: Callable[[str], Markup]) -> Markup:
    """Turn a text of several paragraphs into HTML; `code` shows what stands between fences."""
    pieces = []
    for position, part in enumerate(re.split(r"^```[a-z]*\n(.*?)^```$\n?", text, flags=re.MULTILINE | re.DOTALL)):
        if position % 2:
            pieces.append(code(part.rstrip("\n")))
        else:
            pieces += [_paragraph(paragraph) for paragraph in re.split(r"\n\s*\n", part) if paragraph.strip()]
    return Markup("\n").join(pieces)


def inline(text: str) -> Markup:
    """Turn a text without paragraphs into HTML."""
    pieces, end = [], 0
    for mark in INLINE.finditer(text):
        pieces.append(escape(text[end : mark.start()]))
        pieces.append(_marked(mark))
        end = mark.end()
    return Markup("").join([*pieces, escape(text[end:])])


def _marked(mark: re.Match[str]) -> Markup:
    if mark["code"]:
        return Markup("<code>{}</code>").format(mark["code"])
    if mark["strong"]:
        return Markup("<strong>{}</strong>").format(mark["strong"])
    return Markup('<a href="{}">{}</a>').format(mark["target"], mark["text"])


def _paragraph(text: str) -> Markup:
    first = ITEM.match(text.lstrip())
    if not first:
        return Markup("<p>{}</p>").format(inline(text.strip()))
    element = "ol" if first["number"] else "ul"
    items = Markup("").join(Markup("<li>{}</li>").format(inline(item)) for item in _items(text))
    return Markup("<{0}>{1}</{0}>").format(element, items)


def _items(text: str) -> Iterator[str]:
    """Give each item of a list in one line; a line without a bullet continues the item before it."""
    number = 0

    def item_of(line: str) -> int:
        nonlocal number
        number += ITEM.match(line) is not None
        return number

    for _, lines in groupby(text.strip().splitlines(), key=item_of):
        yield ITEM.sub("", " ".join(line.strip() for line in lines), count=1)
