"""Remember a sign-in that failed, although its request is refused."""

from consentry.domain.credential import masked
from consentry.usecases.services import Services
from consentry.usecases.token.issue import PresentedCredentials


async def remember_failed_sign_in(services: Services, presented: PresentedCredentials) -> None:
    """Write a failed sign-in down in a transaction of its own, of known and unknown clients alike.

    Whoever confuses the two may have sent a secret as the client's id; it is kept in its display form only.

    Raises:
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    await services.failed_sign_ins.record(
        client_id=masked(presented.client_id), source=presented.source, request_id=presented.request_id
    )
