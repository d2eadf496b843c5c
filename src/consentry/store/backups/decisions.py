"""What restoring writes to re-apply decisions that were taken after a backup.

Which decisions these are is domain/restoration.py's business, and in which order they are applied
usecases/backup/reapply.py's.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from consentry.domain.credential import Credentials, Secret
from consentry.domain.institution import InstitutionStatus
from consentry.store.session import Connection


async def known_entries(connection: Connection, institution_id: int, entry_ids: Sequence[UUID]) -> set[UUID]:
    """Give which of these audit entries the database has."""
    rows = await connection.fetch(
        "select entry_id from consentry.audit_entries where institution_id = $1 and entry_id = any ($2::uuid[])",
        institution_id,
        list(entry_ids),
    )
    return {row[0] for row in rows}


async def end_secrets(connection: Connection, credentials: Credentials, ended: Sequence[Secret]) -> None:
    """Store the ends of secrets."""
    await connection.executemany(
        """update consentry.credential_secrets set expires_at = $4
           where institution_id = $1 and name = $2 and number = $3""",
        [(credentials.institution_id, credentials.name, secret.number, secret.expires_at) for secret in ended],
    )


async def set_status(connection: Connection, institution_id: int, status: InstitutionStatus) -> None:
    """Set whether an institution's requests are answered."""
    await connection.execute(
        "update consentry.institutions set status = $2 where institution_id = $1", institution_id, status.value
    )


async def revoke_token(connection: Connection, institution_id: int, *, jti: UUID, at: datetime) -> bool:
    """Remember when a token was revoked; give False if its row is unknown or says so already."""
    done = await connection.fetchval(
        """update consentry.tokens set revoked_at = $3
           where institution_id = $1 and jti = $2 and revoked_at is null returning true""",
        institution_id,
        jti,
        at,
    )
    return bool(done)
