"""Show an institution's credentials, as far as they may ever be shown again."""

from dataclasses import dataclass
from datetime import datetime

from consentry.domain.credential import CREDENTIAL_NAME, Credentials
from consentry.domain.refusal.institution import NoCredentials
from consentry.store import clock, credentials
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class DescribedCredentials:
    """Credentials, and the moment at which their secrets were looked at."""

    credentials: Credentials
    moment: datetime


async def show_credentials(services: Services, institution_id: int) -> DescribedCredentials:
    """Give the client id and what is known of each secret; never a secret.

    Raises:
        NoCredentials: the institution has none.
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(institution_id) as connection:
        found = await credentials.find(connection, institution_id, CREDENTIAL_NAME)
        if found is None:
            raise NoCredentials
        return DescribedCredentials(credentials=found, moment=await clock.now(connection))
