"""Change an institution's signing key; tokens signed with the one before live on."""

import secrets

from consentry.domain.credential import random_base62
from consentry.store import institutions
from consentry.store.session import Connection
from consentry.usecases.services import Services
from consentry.usecases.token.signing_keys import add_signing_key


async def change_signing_key(services: Services, connection: Connection, institution_id: int) -> str:
    """Make and store a new signing key in the caller's transaction, retire the others, and give its `kid`."""
    kid = random_base62(services.choose, length=16)
    await add_signing_key(connection, services.keyring, institution_id, kid=kid, key=secrets.token_bytes(32))
    await institutions.retire_signing_keys(connection, institution_id, but=kid)
    return kid
