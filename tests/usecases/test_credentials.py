"""Credentials between two moments: what must not slip through, and what a wrong client may not learn."""

import pytest

from consentry.domain.actor import Actor, ActorKind
from consentry.domain.institution import InstitutionStatus
from consentry.domain.refusal.institution import ChangedMeanwhile
from consentry.domain.refusal.request import InvalidClient
from consentry.usecases.credentials.authenticate import authenticate
from consentry.usecases.credentials.leaked import end_leaked_credentials
from consentry.usecases.credentials.rotate import rotate_credentials
from consentry.usecases.institution.change import InstitutionChange, change_institution
from consentry.usecases.services import Services
from consentry.usecases.token.issue import PresentedCredentials
from tests.builders import Tenant
from tests.conftest import OPERATOR


def presented(client_id: str, client_secret: str) -> PresentedCredentials:
    return PresentedCredentials(
        client_id=client_id, client_secret=client_secret, host=None, source="192.0.2.1", request_id="1"
    )


async def test_a_disabled_institution_makes_no_secret_even_if_it_signed_in_before(
    services: Services, bku: Tenant
) -> None:
    client = await authenticate(services, presented(*bku.basic))
    await change_institution(
        services, bku.institution_id, InstitutionChange(status=InstitutionStatus.DISABLED), actor=OPERATOR
    )
    with pytest.raises(InvalidClient):
        await rotate_credentials(
            services,
            bku.institution_id,
            actor=Actor(ActorKind.INSTITUTION, bku.client_id),
            presented=client.secret,
        )
    made = await rotate_credentials(services, bku.institution_id, actor=OPERATOR)
    assert made.client_secret


async def test_an_unknown_client_costs_the_same_work_as_a_wrong_secret(services: Services, bku: Tenant) -> None:
    """R22: the time of the answer tells nobody which clients there are."""
    asked: list[str] = []
    async with services.session.connection() as connection:
        connection.add_query_logger(lambda query: asked.append(query.query))
    done = []
    for client_id in ("warm", bku.client_id, "unknown"):
        asked.clear()
        with pytest.raises(InvalidClient):
            await authenticate(services, presented(client_id, "cns_secret_wrong"))
        done.append(list(asked))
    assert done[1]
    assert done[1] == done[2]


async def test_a_decision_that_arrives_twice_rotates_once(services: Services, bku: Tenant) -> None:
    """A page that is reloaded, or two admins at once: the second would end the secret that is being handed round."""
    first = await rotate_credentials(services, bku.institution_id, actor=OPERATOR, newest_seen=1)
    with pytest.raises(ChangedMeanwhile):
        await rotate_credentials(services, bku.institution_id, actor=OPERATOR, newest_seen=1)
    await authenticate(services, presented(*bku.basic))
    await authenticate(services, presented(first.client_id, first.client_secret))


async def test_a_leak_told_twice_ends_nothing_that_was_made_since(services: Services, bku: Tenant) -> None:
    await end_leaked_credentials(services, bku.institution_id, actor=OPERATOR, newest_seen=1)
    made = await rotate_credentials(services, bku.institution_id, actor=OPERATOR)
    with pytest.raises(ChangedMeanwhile):
        await end_leaked_credentials(services, bku.institution_id, actor=OPERATOR, newest_seen=1)
    await authenticate(services, presented(made.client_id, made.client_secret))
