"""Who receives customers' data: the routes of the pages about apps and intermediaries."""

from consentry.connectors.outbound import Outbound
from consentry.usecases.services import Services
from consentry.web.portal.doors import PortalRoute
from consentry.web.portal.receivers import (
    app_decisions,
    apps,
    intermediaries,
    intermediary_decisions,
    intermediary_forms,
)


def routes(services: Services, outbound: Outbound) -> list[PortalRoute]:
    """Give the routes of all pages about apps and intermediaries; of logos' addresses `outbound` checks the names."""
    return [
        *apps.routes(services),
        *app_decisions.routes(services),
        *intermediaries.routes(services),
        *intermediary_forms.routes(services, outbound),
        *intermediary_decisions.routes(services),
    ]
