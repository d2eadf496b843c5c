"""Reads a PDF as these tests need it: its objects, its pages' text in the order of their tags, its facts.

It knows just enough of the format to read what fpdf2 writes, and goes by the fonts' own tables from glyph to letter.
"""

import re
import zlib
from dataclasses import dataclass

_OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_STREAM = re.compile(rb"stream\n(.*)\nendstream", re.DOTALL)
_SHOWN = re.compile(
    rb"/(?P<font>F\d+) [\d.]+ Tf|/(?P<tag>\w+) (?:<</MCID \d+>> BDC|BMC)|\((?P<text>(?:\\.|[^\\)])*)\) Tj", re.DOTALL
)
_ESCAPES = {b"\\n": b"\n", b"\\r": b"\r", b"\\t": b"\t", b"\\b": b"\b", b"\\f": b"\f"}


@dataclass(frozen=True, slots=True)
class Passage:
    """Something that is tagged on a page, or an artifact: its lines."""

    tag: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.lines)


class Pdf:
    """A PDF that fpdf2 has written."""

    def __init__(self, content: bytes) -> None:
        assert content.startswith(b"%PDF-1.")
        assert content.rstrip().endswith(b"%%EOF")
        self.objects = {int(found[1]): found[2] for found in _OBJECT.finditer(content)}
        self.catalog = next(body for body in self.objects.values() if b"/Type /Catalog" in body)
        self.info = next(body for body in self.objects.values() if b"/CreationDate" in body)

    @property
    def pages(self) -> list[list[Passage]]:
        """Give the passages of each page."""
        found = []
        for body in self.objects.values():
            if b"/Type /Page\n" in body:
                fonts = self._fonts(body)
                (content,) = re.findall(rb"/Contents (\d+) 0 R", body)
                found.append(_passages(self._stream(int(content)), fonts))
        return found

    @property
    def passages(self) -> list[Passage]:
        """Give all passages that are read aloud, in their order."""
        return [passage for page in self.pages for passage in page if passage.tag != "Artifact"]

    @property
    def attachments(self) -> dict[str, bytes]:
        """Give the files that go with it, by name."""
        return {
            name.decode(): self._stream(int(number))
            for body in self.objects.values()
            for number, name in re.findall(rb"/EF <</F (\d+) 0 R>>\n/F \(([^)]*)\)", body)
        }

    def _fonts(self, page: bytes) -> dict[bytes, dict[int, str]]:
        (resources,) = re.findall(rb"/Resources (\d+) 0 R", page)
        fonts = dict(re.findall(rb"/(F\d+) (\d+) 0 R", self.objects[int(resources)]))
        tables = {}
        for name, number in fonts.items():
            (table,) = re.findall(rb"/ToUnicode (\d+) 0 R", self.objects[int(number)])
            pairs = re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]+)>", self._stream(int(table)))
            tables[name] = {int(glyph, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for glyph, text in pairs}
        return tables

    def _stream(self, number: int) -> bytes:
        body = self.objects[number]
        found = _STREAM.search(body)
        assert found is not None
        return zlib.decompress(found[1]) if b"/FlateDecode" in body else found[1]


def _passages(content: bytes, fonts: dict[bytes, dict[int, str]]) -> list[Passage]:
    passages: list[tuple[str, list[str]]] = []
    table: dict[int, str] = {}
    for found in _SHOWN.finditer(content):
        if found["font"]:
            table = fonts[found["font"]]
        elif found["tag"]:
            passages.append((found["tag"].decode(), []))
        else:
            assert passages, "text that is not tagged"
            raw = re.sub(rb"\\(.)", lambda escape: _ESCAPES.get(escape[0], escape[1]), found["text"], flags=re.DOTALL)
            glyphs = [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]
            passages[-1][1].append("".join(table[glyph] for glyph in glyphs))
    return [Passage(tag, tuple(lines)) for tag, lines in passages]
