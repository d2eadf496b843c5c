"""Under which origin (RFC 6454) others find an institution's pages: as it set it, or else as it was asked.

Mails, documentation and redirect URIs are written with these; which host belongs to whom is the store's business.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from consentry.config import Settings
from consentry.domain.api_settings import LOOPBACK
from consentry.domain.refusal import InvalidRequest
from consentry.usecases.configuration.api_settings import show_api_settings
from consentry.usecases.services import Services

_HOST: Final = re.compile(r"([a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?")


async def public_origin(services: Services, settings: Settings, request: Request, institution_id: int) -> str:
    """Give the origin of an institution's public URL; where it has set none, the one that was asked.

    Raises:
        InvalidRequest: none was set, and the Host header is none.
        TemporarilyUnavailable: the store can't be reached.
    """
    shown = await show_api_settings(services, institution_id)
    return shown.settings.public_url or asked_origin(settings, request)


async def portal_origin(services: Services, settings: Settings, request: Request, institution_id: int) -> str:
    """Give the origin under which the browser has the portal, which may be another than the public one.

    It has the public URL's scheme where its host is the public one, whatever the proxies tell. Raises what
    `public_origin` raises.
    """
    public = await public_origin(services, settings, request, institution_id)
    asked = asked_origin(settings, request)
    return public if urlsplit(public).netloc == urlsplit(asked).netloc else asked


def asked_origin(settings: Settings, request: Request) -> str:
    """Give the origin that was asked; X-Forwarded-Proto counts behind trusted proxies alone.

    Raises:
        InvalidRequest: the Host header is none.
    """
    host = request.headers.get("host", "").lower()
    if not _HOST.fullmatch(host):
        raise InvalidRequest("The Host header is malformed.")
    scheme = _told_scheme(settings, request) or request.url.scheme
    # A proxy that ends TLS asks us without; the portals' cookies work without TLS on this very machine alone.
    if scheme != "http" or not _is_on_this_machine(host):
        scheme = "https"
    usual = {"http": ":80", "https": ":443"}[scheme]
    return f"{scheme}://{host.removesuffix(usual)}"


def _told_scheme(settings: Settings, request: Request) -> str:
    if not settings.trusted_proxies:
        return ""
    told = [part.strip().lower() for part in request.headers.get("x-forwarded-proto", "").split(",")]
    return told[-min(settings.trusted_proxies, len(told))]


def _is_on_this_machine(host: str) -> bool:
    name = host if host.startswith("[") else host.partition(":")[0]
    return name in LOOPBACK or name.endswith(".localhost") or host.startswith("[::1]")
