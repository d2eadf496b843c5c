"""Go on without keys that are lost: end everything that only they could have checked or opened."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from consentry.domain.actor import Actor
from consentry.store import audit, credentials, customer_providers, installation_keys, institutions
from consentry.usecases.services import Services
from consentry.usecases.token.change_signing_key import change_signing_key
from consentry.usecases.token.signing_keys import purpose_of

_NOTHING = "lost"


@dataclass(frozen=True, slots=True)
class LostKeysReplaced:
    """What was ended: the public ids of the institutions concerned, and how many live secrets."""

    institutions: tuple[str, ...]
    secrets_ended: int


async def replace_lost_keys(services: Services, lost: Sequence[str], *, actor: Actor) -> LostKeysReplaced:
    """End the secrets, signing keys and tokens that depend on keys (`lost`, ids) that nobody has any more.

    Institutions need new secrets afterwards, by rotation, and give their secret for the customers' provider anew. It
    can be repeated after it was cut off.

    Raises:
        TemporarilyUnavailable: the store can't be reached or can't write; what came before is done.
    """
    async with services.session.connection() as connection:
        ids = await institutions.all_ids(connection)
    concerned: list[str] = []
    ended = 0
    for institution_id in ids:
        async with services.session.begin(institution_id) as connection:
            await institutions.lock(connection, institution_id)
            secrets_ended = await credentials.end_secrets_under(connection, institution_id, lost)
            kids = await institutions.signing_keys_under(connection, lost)
            forgotten = await customer_providers.forget_secret_under(connection, institution_id, lost)
            if not secrets_ended and not kids and not forgotten:
                continue
            if kids:
                await institutions.end_everything_before_now(connection, institution_id)
                await change_signing_key(services, connection, institution_id)
            for kid in kids:
                # What it signed is dead; random bytes in its place say so, under a key that is there.
                sealed = services.keyring.seal(secrets.token_bytes(32), purpose=purpose_of(kid))
                await institutions.reseal_signing_key(connection, institution_id, kid, sealed=sealed)
            (institution,) = await institutions.visible(connection)
            await audit.record(
                connection,
                institution_id,
                action="keys.lost",
                actor=actor,
                subject=("keys", ", ".join(lost)),
                after={
                    "secrets_ended": secrets_ended,
                    "signing_keys_ended": len(kids),
                    "provider_secret_forgotten": forgotten,
                },
            )
        concerned.append(institution.public_id)
        ended += secrets_ended
    async with services.session.begin() as connection:
        await installation_keys.abandon(connection, lost, instead=services.keyring.seal(b"", purpose=_NOTHING))
    return LostKeysReplaced(institutions=tuple(concerned), secrets_ended=ended)
