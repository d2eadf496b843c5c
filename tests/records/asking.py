"""Whom a use case of these tests works for: a customer by a live token, as the institution's server gets one."""

from consentry.domain.actor import Actor, ActorKind
from consentry.store.consents import Subject
from consentry.usecases.consent.changes import ChangeRequest
from consentry.usecases.services import Services
from consentry.usecases.token.issue import PresentedCredentials, issue_token
from tests.builders import Tenant

SOURCE = "192.0.2.7"


async def token_of(services: Services, tenant: Tenant, customer_id: str) -> Subject:
    """Get a token and give whom it speaks for."""
    presented = PresentedCredentials(
        client_id=tenant.client_id, client_secret=tenant.client_secret, host=None, source=SOURCE, request_id="r0"
    )
    issued = await issue_token(services, presented, customer_id=customer_id)
    return await services.verifier.verify(issued.access_token, host=None)


def customer_actor(subject: Subject, request_id: str = "r1") -> Actor:
    """Give the customer as the one who acts."""
    return Actor(ActorKind.CUSTOMER, subject.customer_id, SOURCE, request_id)


def about(
    subject: Subject, consent_id: str, *, request_id: str = "r1", if_match: tuple[str, ...] = ()
) -> ChangeRequest:
    """Ask for a change of one consent as its customer."""
    return ChangeRequest(subject, consent_id, customer_actor(subject, request_id), if_match)
