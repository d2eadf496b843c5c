"""The routes of the Channel Partner Portal that the other portal does not have."""

from consentry.config import Settings
from consentry.usecases.services import Services
from consentry.web.partner import changing, institution, institutions
from consentry.web.portal.doors import PortalRoute


def routes(services: Services, settings: Settings) -> list[PortalRoute]:
    """Give the routes of all pages about a partner's institutions."""
    return [
        *institutions.routes(services, settings),
        *changing.routes(services, settings),
        *institution.routes(services),
    ]
