"""Who receives customers' data: the routes of the pages about apps and intermediaries."""

from consentry.connectors.outbound import Outbound
from consentry.usecases.services import Services
from consentry.web.portal import app_decisions, apps
from consentry.web.portal.doors import PortalRoute


def receiver_routes(services: Services, _: Outbound) -> list[PortalRoute]:
    """Give the routes of all pages about apps and intermediaries."""
    return [*apps.routes(services), *app_decisions.routes(services)]
