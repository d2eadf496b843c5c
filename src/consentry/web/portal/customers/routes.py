"""The routes of the pages about customers, and who may use them: compliance reads, support and admins act, too."""

from typing import Final

from consentry.usecases.services import Services
from consentry.web.portal.customers.consent import ConsentPages
from consentry.web.portal.customers.looked import CustomerPage, looked
from consentry.web.portal.customers.measures import MeasurePages
from consentry.web.portal.customers.one import MAY_CHANGE, MAY_READ, OnePages
from consentry.web.portal.customers.paths import ONE, OPEN, SEARCH
from consentry.web.portal.customers.searching import SearchPages
from consentry.web.portal.doors import PortalRoute, portal_route
from consentry.web.safety.places import EvidencePlaces

_ONE: Final = f"{ONE}/{{customer}}"
_CONSENT: Final = f"{_ONE}/consents/{{consent}}"


def routes(services: Services) -> list[PortalRoute]:
    """Give the routes of the pages about customers."""
    search, one, consent = SearchPages(services), OnePages(services), ConsentPages(services)
    measures = MeasurePages(services, EvidencePlaces(most=2, most_each=1))

    def read(path: str, page: CustomerPage, name: str, *, method: str = "GET") -> PortalRoute:
        return portal_route(path, looked(services, page), role=MAY_READ, name=f"portal.{name}", methods=(method,))

    def act(path: str, page: CustomerPage, name: str, *, method: str = "GET") -> PortalRoute:
        return portal_route(path, looked(services, page), role=MAY_CHANGE, name=f"portal.{name}", methods=(method,))

    return [
        portal_route(SEARCH, search.search, role=MAY_READ, name="portal.customers"),
        portal_route(OPEN, search.ask, role=MAY_READ, name="portal.customer_reason"),
        portal_route(OPEN, search.open, role=MAY_READ, name="portal.customer_open", methods=("POST",)),
        read(_ONE, one.show, "customer"),
        read(f"{_ONE}/consents.csv", one.csv, "customer_csv"),
        read(f"{_ONE}/evidence", measures.ask_for_evidence, "customer_evidence_reason"),
        read(f"{_ONE}/evidence", measures.evidence, "customer_evidence", method="POST"),
        read(_CONSENT, consent.show, "consent"),
        read(f"{_CONSENT}/receipt.pdf", consent.receipt_pdf, "consent_receipt_pdf", method="POST"),
        read(f"{_CONSENT}/receipt.json", consent.receipt_json, "consent_receipt_json", method="POST"),
        act(f"{_CONSENT}/stop", consent.ask_to_stop, "consent_stop_reason"),
        act(f"{_CONSENT}/stop", consent.stop, "consent_stop", method="POST"),
        act(f"{_ONE}/stop-all", measures.ask_to_stop_all, "customer_stop_all_reason"),
        act(f"{_ONE}/stop-all", measures.stop_all, "customer_stop_all", method="POST"),
        act(f"{_ONE}/block", measures.ask_to_block, "customer_block_reason"),
        act(f"{_ONE}/block", measures.block, "customer_block", method="POST"),
    ]
