"""The font of receipts: Noto Sans, cut down to the characters of one receipt before anything else is done with it.

The whole variable font would take ten seconds and 100 MB to prepare; of some hundred characters it takes a tenth of a
second. Its tables for shaping are left out: the languages of receipts need none.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

WEIGHTS: Final = {"": 400, "B": 650}
_SHAPING: Final = ("GSUB", "GPOS", "GDEF", "STAT", "MVAR", "HVAR")
_UNKNOWN: Final = "\N{REPLACEMENT CHARACTER}"


@contextmanager
def cut_fonts(text: Iterable[str]) -> Iterator[dict[str, Path]]:
    """Give font files, by fpdf2's names of styles, that have these characters; they are gone afterwards."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]  # has no types
    from fontTools.varLib.instancer import instantiateVariableFont  # type: ignore[import-untyped]  # has no types

    small = _subset("".join(sorted({*"".join(text), _UNKNOWN, " "})))
    with TemporaryDirectory(prefix="consentry-receipt-") as folder:
        files: dict[str, Path] = {}
        for style, weight in WEIGHTS.items():
            instance = instantiateVariableFont(
                TTFont(io.BytesIO(small), recalcTimestamp=False), {"wght": weight, "wdth": 100}
            )
            files[style] = Path(folder, f"weight-{weight}.ttf")
            instance.save(files[style])
        yield files


def drawable(text: str) -> str:
    """Give a text on one line, with a sign in place of each character that the font does not have."""
    known = _characters()
    return "".join(
        letter if ord(letter) in known else _UNKNOWN for letter in " ".join(text.split()) if letter.isprintable()
    )


def _subset(characters: str) -> bytes:
    from fontTools.subset import Options, Subsetter  # type: ignore[import-untyped]  # has no types
    from fontTools.ttLib import TTFont

    with TTFont(_file(), lazy=True, recalcTimestamp=False) as font:
        for table in _SHAPING:
            if table in font:
                del font[table]
        subsetter = Subsetter(Options(layout_features=[], hinting=False, notdef_outline=True, name_IDs=[1, 2, 4, 6]))
        subsetter.populate(text=characters)
        subsetter.subset(font)
        saved = io.BytesIO()
        font.save(saved)
    return saved.getvalue()


@lru_cache(maxsize=1)
def _characters() -> frozenset[int]:
    from fontTools.ttLib import TTFont

    with TTFont(_file(), lazy=True) as font:
        return frozenset(font.getBestCmap())


def _file() -> Path:
    from fontpkg_noto_sans import ROOT  # type: ignore[import-untyped]  # has no types

    (file,) = Path(ROOT).glob("files/NotoSans[[]*.ttf")
    return file
