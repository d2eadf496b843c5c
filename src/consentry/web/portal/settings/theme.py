"""Theme: how customers' pages look, chosen by admins alone, with a preview that follows what is being chosen.

A choice that can't be used is refused beside its field, and nothing is saved then.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.domain.branding import (
    FONTS,
    LARGEST_RADIUS,
    PLAIN,
    Palette,
    Theme,
    check_image,
    check_phone,
    palette,
    parse_theme,
)
from consentry.domain.legibility import Legibility, legibility
from consentry.domain.refusal.dashboard import InvalidBranding
from consentry.domain.refusal.institution import ChangedMeanwhile
from consentry.domain.refusal.request import NotFound
from consentry.domain.staff import Role
from consentry.store.branding import StoredBranding
from consentry.usecases.branding.change import BrandingChange, change_branding
from consentry.usecases.branding.get import get_branding
from consentry.usecases.services import Services
from consentry.web.html.assets import kept_answer
from consentry.web.html.forms import Form
from consentry.web.html.pages import html_answer
from consentry.web.html.uploads import UploadForm, read_upload_form
from consentry.web.portal.configuration.api_settings import CHANGED
from consentry.web.portal.doors import PortalRoute, portal_route
from consentry.web.portal.lists import told_of
from consentry.web.portal.rendering import HEADERS, environment, render
from consentry.web.portal.signed_in import SignedIn

PATH: Final = "/admin/settings/theme"
_COLOURS: Final = ("accent", "header", "background")
_PICTURES: Final = ("logo", "favicon")
_TOLD: Final = {
    "saved": "The theme is saved. Dashboards that open from now on have it.",
    "reset": "The theme is the default again.",
}
_PICTURE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


@dataclass(frozen=True, slots=True)
class Scheme:
    """The colours of one scheme by what they are for, and how well they can be read."""

    name: str
    colours: Palette
    rows: tuple[Legibility, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What the preview is drawn of: a theme, its list of fonts, and its colours in light and in dark."""

    theme: Theme
    font: str
    schemes: tuple[Scheme, ...]


class ThemePages:
    """The page, its forms, the preview, and the pictures that are stored."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def show(self, request: Request, staff: SignedIn) -> Response:
        """Show the theme as it is."""
        stored = await get_branding(self._services, staff.institution_id)
        told = told_of(request, _TOLD)
        return _page(staff, stored, values=_values(stored), theme=stored.theme, told=told)

    async def save(self, request: Request, staff: SignedIn) -> Response:
        """Change the theme, if everything that was chosen can be used."""
        sent = await read_upload_form(request)
        problems = _problems(sent)
        if problems:
            stored = await get_branding(self._services, staff.institution_id)
            usable = {name: value for name, value in _chosen(sent.form).items() if name not in problems}
            theme = parse_theme({**stored.theme.as_stored(), **usable})
            return _page(staff, stored, values=_typed(sent), theme=theme, problems=problems, files=set(sent.files))
        return await self._change(staff, sent)

    async def _change(self, staff: SignedIn, sent: UploadForm) -> Response:
        change = BrandingChange(
            theme=_chosen(sent.form),
            logo=_picture(sent, "logo"),
            favicon=_picture(sent, "favicon"),
            fraud_phone=sent.form.text("fraud_phone"),
        )
        try:
            await change_branding(
                self._services,
                staff.institution_id,
                change,
                actor=staff.actor,
                version_seen=sent.form.number("version"),
            )
        except ChangedMeanwhile:
            stored = await get_branding(self._services, staff.institution_id)
            values = {**_typed(sent), "version": str(stored.version)}
            theme = parse_theme(_chosen(sent.form))
            return _page(staff, stored, values=values, theme=theme, refused=CHANGED, files=set(sent.files))
        return RedirectResponse(f"{PATH}?notice=saved", status_code=303)

    async def look(self, request: Request, _: SignedIn) -> Response:
        """Give the preview alone, of what is being chosen; the page puts it in the place of the one before."""
        asked = {name: request.query_params.get(name, "") for name in PLAIN.as_stored()}
        theme = parse_theme(_chosen(Form(tuple(asked.items()))))
        content = environment().get_template("settings/theme_look.html").render(look=_look(theme))
        return html_answer(content, headers=HEADERS)

    async def ask_to_reset(self, _: Request, staff: SignedIn) -> Response:
        """Ask whether the default theme shall come back."""
        return render(
            staff,
            "settings/theme_reset.html",
            title="Reset the theme",
            section="settings.theme",
            trail=((PATH, "Theme"),),
            path=PATH,
        )

    async def reset(self, _: Request, staff: SignedIn) -> Response:
        """Choose the default theme, without pictures; the telephone number stays."""
        change = BrandingChange(theme=PLAIN.as_stored(), logo=b"", favicon=b"")
        await change_branding(self._services, staff.institution_id, change, actor=staff.actor)
        return RedirectResponse(f"{PATH}?notice=reset", status_code=303)

    async def picture(self, request: Request, staff: SignedIn) -> Response:
        """Give the institution's own logo or favicon."""
        stored = await get_branding(self._services, staff.institution_id)
        wanted = {"logo": stored.logo, "favicon": stored.favicon}.get(request.path_params["kind"])
        if wanted is None:
            raise NotFound
        return kept_answer(request, wanted.content, media_type=wanted.media_type, headers=_PICTURE_HEADERS)


def routes(services: Services) -> list[PortalRoute]:
    """Give the routes of the page."""
    pages = ThemePages(services)
    post = ("POST",)
    return [
        portal_route(PATH, pages.show, role=Role.ADMIN, name="portal.theme"),
        portal_route(PATH, pages.save, role=Role.ADMIN, methods=post, name="portal.save_theme"),
        portal_route(f"{PATH}/look", pages.look, role=Role.ADMIN, name="portal.theme_look"),
        portal_route(f"{PATH}/reset", pages.ask_to_reset, role=Role.ADMIN, name="portal.theme_reset"),
        portal_route(f"{PATH}/reset", pages.reset, role=Role.ADMIN, methods=post, name="portal.reset_theme"),
        portal_route(f"{PATH}/pictures/{{kind}}", pages.picture, role=Role.ADMIN, name="portal.theme_picture"),
    ]


def _page(
    staff: SignedIn,
    stored: StoredBranding,
    *,
    values: Mapping[str, str],
    theme: Theme,
    told: str = "",
    refused: str = "",
    problems: Mapping[str, str] | None = None,
    files: set[str] | None = None,
) -> Response:
    return render(
        staff,
        "settings/theme.html",
        title="Theme",
        section="settings.theme",
        status=409 if refused else 422 if problems else 200,
        path=PATH,
        told=told,
        refused=refused,
        values=values,
        problems=problems or {},
        again=bool(files),
        stored=stored,
        most_radius=LARGEST_RADIUS,
        fonts=[(name, name.capitalize()) for name in FONTS],
        look=_look(theme),
    )


def _look(theme: Theme) -> Look:
    """Give what the preview is drawn of, in light and in dark."""
    return Look(
        theme=theme,
        font=FONTS[theme.font],
        schemes=tuple(
            Scheme(name, palette(theme, dark=dark), legibility(theme, dark=dark))
            for name, dark in (("light", False), ("dark", True))
        ),
    )


def _values(stored: StoredBranding) -> dict[str, str]:
    theme = {name: str(value) for name, value in stored.theme.as_stored().items()}
    return {**theme, "fraud_phone": stored.fraud_phone or "", "version": str(stored.version)}


def _typed(sent: UploadForm) -> dict[str, str]:
    """Give what was typed and ticked, to be shown once more; no browser takes a file back."""
    removals = (f"remove_{name}" for name in _PICTURES)
    return {name: sent.form.text(name) for name in (*PLAIN.as_stored(), "fraud_phone", "version", *removals)}


def _chosen(form: Form) -> dict[str, object]:
    """Give a theme's members as the form has them; a radius that is no number is left to be refused."""
    radius = form.text("radius")
    return {
        **{name: form.text(name) for name in (*_COLOURS, "font")},
        "radius": int(radius) if radius.isascii() and radius.isdigit() and len(radius) < 4 else radius,
    }


def _problems(sent: UploadForm) -> dict[str, str]:
    """Try each choice by itself; give the sentences of those that can't be used, by their fields."""
    found: dict[str, str] = {}

    def tried(field: str, check: Callable[[], object]) -> None:
        try:
            check()
        except InvalidBranding as refusal:
            found[field] = refusal.description

    for name, value in _chosen(sent.form).items():
        tried(name, partial(parse_theme, {name: value}))
    for name in _PICTURES:
        if name in sent.files:
            tried(name, partial(check_image, sent.files[name]))
    if sent.form.text("fraud_phone"):
        tried("fraud_phone", partial(check_phone, sent.form.text("fraud_phone")))
    return found


def _picture(sent: UploadForm, name: str) -> bytes | None:
    """Give a picture that was sent, an empty one where it is to be taken away, None where it stays."""
    if name in sent.files:
        return sent.files[name]
    return b"" if sent.form.text(f"remove_{name}") else None
