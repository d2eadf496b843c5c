"""An institution's look as style: the values that the style sheet's names stand for, and the page's security policy."""

from functools import lru_cache
from typing import Final

from consentry.domain.branding import FONTS, Theme, palette
from consentry.domain.page import Mode
from consentry.store.branding import Look
from consentry.web.html.pages import content_policy

_FRAMED_HEADERS: Final = {
    # So that banks whose own pages are isolated (COEP) can embed it, too; all that it loads is its own.
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@lru_cache(maxsize=256)
def style_of(theme: Theme, mode: Mode) -> str:
    """Write a theme as custom properties; made of checked values only, it can stand in a style element."""
    light, dark = _properties(theme, dark=False), _properties(theme, dark=True)
    shape = f":root{{--radius:{theme.radius}px;--font:{FONTS[theme.font]}}}"
    match mode:
        case Mode.LIGHT:
            return f"{shape}:root{{{light}}}"
        case Mode.DARK:
            return f"{shape}:root{{{dark}}}"
        case Mode.AUTO:
            return f"{shape}:root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"


def policy_of(look: Look | None, *, nonce: str) -> str:
    """Write the policy of a page: framed by the institution's registered origins, or by nobody where there are none."""
    return content_policy(frame_ancestors=() if look is None else look.origins, nonce=nonce)


def framed_headers(look: Look | None) -> dict[str, str]:
    """Give what a page that others may frame has otherwise than one that nobody may."""
    return dict(_FRAMED_HEADERS) if look is not None and look.origins else {}


def _properties(theme: Theme, *, dark: bool) -> str:
    colours = palette(theme, dark=dark)
    scheme = "dark" if dark else "light"
    return f"color-scheme:{scheme};" + ";".join(f"--{name}:{colour}" for name, colour in colours.items())
