"""Where an institution's servers and customers find the service: the addresses that the portal's pages print."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from consentry.domain.api_settings import LOOPBACK
from consentry.usecases.configuration.api_settings import show_api_settings
from consentry.usecases.services import Services
from consentry.web.openapi.page import HOST
from consentry.web.portal.doors import host_of

_EXAMPLE: Final = "https://consent.bank.example"


@dataclass(frozen=True, slots=True)
class PrintedAddress:
    """The origin of the API and of the dashboard; `is_set` is whether the institution has set it itself."""

    origin: str
    is_set: bool


async def printed_address(services: Services, request: Request, institution_id: int) -> PrintedAddress:
    """Give an institution's public URL, or the address of this very request where none is set."""
    public_url = (await show_api_settings(services, institution_id)).settings.public_url
    if public_url is not None:
        return PrintedAddress(public_url, is_set=True)
    return PrintedAddress(_asked(request), is_set=False)


def is_on_this_machine(request: Request) -> bool:
    """Tell whether the portal was asked by a name that leads to the asker's own machine."""
    return host_of(request) in LOOPBACK


def _asked(request: Request) -> str:
    host = request.headers.get("host", "")
    if not HOST.fullmatch(host):
        return _EXAMPLE
    # A proxy that ends TLS asks us without; only on one's own machine is there none.
    return f"{request.url.scheme if is_on_this_machine(request) else 'https'}://{host}"
