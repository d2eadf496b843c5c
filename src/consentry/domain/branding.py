"""Branding: what an institution may choose of its pages' looks, and the palettes that follow from it.

Chosen are colours, the roundness of corners and a family of fonts, never styles: nothing that a page must say can be
hidden. Every colour of text is computed to stand out from what is behind it (WCAG 2.2, 1.4.3), whatever was chosen.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from consentry.domain.colour import BLACK, SHAPE_CONTRAST, WHITE, Colour, contrast, opposite, parse_colour, readable
from consentry.domain.refusal.dashboard import InvalidBranding

LARGEST_LOGO: Final = 64 * 1024
LARGEST_RADIUS: Final = 24
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ().-]{2,30}[0-9]")
_IMAGES: Final = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"\x00\x00\x01\x00": "image/x-icon"}

FONTS: Final[Mapping[str, str]] = {
    "system": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', Arial, sans-serif",
    "grotesque": "'Helvetica Neue', 'Arial Nova', 'Nimbus Sans', 'Liberation Sans', Arial, sans-serif",
    "humanist": "Seravek, 'Gill Sans Nova', Ubuntu, Calibri, 'DejaVu Sans', source-sans-pro, sans-serif",
    "geometric": "Avenir, Montserrat, Corbel, 'URW Gothic', source-sans-pro, sans-serif",
    "serif": "Charter, 'Bitstream Charter', 'Sitka Text', Cambria, 'Liberation Serif', serif",
}
"""Families by name, each a list of fonts that devices have: none is ever fetched."""
_BLUE: Final = Colour(0x1F, 0x5F, 0xBF)
_WHITE: Final = Colour(0xFF, 0xFF, 0xFF)
_MIST: Final = Colour(0xF3, 0xF5, 0xF8)


@dataclass(frozen=True, slots=True)
class Theme:
    """What an institution has chosen: an accent for buttons and links, a colour behind its name, one behind all."""

    accent: Colour = _BLUE
    header: Colour = _WHITE
    background: Colour = _MIST
    radius: int = 14
    font: str = "system"

    def as_stored(self) -> dict[str, object]:
        """Give the members that `parse_theme` reads."""
        return {
            "accent": str(self.accent),
            "header": str(self.header),
            "background": str(self.background),
            "radius": self.radius,
            "font": self.font,
        }


PLAIN: Final = Theme()


def parse_theme(chosen: Mapping[str, object]) -> Theme:
    """Read a theme from its members; what is not among them is as in the plain theme.

    Raises:
        InvalidBranding: a member is unknown or its value can't be used.
    """
    unknown = sorted(chosen.keys() - PLAIN.as_stored().keys())
    if unknown:
        raise InvalidBranding(f"There is no {unknown[0]} in a theme.")
    values = {**PLAIN.as_stored(), **chosen}
    try:
        accent, header, background = (parse_colour(str(values[name])) for name in ("accent", "header", "background"))
    except ValueError:
        raise InvalidBranding("Give a colour as #rrggbb, such as #1f5fbf.") from None
    radius, font = values["radius"], values["font"]
    if not isinstance(radius, int) or isinstance(radius, bool) or not 0 <= radius <= LARGEST_RADIUS:
        raise InvalidBranding(f"Give a radius from 0 to {LARGEST_RADIUS}.")
    if not isinstance(font, str) or font not in FONTS:
        raise InvalidBranding(f"Give one of the font families {', '.join(FONTS)}.")
    return Theme(accent=accent, header=header, background=background, radius=radius, font=font)


def check_image(image: bytes) -> str:
    """Give the media type of a logo or favicon by its first bytes: PNG, JPEG, WebP or ICO; never SVG, which can act.

    Raises:
        InvalidBranding: it is something else, or larger than 64 KiB.
    """
    if len(image) > LARGEST_LOGO:
        raise InvalidBranding("Give an image of at most 64 KiB.")
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "image/webp"
    for beginning, media_type in _IMAGES.items():
        if image.startswith(beginning):
            return media_type
    raise InvalidBranding("Give the image as PNG, JPEG, WebP or ICO.")


def check_phone(text: str) -> str:
    """Give a telephone number without the blanks around it.

    Raises:
        InvalidBranding: it is none.
    """
    if not _PHONE.fullmatch(text.strip()):
        raise InvalidBranding("Give a telephone number such as +1 800 555 0199.")
    return text.strip()


Palette = Mapping[str, str]
"""Colours by what they are for, as the style sheet names them, each `#rrggbb`."""

_NIGHT: Final = Colour(0x10, 0x14, 0x1A)
_NIGHT_HEADER: Final = Colour(0x17, 0x1C, 0x24)
_INK: Final = Colour(0x16, 0x1C, 0x26)
_HUES: Final = tuple(
    Colour(*rgb)
    for rgb in (
        (0x2F, 0x6F, 0xD6),
        (0x0E, 0x8A, 0x7D),
        (0x8A, 0x4F, 0xC9),
        (0xB8, 0x5C, 0x12),
        (0xB8, 0x3A, 0x6E),
        (0x4E, 0x6A, 0x1F),
    )
)
_SIGNALS: Final = {"good": Colour(0x1B, 0x7F, 0x4B), "warn": Colour(0x9A, 0x62, 0x00), "bad": Colour(0xB4, 0x23, 0x2F)}


@lru_cache(maxsize=256)
def palette(theme: Theme, *, dark: bool) -> Palette:
    """Compute all colours of a page.

    Text stands out by 4.5 from whatever is behind it, the shapes of controls by 3. In the dark only the accent is the
    institution's own.
    """
    ground = _NIGHT if dark else theme.background
    header = _NIGHT_HEADER if dark else theme.header
    surface = _raised(ground)
    grounds = (ground, surface)
    ink = readable(opposite(*grounds) if dark else _INK, grounds)
    accent = (
        theme.accent
        if contrast(theme.accent, surface) >= SHAPE_CONTRAST
        else readable(theme.accent, grounds, least=SHAPE_CONTRAST)
    )
    text_on_header = readable(_INK if not dark else WHITE, (header,))
    colours = {
        "ground": ground,
        "surface": surface,
        "header": header,
        "on-header": text_on_header,
        "ink": ink,
        "soft-ink": readable(ink.mixed(surface, 0.36), grounds),
        "line": surface.mixed(ink, 0.13),
        "strong-line": readable(surface.mixed(ink, 0.4), grounds, least=SHAPE_CONTRAST),
        "accent": accent,
        "on-accent": opposite(accent),
        "accent-ink": readable(theme.accent, grounds),
        "tint": surface.mixed(accent, 0.1),
    }
    colours["on-tint"] = readable(theme.accent, (colours["tint"],))
    for name, hue in _SIGNALS.items():
        tint = surface.mixed(hue, 0.2 if dark else 0.1)
        colours[f"{name}-tint"] = tint
        colours[f"on-{name}-tint"] = readable(hue, (tint, *grounds))
    calm = colours["calm-tint"] = surface.mixed(ink, 0.08)
    colours["on-calm-tint"] = readable(ink.mixed(calm, 0.25), (calm,))
    for number, hue in enumerate(_HUES):
        patch = colours[f"hue-{number}"] = surface.mixed(hue, 0.24 if dark else 0.16)
        colours[f"on-hue-{number}"] = readable(hue, (patch,))
    return {name: str(colour) for name, colour in colours.items()}


def _raised(ground: Colour) -> Colour:
    """Give the colour of what lies on a ground: near to white on a light one, else a little lighter or darker."""
    if opposite(ground) == BLACK:
        return ground.mixed(WHITE, 0.9)
    lighter = ground.mixed(WHITE, 0.055)
    return lighter if contrast(WHITE, lighter) >= 2 * SHAPE_CONTRAST else ground.mixed(BLACK, 0.2)
