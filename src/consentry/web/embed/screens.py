"""Screens: templates rendered in an institution's look and a customer's language, as answers with their headers."""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Final

from jinja2 import Environment
from starlette.responses import HTMLResponse

from consentry.domain.branding import PLAIN
from consentry.domain.page import IDLE, LONGEST, WARNING, Page, Wishes
from consentry.store.branding import Look
from consentry.web.embed import languages
from consentry.web.embed.languages import Language, language, speak
from consentry.web.embed.looks import framed_headers, policy_of, style_of
from consentry.web.html.assets import Assets
from consentry.web.html.pages import html_answer, templates_of

ASSETS: Final = Assets("consentry.web.embed", "/embed/assets/")


@dataclass(frozen=True, slots=True)
class Frame:
    """Around a screen: whose look, which wishes, and the page that is open, if one is.

    `secret` is what the page must show at each use.
    """

    look: Look | None
    wishes: Wishes
    page: Page | None = None
    secret: str = field(default="", repr=False)

    @property
    def language(self) -> Language:
        """Give the language of the screen."""
        return language(self.wishes.locale, self.wishes.time_zone)

    @property
    def seconds_left(self) -> int:
        """Give how long the page can live at most from this use on."""
        return 0 if self.page is None else int((self.page.ends_at - self.page.moment) / timedelta(seconds=1))


@dataclass(frozen=True, slots=True)
class Notice:
    """What has just happened, or why it has not: a sentence, its tone, and whether it can be undone."""

    text: str
    tone: str = "good"
    undo: "Undo | None" = None


@dataclass(frozen=True, slots=True)
class Undo:
    """The opposite of what has just been done: where it is posted, with which fields."""

    action: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What the embedding page is told of a change: which consent, and what happened to it."""

    consent_id: str
    kind: str


def show(
    frame: Frame,
    template: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **context: object,
) -> HTMLResponse:
    """Render a screen and answer with it."""
    nonce = secrets.token_urlsafe(16)
    speak(frame.language)
    content = (
        environment()
        .get_template(template)
        .render({"notice": None, "told": None, "focus": "", **context, **_surroundings(frame, nonce)})
    )
    return html_answer(
        content,
        status=status,
        policy=policy_of(frame.look, nonce=nonce),
        headers={**framed_headers(frame.look), **(headers or {})},
    )


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Give the templates, with every one of them compiled, so that no customer waits for that."""
    made = templates_of("consentry.web.embed")
    made.globals |= {
        "_": languages._,
        "ngettext": languages.ngettext,
        "spoken": languages.spoken,
        "asset": ASSETS.address,
    }
    for name in made.list_templates():
        made.get_template(name)
    return made


def _surroundings(frame: Frame, nonce: str) -> dict[str, object]:
    look = frame.look
    return {
        "look": look,
        "language": frame.language,
        "secret": frame.secret,
        "page": frame.page,
        "nonce": nonce,
        "style": style_of(PLAIN if look is None else look.theme, frame.wishes.mode),
        "mode": frame.wishes.mode.value,
        "now": None if frame.page is None else frame.page.moment,
        "seconds_left": frame.seconds_left,
        "idle_seconds": int(IDLE.total_seconds()),
        "warning_seconds": int(WARNING.total_seconds()),
        "longest_minutes": int(LONGEST.total_seconds() // 60),
        "parents": " ".join(look.origins) if look else "",
        "bank": look.name if look else "",
    }
