"""Under which origin (RFC 6454) the portals are found: as somebody set it, or else as it was asked.

The Host header is chosen by whoever asks. It gets into what the asker sees and, unless the operator has set where the
portals are, into redirect URIs, which the provider compares with those registered there; never into an e-mail.
"""

import re
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from consentry.config import Settings
from consentry.domain.api_settings import LOOPBACK
from consentry.domain.refusal.request import InvalidRequest
from consentry.domain.refusal.staff import UnknownPortalAddress
from consentry.usecases.configuration.api_settings import show_api_settings
from consentry.usecases.services import Services
from consentry.web.hosts import host_name

_HOST: Final = re.compile(r"([a-z0-9_.-]{1,253}|\[(?P<address>[0-9a-f:.]{2,45})\])(:[0-9]{1,5})?")


async def portal_origin(services: Services, settings: Settings, request: Request, institution_id: int) -> str:
    """Give the origin under which the browser has the portal: one that was set, if it is that host, else the one asked.

    It has the scheme that was set, whatever the proxies tell. Where the operator has set where the portals are, a host
    that nobody has set is none, but for names of this machine.

    Raises:
        InvalidRequest: the Host header is none.
        TemporarilyUnavailable: the store can't be reached.
    """
    known = await _known(services, settings, institution_id)
    asked = asked_origin(settings, request)
    return _same(known, asked) or (asked if settings.portal_url is None or _is_local(asked) else settings.portal_url)


async def linked_origin(services: Services, settings: Settings, request: Request, institution_id: int) -> str:
    """Give the origin of the portal for links in e-mails: one that was set, or one of this very machine.

    Raises:
        UnknownPortalAddress: none was set, neither by the operator nor by the institution.
        InvalidRequest, TemporarilyUnavailable: as `portal_origin` does.
    """
    known = await _known(services, settings, institution_id)
    asked = asked_origin(settings, request)
    found = _same(known, asked) or (asked if _is_local(asked) else next(iter(known), None))
    if found is None:
        raise UnknownPortalAddress
    return found


async def _known(services: Services, settings: Settings, institution_id: int) -> list[str]:
    """Give the origins of a house's portal that somebody has set: the operator, the house, or by its host name."""
    shown = await show_api_settings(services, institution_id)
    host = shown.institution.host
    set_by_hand = (settings.portal_url, shown.settings.public_url, None if host is None else f"https://{host}")
    return [origin for origin in set_by_hand if origin is not None]


def _same(known: list[str], asked: str) -> str | None:
    return next((origin for origin in known if urlsplit(origin).netloc == urlsplit(asked).netloc), None)


def _is_local(origin: str) -> bool:
    return is_on_this_machine(host_name(urlsplit(origin).netloc))


def asked_origin(settings: Settings, request: Request) -> str:
    """Give the origin that was asked; X-Forwarded-Proto counts behind trusted proxies alone.

    Raises:
        InvalidRequest: the Host header is none.
    """
    host = request.headers.get("host", "").lower()
    if not _is_host(host):
        raise InvalidRequest("The Host header is malformed.")
    scheme = _told_scheme(settings, request) or request.url.scheme
    # A proxy that ends TLS asks us without; the portals' cookies work without TLS on this very machine alone.
    if scheme != "http" or not is_on_this_machine(host_name(host)):
        scheme = "https"
    usual = {"http": ":80", "https": ":443"}[scheme]
    return f"{scheme}://{host.removesuffix(usual)}"


def _is_host(text: str) -> bool:
    """Tell whether a text is a host, with a port or without; in brackets an IPv6 address (RFC 3986, section 3.2.2)."""
    found = _HOST.fullmatch(text)
    if found is None or found["address"] is None:
        return found is not None
    try:
        IPv6Address(found["address"])
    except ValueError:
        return False
    return True


def _told_scheme(settings: Settings, request: Request) -> str:
    if not settings.trusted_proxies:
        return ""
    told = [part.strip().lower() for part in request.headers.get("x-forwarded-proto", "").split(",")]
    return told[-min(settings.trusted_proxies, len(told))]


def is_on_this_machine(name: str | None) -> bool:
    """Tell whether a host's name leads whoever asks to their own machine."""
    return name is not None and (name in LOOPBACK or name.endswith(".localhost") or name == "[::1]")
