"""Owns the plot: labelled bars with their spread, as one SVG without anything from elsewhere.

Which figures there are is left to `bench.plan`; here is which of them stand side by side.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from bench.budgets import Spread, p99, rate
from bench.plan import Measurement, Round

WIDTH, LABEL, BAR, ROW = 940, 330, 380, 26
OURS, THEIRS, INK, QUIET = "#1f6f8b", "#b9c2c9", "#20262b", "#5c666e"


@dataclass(frozen=True, slots=True)
class Group:
    """Bars that share a scale, and the one that the others are compared with."""

    title: str
    unit: str
    figure: Callable[[Round], float]
    names: Sequence[str]
    reference: str


GROUPS = (
    Group("Tokens", "a second", rate, ("token-1m", "oidc", "dot", "hello"), "token-1m"),
    Group(
        "List of 5 consents with 4 accounts each",
        "a second",
        rate,
        ("list-10k", "list-1m", "list-10m", "hello"),
        "hello",
    ),
    Group(
        "Sharing of one account switched",
        "a second",
        rate,
        ("toggle-10k", "toggle-1m", "toggle-10m", "pgbench"),
        "pgbench",
    ),
    Group("99th percentile: token", "ms", p99, ("token-1m", "token-1m-checkpoint"), "token-1m"),
    Group("99th percentile: list", "ms", p99, ("list-10k", "list-1m", "list-10m"), "list-10k"),
    Group(
        "99th percentile: toggle",
        "ms",
        p99,
        ("toggle-10k", "toggle-1m", "toggle-10m", "toggle-1m-checkpoint"),
        "toggle-10k",
    ),
)


def svg(measured: Mapping[str, Measurement], *, caption: str) -> str:
    """Return the plot of everything that was measured; groups with fewer than two bars are left out."""
    parts: list[str] = []
    height = 64
    for group in GROUPS:
        bars = [measured[name] for name in group.names if name in measured and measured[name].rounds]
        if len(bars) > 1:
            parts += _group(group, bars, height)
            height += 46 + ROW * len(bars)
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'role="img" aria-label="Benchmark of consentry and its peers" font-family="system-ui, sans-serif">'
    )
    head = [
        opening,
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(20, 30, "consentry and its peers, one worker on one core", size=18, weight=600),
        _text(20, 50, caption, size=12, colour=QUIET),
    ]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"


def _group(group: Group, bars: Sequence[Measurement], top: int) -> list[str]:
    spreads = [Spread.of([group.figure(r) for r in one.rounds]) for one in bars]
    scale = BAR / max(spread.greatest for spread in spreads)
    reference = next((s.median for one, s in zip(bars, spreads, strict=True) if one.name == group.reference), 0.0)
    parts = [_text(20, top + 26, f"{group.title}, {group.unit}", size=14, weight=600)]
    for row, (one, spread) in enumerate(zip(bars, spreads, strict=True)):
        share = spread.median / reference if reference else 0.0
        parts += _bar(
            one,
            spread,
            top=top + 36 + row * ROW,
            scale=scale,
            note=_note(spread.median, share, inverse=group.reference == "token-1m" and not one.ours),
        )
    return parts


def _note(value: float, share: float, *, inverse: bool) -> str:
    shown = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
    if not share or abs(share - 1) < 1e-9:
        return shown
    return f"{shown} (consentry {_times(1 / share)})" if inverse else f"{shown} ({_times(share)})"


def _times(ratio: float) -> str:
    return f"{ratio:.0f}x" if ratio >= 10 else f"{ratio:.2f}x"


def _bar(one: Measurement, spread: Spread, *, top: int, scale: float, note: str) -> list[str]:
    middle, left = top + ROW / 2, LABEL
    low, high = left + spread.least * scale, left + spread.greatest * scale
    width, colour = max(1.0, spread.median * scale), OURS if one.ours else THEIRS
    whisker = f"M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8"
    return [
        _text(LABEL - 8, middle + 4, one.title, size=12, anchor="end"),
        f'<rect x="{left}" y="{top + 4}" width="{width:.1f}" height="{ROW - 8}" rx="2" fill="{colour}"/>',
        f'<path d="{whisker}" stroke="{INK}" fill="none"/>',
        _text(max(high, left + spread.median * scale) + 10, middle + 4, note, size=12),
    ]


def _text(
    x: float, y: float, text: str, *, size: int, weight: int = 400, colour: str = INK, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{colour}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
