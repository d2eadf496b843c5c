"""Colours, and how far apart two of them are for the eye (WCAG 2.2, relative luminance and contrast ratio)."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

TEXT_CONTRAST: Final = 4.5
"""What WCAG 2.2 asks of text (1.4.3)."""
SHAPE_CONTRAST: Final = 3.0
"""What it asks of whatever shows the form or state of a control (1.4.11)."""
_HEX: Final = re.compile(r"#[0-9a-f]{6}")
_STEPS: Final = 24


class Colour(NamedTuple):
    """A colour by its red, green and blue, 0 to 255 each."""

    red: int
    green: int
    blue: int

    def __str__(self) -> str:
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"

    @property
    def luminance(self) -> float:
        """Give the relative luminance, from 0 for black to 1 for white."""
        red, green, blue = (_linear(channel / 255) for channel in self)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def mixed(self, other: "Colour", share: float) -> "Colour":
        """Give this colour with a share (0 to 1) of another one in it."""
        return Colour(*(round(mine + (theirs - mine) * share) for mine, theirs in zip(self, other, strict=True)))


BLACK: Final = Colour(0, 0, 0)
WHITE: Final = Colour(255, 255, 255)


def parse_colour(text: str) -> Colour:
    """Read `#rrggbb`.

    Raises:
        ValueError: it has another form.
    """
    lowered = text.strip().lower()
    if not _HEX.fullmatch(lowered):
        raise ValueError(text)
    return Colour(*(int(lowered[place : place + 2], 16) for place in (1, 3, 5)))


def contrast(one: Colour, other: Colour) -> float:
    """Give the contrast ratio of two colours, from 1 to 21."""
    lighter, darker = sorted((one.luminance, other.luminance), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def opposite(*backgrounds: Colour) -> Colour:
    """Give black or white, whichever reads better on the worst of these backgrounds."""
    return max((BLACK, WHITE), key=lambda ink: min(contrast(ink, ground) for ground in backgrounds))


def readable(wish: Colour, on: Sequence[Colour], *, least: float = TEXT_CONTRAST) -> Colour:
    """Give the colour nearest to a wish that stands out by `least` from each of these backgrounds.

    It is the wish itself where that will do, else darker or lighter, at the end black or white; those reach 4.5 on any
    single background.
    """
    towards = opposite(*on)
    for step in range(_STEPS + 1):
        tried = wish.mixed(towards, step / _STEPS)
        if all(contrast(tried, ground) >= least for ground in on):
            return tried
    return towards


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
