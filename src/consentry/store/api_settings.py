"""Institutions' settings of their API."""

from consentry.domain.api_settings import ApiSettings
from consentry.store.session import Connection


async def find(connection: Connection, institution_id: int) -> ApiSettings:
    """Give an institution's settings; the defaults where it never set any."""
    row = await connection.fetchrow(
        """select public_url, access_token_lifetime, refresh_token_lifetime, version
           from consentry.api_settings where institution_id = $1""",
        institution_id,
    )
    return ApiSettings() if row is None else ApiSettings(*row)


async def write(connection: Connection, institution_id: int, settings: ApiSettings) -> ApiSettings | None:
    """Store settings if `version` is still that of what is stored; give them with their new one, else None."""
    row = await connection.fetchrow(
        """insert into consentry.api_settings as s
               (institution_id, public_url, access_token_lifetime, refresh_token_lifetime, version)
           select $1, $2, $3, $4, 1
           where $5 = 0 or exists (select from consentry.api_settings where institution_id = $1)
           on conflict (institution_id) do update
           set public_url = $2, access_token_lifetime = $3, refresh_token_lifetime = $4, version = s.version + 1
           where s.version = $5
           returning public_url, access_token_lifetime, refresh_token_lifetime, version""",
        institution_id,
        settings.public_url,
        settings.access_token_lifetime,
        settings.refresh_token_lifetime,
        settings.version,
    )
    return None if row is None else ApiSettings(*row)
