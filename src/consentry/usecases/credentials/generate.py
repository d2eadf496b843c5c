"""Generate an institution's first credentials."""

from consentry.domain.actor import Actor
from consentry.domain.credential import CREDENTIAL_NAME, Credentials, Secret, new_client_id
from consentry.domain.refusal.institution import CredentialsExist
from consentry.store import audit, clock, credentials
from consentry.usecases.credentials.new_secret import ShownCredentials, make_secret
from consentry.usecases.services import Services


async def generate_credentials(services: Services, institution_id: int, *, actor: Actor) -> ShownCredentials:
    """Make the credentials `consent_management` of an institution; the secret is shown this once.

    Raises:
        CredentialsExist: the institution has them already.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    text, stored = make_secret(services)
    async with services.session.begin(institution_id) as connection:
        now = await clock.now(connection)
        made = Credentials(
            institution_id=institution_id,
            name=CREDENTIAL_NAME,
            client_id=new_client_id(services.choose),
            created_at=now,
            secrets=(
                Secret(number=1, mac=stored.mac, pepper_id=stored.pepper_id, display=stored.display, created_at=now),
            ),
        )
        if not await credentials.add(connection, made):
            raise CredentialsExist
        await audit.record(
            connection,
            institution_id,
            action="credentials.generated",
            actor=actor,
            subject=("credentials", made.client_id),
            after={"name": made.name, "secret": stored.display},
        )
    return ShownCredentials(
        client_id=made.client_id, client_secret=text, name=made.name, created_at=now, previous_secret_expires_at=None
    )
