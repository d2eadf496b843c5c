"""Whatever an institution chooses, its pages stay readable (WCAG 2.2, 1.4.3 and 1.4.11)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.domain.branding import FONTS, PLAIN, Theme, check_image, check_phone, palette, parse_theme
from consentry.domain.colour import Colour, contrast, parse_colour
from consentry.domain.refusal.dashboard import InvalidBranding

bytes_ = st.integers(min_value=0, max_value=255)
colours = st.builds(Colour, bytes_, bytes_, bytes_)
themes = st.builds(
    Theme,
    accent=colours,
    header=colours,
    background=colours,
    radius=st.integers(min_value=0, max_value=24),
    font=st.sampled_from(sorted(FONTS)),
)

NAMES = palette(PLAIN, dark=False).keys()
TEXT_ON = [
    *((name, name.removeprefix("on-")) for name in NAMES if name.startswith("on-")),
    *((text, behind) for text in ("ink", "soft-ink", "accent-ink") for behind in ("ground", "surface")),
]


@given(themes, st.booleans())
def test_text_stands_out_from_whatever_is_behind_it(theme: Theme, dark: bool) -> None:
    colours_of = {name: parse_colour(value) for name, value in palette(theme, dark=dark).items()}
    for text, behind in TEXT_ON:
        assert contrast(colours_of[text], colours_of[behind]) >= 4.5, (text, behind)


@given(themes)
def test_a_theme_is_read_as_it_was_stored(theme: Theme) -> None:
    assert parse_theme(theme.as_stored()) == theme


@pytest.mark.parametrize(
    "chosen",
    [{"accent": "red"}, {"accent": "#fff"}, {"radius": 25}, {"radius": True}, {"font": "x"}, {"css": "body{}"}],
)
def test_nothing_but_what_can_be_chosen_is_taken(chosen: dict[str, object]) -> None:
    with pytest.raises(InvalidBranding):
        parse_theme(chosen)


@pytest.mark.parametrize("image", [b"", b"<svg/>", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"x" * 65_536])
def test_pictures_that_can_act_or_are_large_are_refused(image: bytes) -> None:
    """R83."""
    with pytest.raises(InvalidBranding):
        check_image(image)


@pytest.mark.parametrize("number", ["", "911;rm", "+", "call", "1" * 40])
def test_what_is_no_telephone_number_is_refused(number: str) -> None:
    with pytest.raises(InvalidBranding):
        check_phone(number)
