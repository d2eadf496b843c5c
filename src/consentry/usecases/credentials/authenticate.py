"""Authenticate an institution's server by its credentials, for everything but the request of a token."""

from dataclasses import dataclass
from typing import Final

from consentry.domain.credential import Secret
from consentry.domain.refusal.request import InvalidClient
from consentry.store import credentials
from consentry.usecases.services import Services
from consentry.usecases.token.issue import PresentedCredentials

_NO_INSTITUTION: Final = 0


@dataclass(frozen=True, slots=True)
class AuthenticatedClient:
    """Which institution's credentials, and which of their secrets, a request bore."""

    institution_id: int
    client_id: str
    name: str
    secret: Secret


async def authenticate(services: Services, presented: PresentedCredentials) -> AuthenticatedClient:
    """Check credentials; the use of the secret is remembered.

    Raises:
        InvalidClient: unknown client, wrong or dead secret, disabled institution or another institution's host, all
            alike; the caller remembers the attempt before it answers.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    client = await _find(services, presented) if presented.are_possible else None
    if client is None:
        raise InvalidClient
    return client


async def _find(services: Services, presented: PresentedCredentials) -> AuthenticatedClient | None:
    async with services.session.connection() as connection:
        institution_id = await credentials.institution_of_client(connection, presented.client_id, presented.host)
    macs = presented.macs(tuple(services.keyring.peppers.values()))
    # An unknown client is looked up all the same, in no institution: the time of the answer must not tell it apart.
    async with services.session.begin(institution_id or _NO_INSTITUTION) as connection:
        found = await credentials.matching_secret(connection, client_id=presented.client_id, macs=macs)
        if institution_id is None or found is None:
            return None
        name, secret = found
        await credentials.mark_used(connection, institution_id, name, secret.number)
    return AuthenticatedClient(institution_id=institution_id, client_id=presented.client_id, name=name, secret=secret)
