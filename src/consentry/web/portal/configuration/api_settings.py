"""API settings: the public URL, and how long what the API hands out lives. For admins alone."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentry.config import Settings
from consentry.domain.api_settings import ApiSettings
from consentry.domain.refusal.institution import ChangedMeanwhile, InvalidSettings
from consentry.domain.staff import Role
from consentry.usecases.configuration.api_settings import ShownSettings, change_api_settings, show_api_settings
from consentry.usecases.services import Services
from consentry.web.html.forms import Form, read_form
from consentry.web.portal.doors import PortalRoute, portal_route
from consentry.web.portal.origins import asked_origin
from consentry.web.portal.rendering import render
from consentry.web.portal.signed_in import SignedIn

PATH: Final = "/admin/configuration/api-settings"
CHANGED: Final = (
    "Somebody else has changed these settings since you opened the page, and nothing of yours was saved. The fields "
    "hold what you typed; look at how it is now, and save again if yours is right."
)
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class ApiSettingsPage:
    """The page and its form."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._services = services
        self._settings = settings

    async def show(self, request: Request, staff: SignedIn) -> Response:
        """Show the settings."""
        shown = await show_api_settings(self._services, staff.institution_id)
        told = "The settings are saved." if request.query_params.get("notice") == "saved" else ""
        return self._page(request, staff, shown, values=_values(shown), told=told)

    async def save(self, request: Request, staff: SignedIn) -> Response:
        """Change the settings."""
        form = await read_form(request)
        try:
            wanted, overlap = _read(form)
            await change_api_settings(
                self._services, staff.institution_id, wanted, secret_overlap=overlap, actor=staff.actor
            )
        except InvalidSettings as refusal:
            return await self._again(request, staff, form, version=form.number("version"), problems=refusal.fields)
        except ChangedMeanwhile:
            return await self._again(request, staff, form, refused=CHANGED)
        return RedirectResponse(f"{PATH}?notice=saved", status_code=303)

    async def _again(
        self,
        request: Request,
        staff: SignedIn,
        form: Form,
        *,
        version: int | None = None,
        problems: Mapping[str, str] | None = None,
        refused: str = "",
    ) -> Response:
        shown = await show_api_settings(self._services, staff.institution_id)
        values = {name: form.text(name) for name in _values(shown)}
        values["version"] = str(shown.settings.version if version is None else version)
        status = 422 if problems else 409
        return self._page(request, staff, shown, values=values, problems=problems, refused=refused, status=status)

    def _page(
        self,
        request: Request,
        staff: SignedIn,
        shown: ShownSettings,
        *,
        values: Mapping[str, str],
        problems: Mapping[str, str] | None = None,
        refused: str = "",
        told: str = "",
        status: int = 200,
    ) -> Response:
        return render(
            staff,
            "configuration/api_settings.html",
            title="API settings",
            section="configuration.api_settings",
            status=status,
            path=PATH,
            told=told,
            refused=refused,
            current=_values(shown) if refused else None,
            values=values,
            problems=problems or {},
            address_if_unset=asked_origin(self._settings, request),
        )


def routes(services: Services, settings: Settings) -> list[PortalRoute]:
    """Give the routes of the page."""
    page = ApiSettingsPage(services, settings)
    return [
        portal_route(PATH, page.show, role=Role.ADMIN, name="portal.api_settings"),
        portal_route(
            PATH, page.save, role=Role.ADMIN, methods=("POST",), name="portal.save_api_settings", step_up=True
        ),
    ]


def _values(shown: ShownSettings) -> dict[str, str]:
    """Give the settings as the form writes them."""
    settings = shown.settings
    return {
        "public_url": settings.public_url or "",
        "access_token_lifetime": _in(settings.access_token_lifetime, _MINUTE),
        "refresh_token_lifetime": _in(settings.refresh_token_lifetime, _DAY),
        "secret_overlap": _in(shown.institution.secret_overlap, _HOUR),
        "version": str(settings.version),
    }


def _in(length: timedelta, unit: timedelta) -> str:
    return f"{length / unit:.4f}".rstrip("0").rstrip(".")


def _read(form: Form) -> tuple[ApiSettings, timedelta]:
    settings = ApiSettings(
        public_url=form.text("public_url") or None,
        access_token_lifetime=_length(form, "access_token_lifetime", _MINUTE),
        refresh_token_lifetime=_length(form, "refresh_token_lifetime", _DAY),
        version=form.number("version"),
    )
    return settings, _length(form, "secret_overlap", _HOUR)


def _length(form: Form, name: str, unit: timedelta) -> timedelta:
    """Read a whole number of a unit, or a decimal one to the second; what is none is less than any bound allows."""
    whole, _, part = form.text(name).partition(".")
    if not (whole + part).isascii() or not (whole + part).isdigit() or not whole or len(whole + part) > 9:
        return -unit
    return timedelta(seconds=round(float(f"{whole}.{part or 0}") * unit.total_seconds()))
