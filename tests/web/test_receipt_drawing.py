"""Receipts as PDF: all is on them, in order, tagged; they are small, always the same, and hold nothing active."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consentry.web.receipts.drawing import draw
from consentry.web.receipts.fonts import drawable
from consentry.web.receipts.sheet import Attachment, Row, Section, Sheet
from tests.web.receipt_pdf import Pdf

SHEET = Sheet(
    lang="es-MX",
    is_letter=False,
    title="Recibo de su consentimiento: «Órale»",
    issuer="Banco Peñón (México)",
    subject="_c1",
    status="Activo",
    is_live=True,
    sections=(
        Section(
            "La aplicación",
            (
                Row("Nombre", ("Órale \\ (app)",)),
                Row("Para qué", ("Muestra en qué se va su dinero, " * 8,), detail="Según la aplicación."),
            ),
        ),
    ),
    notes=("Puede cambiar de opinión en cualquier momento.",),
    footer="Recibo 1",
    page_of="{page} de {pages}",
    made_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    producer="consentry",
    attachment=Attachment("receipt.json", b'{"receipt": 1}'),
)


def expected(sheet: Sheet) -> list[str]:
    texts = [sheet.issuer, sheet.title, sheet.status]
    for section in sheet.sections:
        texts.append(section.heading)
        for row in section.rows:
            texts += [row.label, *row.lines, *([row.detail] if row.detail else [])]
    return [drawable(text) for text in (*texts, *sheet.notes)]


def read(sheet: Sheet) -> list[str]:
    return [passage.text.strip() for passage in Pdf(draw(sheet)).passages]


def test_everything_stands_on_it_in_the_order_of_reading() -> None:
    assert read(SHEET) == expected(SHEET)
    tags = [passage.tag for passage in Pdf(draw(SHEET)).passages]
    assert tags == ["P", "H1", "P", "H2", "P", "P", "P", "P", "P", "P"]


def test_it_says_its_language_and_its_title_and_that_it_is_tagged() -> None:
    pdf = Pdf(draw(SHEET))
    for fact in (b"/Lang (es-MX)", b"/MarkInfo <</Marked true>>", b"/StructTreeRoot", b"/DisplayDocTitle true"):
        assert fact in pdf.catalog
    assert b"/CreationDate (D:20260301120000Z)" in pdf.info
    assert b"/Producer (consentry)" in pdf.info


def test_it_holds_nothing_that_acts_and_leads_nowhere() -> None:
    content = draw(SHEET)
    for word in (b"/JavaScript", b"/JS", b"/URI", b"/Launch", b"/AcroForm", b"/SubmitForm", b"http"):
        assert word not in content


def test_the_same_receipt_is_the_same_file() -> None:
    assert draw(SHEET) == draw(SHEET)
    assert len(draw(SHEET)) < 40_000


def test_the_signed_receipt_goes_with_it() -> None:
    assert Pdf(draw(SHEET)).attachments == {"receipt.json": b'{"receipt": 1}'}


def test_a_long_one_goes_over_pages_and_each_is_numbered() -> None:
    accounts = Row("Cuentas", tuple(f"Cuenta número {number}, que termina en {number:04}" for number in range(150)))
    long = replace(SHEET, sections=(*SHEET.sections, Section("Qué comparte", (accounts,))), is_letter=True)
    pdf = Pdf(draw(long))
    assert [passage.text.strip() for passage in pdf.passages] == expected(long)
    artifacts = [[p.text for p in page if p.tag == "Artifact" and p.text] for page in pdf.pages]
    assert len(artifacts) > 3
    assert artifacts == [[f"Recibo 1 {number} de {len(artifacts)}"] for number in range(1, len(artifacts) + 1)]


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("a\n\tb  c", "a b c"),
        ("Ελληνικά Кириллица Ünï “x”", "Ελληνικά Кириллица Ünï “x”"),
        ("日本 🏦 سلام", "�� � ����"),
        ("a\x00b\u202ec", "abc"),
    ],
)
def test_what_the_font_does_not_have_is_shown_as_missing_and_controls_are_dropped(text: str, drawn: str) -> None:
    assert drawable(text) == drawn


@settings(max_examples=25)
@given(st.lists(st.text(max_size=120), min_size=1, max_size=5))
def test_no_text_breaks_it(texts: list[str]) -> None:
    sheet = replace(SHEET, issuer=texts[0] or "-", sections=(Section(texts[-1] or "-", (Row("x", tuple(texts)),)),))
    drawn = [text.replace(" ", "") for text in read(sheet)]
    assert drawn == [text.replace(" ", "") for text in expected(sheet)]


def test_a_process_that_draws_none_loads_nothing_for_it() -> None:
    code = "import sys, consentry.wiring; print([m for m in ('fpdf', 'fontTools', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "[]\n"
