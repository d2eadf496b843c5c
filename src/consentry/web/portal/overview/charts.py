"""Charts as pictures: numbers become SVG without scripts, links or addresses, in the colours of either scheme.

pygal works out where things go. Of what it draws only shapes and words are kept, named one by one, so that nothing it
adds of its own (scripts, addresses of style sheets, data for hovering) leaves the house. What charts there are, and
their numbers as tables, is the business of figures.py.
"""

import base64
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from math import floor, log10
from typing import Any, Final

_SVG: Final = "http://www.w3.org/2000/svg"
_KEPT: Final = {
    "svg": ("viewBox",),
    "g": ("class", "transform"),
    "rect": ("x", "y", "width", "height"),
    "path": ("class", "d"),
    "circle": ("cx", "cy", "r"),
    "text": ("class", "x", "y"),
}
_NUMBERS: Final = frozenset({"x", "y", "width", "height", "cx", "cy", "r"})
_LONGEST_LABEL: Final = {True: 30, False: 18}
_TICKS: Final = 4

LIGHT: Final = ("#155a86", "#c2570c", "#7c3fb0", "#0f7b6c", "#6b7684", "#b3368c")
DARK: Final = ("#7cc3ec", "#f5a15b", "#c59df0", "#5fd0bd", "#a3aebb", "#f08fcd")
"""The tones of series, in their order, in either scheme; overview.css has them for legends."""


def _tones(colours: tuple[str, ...]) -> str:
    return " ".join(f".color-{number} {{ --tone: {colour} }}" for number, colour in enumerate(colours))


STYLE: Final = f"""
svg {{ --ink: #545f6e; --line: #e0e4ea; --axis: #8a94a3 }}
text {{ fill: var(--ink); font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif }}
{_tones(LIGHT)}
@media (prefers-color-scheme: dark) {{
  svg {{ --ink: #a7b1be; --line: #2c3541; --axis: #77838f }}
  {_tones(DARK)}
}}
rect {{ fill: none }}
.axis.y text {{ text-anchor: end }} .axis.x text {{ text-anchor: middle }}
.axis .line {{ fill: none; stroke: var(--line) }}
.axis .axis.line {{ stroke: var(--axis) }}
.vertical .axis.x .guide {{ stroke: none }} .horizontal .axis.y .line {{ stroke: none }}
.series rect, .series circle {{ fill: var(--tone) }}
.series path {{ fill: none; stroke: var(--tone); stroke-width: 2; stroke-linejoin: round }}
""".strip()
POLICY: Final = (
    "default-src 'none'; frame-ancestors 'none'; sandbox; "
    f"style-src 'sha256-{base64.b64encode(sha256(STYLE.encode()).digest()).decode()}'"
)
"""The Content-Security-Policy of a chart: its own style, and nothing else."""


class Shape(StrEnum):
    """How numbers are drawn: bars upon one another, lines, or bars from left to right with their names before them."""

    BARS = "bars"
    LINES = "lines"
    ACROSS = "across"


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers of one kind, one for each label; None where there is none."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn: labels, each with a number of every series; `below` are series whose bars go down from zero."""

    title: str
    shape: Shape
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    below: frozenset[str] = frozenset()
    unit: str = ""


@lru_cache(maxsize=256)
def draw(chart: Chart, *, is_wide: bool) -> bytes:
    """Draw a chart as SVG, wide for desks or narrow for phones; the same numbers are drawn once."""
    kinds, style = _pygal()
    across = chart.shape is Shape.ACROSS
    # pygal begins at the bottom; the first name stands at the top.
    order = -1 if across else 1
    labels = [_label(text, longest=_LONGEST_LABEL[is_wide]) for text in chart.labels][::order]
    made = kinds[chart.shape](
        js=[],
        css=[],
        style=style,
        width=680 if is_wide else 360,
        height=26 * len(labels) + 40 if across else 250 if is_wide else 220,
        margin=6,
        margin_right=24,
        truncate_label=-1,
        spacing=8,
        show_legend=False,
        dots_size=4,
        show_minor_x_labels=across,
        print_values=False,
    )
    made.x_labels = labels
    if not across:
        made.x_labels_major = _some(labels, most=8 if is_wide else 4)
    values = [
        [None if value is None else -value if one.name in chart.below else value for value in one.values][::order]
        for one in chart.series
    ]
    made.y_labels = [{"value": tick, "label": written(abs(tick), chart.unit)} for tick in ticks(*_reach(chart, values))]
    for one, numbers in zip(chart.series, values, strict=True):
        # A line of a single point has no length.
        made.add(one.name, numbers, show_dots=sum(number is not None for number in numbers) == 1)
    return _cleaned(made.render_tree(), title=chart.title)


@lru_cache(maxsize=1)
def _pygal() -> tuple[dict[Shape, Callable[..., Any]], Any]:
    """Give what draws each shape, and sizes of letters; imported when the first chart is drawn."""
    import pygal
    from pygal.style import Style

    # It hooks itself into every later import, for maps, in a way that Python has given up.
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]
    kinds: dict[Shape, Callable[..., Any]] = {
        Shape.BARS: pygal.StackedBar,
        Shape.LINES: pygal.Line,
        Shape.ACROSS: pygal.HorizontalBar,
    }
    return kinds, Style(label_font_size=12, major_label_font_size=12)


def written(number: float, unit: str = "") -> str:
    """Write a number as axes have it: `0.5`, `12`, `1,200`, `3.4M`."""
    if number >= 1_000_000:
        return f"{number / 1_000_000:.1f}".removesuffix(".0") + f"M{unit}"
    return f"{number:,.2f}".rstrip("0").rstrip(".") + unit


def ticks(least: float, most: float) -> list[float]:
    """Give round numbers for an axis that reach from at most the least, or zero, to at least the most."""
    least, most = min(least, 0), max(most, 0)
    if least == most:
        return [0, 1]
    rough = max(most - least, 0.01) / _TICKS
    size = 10.0 ** floor(log10(rough))
    steps = (1, 2, 5, 10) if size == 1 else (1, 2, 2.5, 5, 10)  # there are no halves of customers
    step = next(size * factor for factor in steps if size * factor >= rough)
    if step < 1 and most - least >= 1:
        step = 1
    first, last = floor(least / step), -floor(-most / step)
    return [round(number * step, 6) for number in range(first, max(last, first + 1) + 1)]


def _reach(chart: Chart, values: Sequence[Sequence[float | None]]) -> tuple[float, float]:
    """Give the least and the most that is drawn; bars of one label stand upon one another."""
    if chart.shape is Shape.BARS:
        columns = [[value or 0 for value in column] for column in zip(*values, strict=True)]
        return (
            min((sum(value for value in column if value < 0) for column in columns), default=0),
            max((sum(value for value in column if value > 0) for column in columns), default=0),
        )
    known = [value for numbers in values for value in numbers if value is not None]
    return min(known, default=0), max(known, default=0)


def _some(labels: Sequence[str], *, most: int) -> list[str]:
    every = -(-len(labels) // most)
    return list(labels[::every]) if labels else []


def _label(text: str, *, longest: int) -> str:
    """Give a name as it is drawn: on one line, shortened, without characters that XML can't hold."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def _cleaned(drawn: Any, *, title: str) -> bytes:
    """Give what was drawn with nothing in it but shapes and words."""
    root = ET.Element("svg", {"xmlns": _SVG, "viewBox": drawn.get("viewBox"), "role": "img"})
    ET.SubElement(root, "title").text = title
    ET.SubElement(root, "style").text = STYLE
    _copy(drawn, root)
    return ET.tostring(root, encoding="unicode").encode()


def _copy(drawn: Any, parent: ET.Element) -> None:
    for node in drawn:
        if node.tag not in _KEPT or "tooltip-overlay" in node.get("class", ""):
            continue
        kept = {name: _short(name, node.get(name)) for name in _KEPT[node.tag] if node.get(name)}
        if node.tag == "g":
            group = ET.Element("g", kept)
            _copy(node, group)
            if len(group):
                parent.append(group)
        elif node.tag != "rect" or float(node.get("height")):
            ET.SubElement(parent, node.tag, kept).text = node.text


def _short(name: str, value: str) -> str:
    return f"{float(value):.1f}" if name in _NUMBERS else value
