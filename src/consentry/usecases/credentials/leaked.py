"""End everything that a leaked secret could have opened."""

from dataclasses import dataclass

from consentry.domain.actor import Actor
from consentry.domain.credential import CREDENTIAL_NAME
from consentry.domain.refusal.institution import ChangedMeanwhile, NoCredentials
from consentry.store import audit, clock, credentials, events, institutions
from consentry.usecases.mail import texts
from consentry.usecases.mail.tell_admins import tell_admins, who
from consentry.usecases.services import Services
from consentry.usecases.token.change_signing_key import change_signing_key


@dataclass(frozen=True, slots=True)
class EndedCredentials:
    """What was ended: the client's id and how many secrets were live."""

    client_id: str
    secrets_ended: int


async def end_leaked_credentials(
    services: Services, institution_id: int, *, actor: Actor, newest_seen: int | None = None
) -> EndedCredentials:
    """End all secrets, live tokens and page sessions of an institution at once, and change its signing key.

    Afterwards new credentials are made by rotation, by an admin or an operator. `newest_seen` is as in rotation: a
    decision that arrives once more must not end the secrets made since.

    Raises:
        NoCredentials: the institution has none.
        ChangedMeanwhile: another secret is the newest.
        TemporarilyUnavailable: the store can't be reached or can't write; nothing has ended.
    """
    async with services.session.begin(institution_id) as connection:
        current = await credentials.lock(connection, institution_id, CREDENTIAL_NAME)
        if current is None:
            raise NoCredentials
        if newest_seen not in (None, current.secrets[0].number):
            raise ChangedMeanwhile
        ended = await credentials.end_all_secrets(connection, institution_id, CREDENTIAL_NAME)
        await institutions.end_everything_before_now(connection, institution_id)
        await change_signing_key(services, connection, institution_id)
        await audit.record(
            connection,
            institution_id,
            action="credentials.leaked",
            actor=actor,
            subject=("credentials", current.client_id),
            after={"secrets_ended": ended},
        )
        await events.record(connection, institution_id, kind="CREDENTIALS_LEAKED", detail={"secrets_ended": ended})
        (institution,) = await institutions.visible(connection)
        text = texts.credentials_leaked(
            institution=institution.name,
            client_id=current.client_id,
            by=await who(connection, institution_id, actor),
            at=await clock.now(connection),
            secrets_ended=ended,
        )
        await tell_admins(connection, institution_id, kind="credentials_leaked", text=text)
    return EndedCredentials(client_id=current.client_id, secrets_ended=ended)
