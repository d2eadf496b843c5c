"""Go on without keys that are lost: end everything that only they could have checked or opened."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consentry.domain.actor import Actor
from consentry.store import (
    audit,
    credentials,
    customer_providers,
    houses,
    installation_keys,
    institutions,
    receipt_keys,
    registration_tokens,
    setup_links,
    staff_providers,
    staff_sessions,
)
from consentry.store.session import Connection
from consentry.usecases.audit.checkpoint_key import purpose_of as purpose_of_installation_key
from consentry.usecases.receipt.keys import purpose_of as purpose_of_receipt_key
from consentry.usecases.services import Services
from consentry.usecases.token.change_signing_key import change_signing_key
from consentry.usecases.token.signing_keys import purpose_of as purpose_of_signing_key

_NOTHING: Final = b""
"""What stands in the place of a lost private half: sealed for the same purpose, so that it moves with the others."""


@dataclass(frozen=True, slots=True)
class LostKeysReplaced:
    """What was ended: the public ids of the institutions concerned, and how many live secrets."""

    institutions: tuple[str, ...]
    secrets_ended: int


async def replace_lost_keys(services: Services, lost: Sequence[str], *, actor: Actor) -> LostKeysReplaced:
    """End the secrets, signing keys and tokens that depend on keys (`lost`, ids) that nobody has any more.

    Institutions need new secrets afterwards, by rotation, and give their secret for the customers' provider anew.
    Receipts are signed with new keys; those that were given stay verifiable. Where the secret of the staff's
    provider is lost, a first admin sets the provider up again. It can be repeated after it was cut off.

    Raises:
        TemporarilyUnavailable: the store can't be reached or can't write; what came before is done.
    """
    async with services.session.connection() as connection:
        ids = await houses.all_ids(connection)
    concerned: list[str] = []
    ended = 0
    for institution_id in ids:
        async with services.session.begin(institution_id) as connection:
            await institutions.lock(connection, institution_id)
            ends = {
                "secrets_ended": await credentials.end_secrets_under(connection, institution_id, lost),
                "registration_tokens_ended": await registration_tokens.end_under(connection, institution_id, lost),
                "signing_keys_ended": await _replace_signing_key(services, connection, institution_id, lost),
                "receipt_keys_ended": await _abandon_receipt_keys(services, connection, institution_id, lost),
                "provider_secret_forgotten": await customer_providers.forget_secret_under(
                    connection, institution_id, lost
                ),
                **await _forget_what_lets_staff_in(connection, institution_id, lost),
            }
            if not any(ends.values()):
                continue
            (institution,) = await institutions.visible(connection)
            await audit.record(
                connection,
                institution_id,
                action="keys.lost",
                actor=actor,
                subject=("keys", ", ".join(lost)),
                after=ends,
            )
        concerned.append(institution.public_id)
        ended += ends["secrets_ended"]
    async with services.session.begin() as connection:
        for kid in await installation_keys.sealed_under(connection, lost):
            instead = services.keyring.seal(_NOTHING, purpose=purpose_of_installation_key(kid))
            await installation_keys.abandon(connection, kid, instead=instead)
    return LostKeysReplaced(institutions=tuple(concerned), secrets_ended=ended)


async def _forget_what_lets_staff_in(
    connection: Connection, institution_id: int, lost: Sequence[str]
) -> dict[str, int]:
    return {
        "staff_provider_secrets_forgotten": await staff_providers.forget_secrets_under(
            connection, institution_id, lost
        ),
        "staff_sessions_ended": await staff_sessions.end_under(connection, institution_id, list(lost)),
        "setup_links_ended": await setup_links.end_under(connection, institution_id, list(lost)),
    }


async def _replace_signing_key(
    services: Services, connection: Connection, institution_id: int, lost: Sequence[str]
) -> int:
    kids = await institutions.signing_keys_under(connection, lost)
    if kids:
        await institutions.end_everything_before_now(connection, institution_id)
        await change_signing_key(services, connection, institution_id)
    for kid in kids:
        # What it signed is dead; random bytes in its place say so, under a key that is there.
        sealed = services.keyring.seal(secrets.token_bytes(32), purpose=purpose_of_signing_key(kid))
        await institutions.reseal_signing_key(connection, institution_id, kid, sealed=sealed)
    return len(kids)


async def _abandon_receipt_keys(
    services: Services, connection: Connection, institution_id: int, lost: Sequence[str]
) -> int:
    kids = await receipt_keys.sealed_under(connection, institution_id, lost)
    for kid in kids:
        instead = services.keyring.seal(_NOTHING, purpose=purpose_of_receipt_key(kid))
        await receipt_keys.abandon(connection, institution_id, kid, instead=instead)
    return len(kids)
