"""Where an institution's servers and customers find the service: the addresses that the portal's pages print."""

from dataclasses import dataclass

from starlette.requests import Request

from consentry.config import Settings
from consentry.usecases.configuration.api_settings import show_api_settings
from consentry.usecases.services import Services
from consentry.web.portal.origins import asked_origin


@dataclass(frozen=True, slots=True)
class PrintedAddress:
    """The origin of the API and of the dashboard; `is_set` is whether the institution has set it itself."""

    origin: str
    is_set: bool


@dataclass(frozen=True, slots=True)
class Addresses:
    """Knows which address is printed for whom."""

    services: Services
    settings: Settings

    async def of(self, request: Request, institution_id: int) -> PrintedAddress:
        """Give an institution's public URL, or the address of this very request where none is set.

        Raises:
            InvalidRequest: none is set, and the Host header is none.
            TemporarilyUnavailable: the store can't be reached.
        """
        public_url = (await show_api_settings(self.services, institution_id)).settings.public_url
        asked = asked_origin(self.settings, request) if public_url is None else public_url
        return PrintedAddress(asked, is_set=public_url is not None)
