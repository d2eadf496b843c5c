"""How well a theme can be read: for each kind of text and shape, what was chosen, what is shown, and its contrast.

Owns which pairs of colours are looked at; leaves what is shown to branding.py, which makes it readable whatever was
chosen.
"""

from dataclasses import dataclass

from consentry.domain.branding import Theme, palette
from consentry.domain.colour import SHAPE_CONTRAST, TEXT_CONTRAST, Colour, contrast, parse_colour


@dataclass(frozen=True, slots=True)
class Legibility:
    """Text or a shape on its ground, and their contrast; `least` is what WCAG 2.2 asks for.

    `chosen` is the institution's colour where another one is shown instead, with the contrast that it would have had.
    """

    subject: str
    colour: str
    ground: str
    ratio: float
    least: float
    chosen: tuple[str, float] | None = None


def legibility(theme: Theme, *, dark: bool) -> tuple[Legibility, ...]:
    """Give how well everything on a page can be read, in light or in dark."""
    colours = {name: parse_colour(colour) for name, colour in palette(theme, dark=dark).items()}
    surface, ground = colours["surface"], colours["ground"]
    return (
        _of("The bank's name", colours["on-header"], (colours["header"],)),
        _of("Text", colours["ink"], (surface, ground)),
        _of("Less important text", colours["soft-ink"], (surface, ground)),
        _of("Links", colours["accent-ink"], (surface, ground), chosen=theme.accent),
        _of("Buttons and switches", colours["accent"], (surface,), least=SHAPE_CONTRAST, chosen=theme.accent),
        _of("Text on buttons", colours["on-accent"], (colours["accent"],)),
    )


def _of(
    subject: str,
    shown: Colour,
    grounds: tuple[Colour, ...],
    *,
    least: float = TEXT_CONTRAST,
    chosen: Colour | None = None,
) -> Legibility:
    worst = min(grounds, key=lambda ground: contrast(shown, ground))
    instead_of = None if chosen in (None, shown) else chosen
    return Legibility(
        subject=subject,
        colour=str(shown),
        ground=str(worst),
        ratio=contrast(shown, worst),
        least=least,
        chosen=None if instead_of is None else (str(instead_of), min(contrast(instead_of, on) for on in grounds)),
    )
