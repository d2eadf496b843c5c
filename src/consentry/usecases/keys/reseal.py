"""Encrypt every stored key, and each secret for an identity provider, under the current key-encryption key."""

from consentry.domain.actor import Actor
from consentry.store import (
    audit,
    customer_providers,
    houses,
    installation_keys,
    institutions,
    receipt_keys,
    staff_providers,
)
from consentry.store.sealed_secret import SealedSecret
from consentry.store.session import Connection
from consentry.usecases.audit.checkpoint_key import purpose_of as purpose_of_installation_key
from consentry.usecases.configuration.customer_provider import purpose_of as purpose_of_provider
from consentry.usecases.receipt.keys import purpose_of as purpose_of_receipt_key
from consentry.usecases.services import Services
from consentry.usecases.staff.provider import purpose_of as purpose_of_staff_provider
from consentry.usecases.token.signing_keys import purpose_of as purpose_of_signing_key


async def reseal_keys(services: Services, *, actor: Actor) -> int:
    """Encrypt anew what is stored under older key-encryption keys, house by house; give how many keys.

    What is current already is left as it is, so that it can be repeated after it was cut off.

    Raises:
        KeyringError: something is stored under a key that is not here; what came before it is done.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with services.session.connection() as connection:
        ids = await houses.all_ids(connection)
    resealed = await _reseal_installation_keys(services)
    for institution_id in ids:
        resealed += await _reseal_institution(services, institution_id, actor=actor)
    return resealed


async def _reseal_installation_keys(services: Services) -> int:
    keyring = services.keyring
    async with services.session.begin() as connection:
        found = await installation_keys.sealed_under_others(connection, keyring.current_encryption_key)
        for key in found:
            purpose = purpose_of_installation_key(key.kid)
            plain = keyring.open(key.sealed_key, key_id=key.sealed_under, purpose=purpose)
            await installation_keys.reseal(connection, key.kid, keyring.seal(plain, purpose=purpose))
    return len(found)


async def _reseal_institution(services: Services, institution_id: int, *, actor: Actor) -> int:
    keyring = services.keyring
    async with services.session.begin(institution_id) as connection:
        resealed = await _reseal_signing_keys(services, connection, institution_id)
        resealed += await _reseal_receipt_keys(services, connection, institution_id)
        resealed += await _reseal_provider(services, connection)
        resealed += await _reseal_staff_providers(services, connection, institution_id)
        if resealed:
            await audit.record(
                connection,
                institution_id,
                action="keys.rotated",
                actor=actor,
                subject=("key-encryption key", keyring.current_encryption_key),
                after={"resealed": resealed, "pepper": keyring.current_pepper},
            )
    return resealed


async def _reseal_signing_keys(services: Services, connection: Connection, institution_id: int) -> int:
    keyring = services.keyring
    found = await institutions.signing_keys_under_others(connection, keyring.current_encryption_key)
    for kid, (sealed_key, sealed_under) in found.items():
        plain = keyring.open(sealed_key, key_id=sealed_under, purpose=purpose_of_signing_key(kid))
        sealed = keyring.seal(plain, purpose=purpose_of_signing_key(kid))
        await institutions.reseal_signing_key(connection, institution_id, kid, sealed=sealed)
    return len(found)


async def _reseal_receipt_keys(services: Services, connection: Connection, institution_id: int) -> int:
    keyring = services.keyring
    found = await receipt_keys.sealed_under_others(connection, institution_id, keyring.current_encryption_key)
    for key in found:
        purpose = purpose_of_receipt_key(key.kid)
        plain = keyring.open(key.sealed_key, key_id=key.sealed_under, purpose=purpose)
        await receipt_keys.reseal(connection, institution_id, key.kid, keyring.seal(plain, purpose=purpose))
    return len(found)


async def _reseal_provider(services: Services, connection: Connection) -> int:
    keyring = services.keyring
    found = await customer_providers.secrets_under_others(connection, keyring.current_encryption_key)
    for institution_id, secret in found.items():
        purpose = purpose_of_provider(institution_id)
        plain = keyring.open(secret.sealed, key_id=secret.under, purpose=purpose)
        await customer_providers.reseal(connection, institution_id, SealedSecret(*keyring.seal(plain, purpose=purpose)))
    return len(found)


async def _reseal_staff_providers(services: Services, connection: Connection, institution_id: int) -> int:
    keyring, purpose = services.keyring, purpose_of_staff_provider(institution_id)
    found = await staff_providers.secrets_under_others(connection, institution_id, keyring.current_encryption_key)
    for state, secret in found.items():
        plain = keyring.open(secret.sealed, key_id=secret.under, purpose=purpose)
        sealed = SealedSecret(*keyring.seal(plain, purpose=purpose))
        await staff_providers.reseal(connection, institution_id, state, sealed)
    return len(found)
