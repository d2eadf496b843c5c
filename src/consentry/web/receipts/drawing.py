"""Draw a receipt as PDF: readable on paper and by a screen reader, small, and the same bytes each time it is drawn.

Everything that says something is tagged (headings, paragraphs) in its order of reading; lines and page numbers are
artifacts. fpdf2 tags only pictures by itself, so the tagging is done here, by its own builder of structures.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from consentry.web.receipts.fonts import cut_fonts, drawable
from consentry.web.receipts.sheet import Row, Section, Sheet

if TYPE_CHECKING:
    from fpdf import FPDF

_FAMILY: Final = "NotoSans"
_MARGIN: Final = 19.0
_BOTTOM: Final = 21.0
_LABELS: Final = 46.0
_PADDING: Final = 1.5
_INK: Final = (27, 31, 38)
_QUIET: Final = (87, 94, 105)
_LINE: Final = (214, 219, 226)
_LIVE: Final = ((226, 243, 233), (17, 94, 52))
_ENDED: Final = ((236, 238, 242), (58, 65, 77))


def draw(sheet: Sheet) -> bytes:
    """Give the PDF of a sheet. It takes a tenth of a second or two of a processor: call it in a thread."""
    with cut_fonts(_texts(sheet)) as fonts:
        page = _document(sheet)
        for style, file in fonts.items():
            page.add_font(_FAMILY, style, file)
        _Drawing(page, sheet).draw()
        return bytes(page.output())


def _document(sheet: Sheet) -> "FPDF":
    from fpdf import FPDF
    from fpdf.prefs import ViewerPreferences

    page = FPDF(format="letter" if sheet.is_letter else "a4")
    page.set_title(sheet.title)
    page.set_subject(sheet.subject)
    page.set_author(sheet.issuer)
    page.set_creator(sheet.producer)
    page.set_producer(sheet.producer)
    page.set_lang(sheet.lang)
    page.set_creation_date(sheet.made_at)
    page.embed_file(
        bytes=sheet.attachment.content,
        basename=sheet.attachment.name,
        mime_type="application/json",
        modification_date=sheet.made_at,
        compress=True,
    )
    page.viewer_preferences = ViewerPreferences(display_doc_title=True)
    page.set_margins(_MARGIN, _MARGIN)
    page.c_margin = 0
    page.set_auto_page_break(False)
    return page


class _Drawing:
    """A sheet on its way onto pages, from top to bottom; `self._page.y` is where the next thing goes."""

    def __init__(self, page: "FPDF", sheet: Sheet) -> None:
        self._page = page
        self._sheet = sheet

    def draw(self) -> None:
        self._add_page()
        self._head()
        for section in self._sheet.sections:
            self._section(section)
        self._notes()
        self._footers()

    def _head(self) -> None:
        self._text("/P", self._sheet.issuer, size=10.5, style="B", colour=_QUIET)
        self._page.y += 1.5
        self._text("/H1", self._sheet.title, size=21, style="B", spacing=1.2)
        self._page.y += 2.5
        self._status()
        self._page.y += 4

    def _status(self) -> None:
        page, text = self._page, drawable(self._sheet.status)
        ground, ink = _LIVE if self._sheet.is_live else _ENDED
        self._use(10.5, "B", ink)
        width = min(page.get_string_width(text) + 9, page.epw)
        with self._artifact():
            page.set_fill_color(*ground)
            page.rect(page.l_margin, page.y, width, 8, style="F", round_corners=True, corner_radius=4)
        with self._tagged("/P"):
            page.set_xy(page.l_margin, page.y)
            page.cell(width, 8, text, align="C")
        page.set_xy(page.l_margin, page.y + 8)

    def _section(self, section: Section) -> None:
        self._make_room(24)
        self._page.y += 3.5
        self._text("/H2", section.heading, size=12.5, style="B")
        self._page.y += 1.2
        for row in section.rows:
            self._row(row)

    def _row(self, row: Row) -> None:
        page = self._page
        width = page.epw - _LABELS
        label = self._lines(row.label, _LABELS - 4, size=9.5)
        texts = [self._lines(text, width, size=10) for text in row.lines]
        detail = [self._lines(row.detail, width, size=8.5)] if row.detail else []
        height = max(len(label) * 5.1, sum(map(len, texts)) * 5.1 + sum(map(len, detail)) * 4.4) + 2 * _PADDING
        self._make_room(min(height, page.eph - _BOTTOM))
        self._rule()
        top = page.y = page.y + _PADDING
        with self._tagged("/P"):
            self._write(label, x=page.l_margin, height=5.1, size=9.5, colour=_QUIET)
        bottom, page.y = page.y, top
        self._paragraphs(texts, height=5.1, size=10, colour=_INK)
        self._paragraphs(detail, height=4.4, size=8.5, colour=_QUIET)
        page.set_xy(page.l_margin, max(bottom, page.y) + _PADDING)

    def _paragraphs(
        self, texts: Sequence[Sequence[str]], *, height: float, size: float, colour: tuple[int, int, int]
    ) -> None:
        """Write texts, each a paragraph in lines, beside the labels; on as many pages as it takes."""
        for lines in texts:
            self._make_room(height * len(lines))
            with self._tagged("/P"):
                self._write(lines, x=self._page.l_margin + _LABELS, height=height, size=size, colour=colour)

    def _notes(self) -> None:
        self._make_room(20)
        self._rule()
        self._page.y += 4
        for note in self._sheet.notes:
            self._text("/P", note, size=8.5, colour=_QUIET, spacing=1.45)
            self._page.y += 1.5

    def _footers(self) -> None:
        page = self._page
        for number in range(1, page.pages_count + 1):
            page.page = number
            self._use(8, "", _QUIET)
            with self._artifact():
                page.set_xy(page.l_margin, page.h - 15)
                page.cell(page.epw, 5, drawable(self._sheet.footer))
                page.set_xy(page.l_margin, page.h - 15)
                page.cell(page.epw, 5, _page_number(self._sheet, number, page.pages_count), align="R")

    def _text(
        self,
        tag: str,
        text: str,
        *,
        size: float,
        style: str = "",
        colour: tuple[int, int, int] = _INK,
        spacing: float = 1.35,
    ) -> None:
        """Write a text over the whole width, in one piece."""
        height = size * 0.3528 * spacing
        lines = self._lines(text, self._page.epw, size=size, style=style)
        self._make_room(height * len(lines))
        with self._tagged(tag):
            self._write(lines, x=self._page.l_margin, height=height, size=size, style=style, colour=colour)

    def _write(
        self,
        lines: Sequence[str],
        *,
        x: float,
        height: float,
        size: float,
        colour: tuple[int, int, int],
        style: str = "",
    ) -> None:
        self._use(size, style, colour)
        for line in lines:
            self._page.set_xy(x, self._page.y)
            self._page.cell(0, height, line)
            self._page.set_xy(self._page.l_margin, self._page.y + height)

    def _lines(self, text: str, width: float, *, size: float, style: str = "") -> list[str]:
        from fpdf.enums import MethodReturnValue

        self._use(size, style, _INK)
        found = self._page.multi_cell(
            width, text=drawable(text) or " ", align="L", padding=0, dry_run=True, output=MethodReturnValue.LINES
        )
        return [str(line) for line in found] if isinstance(found, list) else []

    def _use(self, size: float, style: str, colour: tuple[int, int, int]) -> None:
        self._page.set_font(_FAMILY, style, size)
        self._page.set_text_color(*colour)

    def _rule(self) -> None:
        page = self._page
        with self._artifact():
            page.set_draw_color(*_LINE)
            page.set_line_width(0.2)
            page.line(page.l_margin, page.y, page.w - page.r_margin, page.y)

    def _make_room(self, height: float) -> None:
        if self._page.y + height > self._page.h - _BOTTOM:
            self._add_page()

    def _add_page(self) -> None:
        self._page.add_page()
        self._page.set_xy(self._page.l_margin, _MARGIN)

    @contextmanager
    def _tagged(self, kind: str) -> Iterator[None]:
        page = self._page
        number = page.struct_builder.next_mcid_for_page(page.page)
        _, parents = page.struct_builder.add_marked_content(page_number=page.page, struct_type=kind, mcid=number)
        page.pages[page.page].struct_parents = parents
        page._out(f"{kind} <</MCID {number}>> BDC")
        yield
        page._out("EMC")

    @contextmanager
    def _artifact(self) -> Iterator[None]:
        self._page._out("/Artifact BMC")
        yield
        self._page._out("EMC")


def _page_number(sheet: Sheet, page: int, pages: int) -> str:
    return drawable(sheet.page_of.format(page=page, pages=pages))


def _texts(sheet: Sheet) -> Iterator[str]:
    yield from (drawable(t) for t in (sheet.issuer, sheet.title, sheet.status, sheet.footer, *sheet.notes))
    yield _page_number(sheet, 1234567890, 1234567890)
    for section in sheet.sections:
        yield drawable(section.heading)
        for row in section.rows:
            yield from (drawable(text) for text in (row.label, *row.lines, row.detail or ""))
