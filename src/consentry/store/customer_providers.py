"""The OpenID providers of institutions' customers; a client secret is stored encrypted, for its use alone."""

from collections.abc import Sequence

import asyncpg

from consentry.domain.customer_provider import ConfiguredProvider, ConnectionTest, CustomerProvider, Endpoints
from consentry.store.sealed_secret import SealedSecret
from consentry.store.session import Connection


async def find(connection: Connection, institution_id: int) -> ConfiguredProvider | None:
    """Give what an institution has configured, without the secret."""
    row = await connection.fetchrow(
        """select discovery_url, issuer, authorization_endpoint, token_endpoint, jwks_uri, client_id, user_id_claim,
                  sealed_secret is not null as has_secret, version, tested_version, tested_at, test_passed
           from consentry.customer_providers where institution_id = $1""",
        institution_id,
    )
    return None if row is None else _configured(row)


async def sealed_secret(connection: Connection, institution_id: int) -> SealedSecret | None:
    """Give the client secret as it is stored, None where there is none."""
    row = await connection.fetchrow(
        """select sealed_secret, sealed_under from consentry.customer_providers
           where institution_id = $1 and sealed_secret is not null""",
        institution_id,
    )
    return None if row is None else SealedSecret(*row)


async def write(
    connection: Connection, institution_id: int, provider: CustomerProvider, secret: SealedSecret, *, version: int
) -> int | None:
    """Store a provider if `version` is still that of what is stored (0: nothing); give the new version, else None."""
    endpoints = provider.endpoints
    written: int | None = await connection.fetchval(
        """insert into consentry.customer_providers as p
               (institution_id, discovery_url, issuer, authorization_endpoint, token_endpoint, jwks_uri,
                client_id, sealed_secret, sealed_under, user_id_claim)
           select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
           where $11 = 0 or exists (select from consentry.customer_providers where institution_id = $1)
           on conflict (institution_id) do update
           set discovery_url = $2, issuer = $3, authorization_endpoint = $4, token_endpoint = $5, jwks_uri = $6,
               client_id = $7, sealed_secret = $8, sealed_under = $9, user_id_claim = $10, version = p.version + 1
           where p.version = $11
           returning version""",
        institution_id,
        provider.discovery_url,
        *(
            (None,) * 4
            if endpoints is None
            else (endpoints.issuer, endpoints.authorization_endpoint, endpoints.token_endpoint, endpoints.jwks_uri)
        ),
        provider.client_id,
        secret.sealed,
        secret.under,
        provider.user_id_claim,
        version,
    )
    return written


async def write_test(connection: Connection, institution_id: int, *, version: int, passed: bool) -> None:
    """Remember how a test of one version of the configuration went."""
    await connection.execute(
        """update consentry.customer_providers
           set tested_version = $2, tested_at = consentry.now(), test_passed = $3
           where institution_id = $1 and version = $2""",
        institution_id,
        version,
        passed,
    )


async def secrets_under_others(connection: Connection, encryption_key: str) -> dict[int, SealedSecret]:
    """Lock and give, by institution, the secrets in sight that other keys encrypt."""
    rows = await connection.fetch(
        """select institution_id, sealed_secret, sealed_under from consentry.customer_providers
           where sealed_under <> $1 for update""",
        encryption_key,
    )
    return {row[0]: SealedSecret(row[1], row[2]) for row in rows}


async def reseal(connection: Connection, institution_id: int, secret: SealedSecret) -> None:
    """Store a secret as encrypted anew."""
    await connection.execute(
        "update consentry.customer_providers set sealed_secret = $2, sealed_under = $3 where institution_id = $1",
        institution_id,
        secret.sealed,
        secret.under,
    )


async def forget_secret_under(connection: Connection, institution_id: int, encryption_keys: Sequence[str]) -> bool:
    """Delete the secret if it is encrypted under one of some keys; tell whether it was."""
    forgotten = await connection.fetchval(
        """update consentry.customer_providers set sealed_secret = null, sealed_under = null, version = version + 1
           where institution_id = $1 and sealed_under = any ($2) returning true""",
        institution_id,
        encryption_keys,
    )
    return bool(forgotten)


def _configured(row: asyncpg.Record) -> ConfiguredProvider:
    endpoints = None
    if row["discovery_url"] is None:
        endpoints = Endpoints(row["issuer"], row["authorization_endpoint"], row["token_endpoint"], row["jwks_uri"])
    test = None
    if row["tested_version"] == row["version"]:
        test = ConnectionTest(tested_at=row["tested_at"], passed=row["test_passed"])
    return ConfiguredProvider(
        provider=CustomerProvider(
            discovery_url=row["discovery_url"],
            endpoints=endpoints,
            client_id=row["client_id"],
            user_id_claim=row["user_id_claim"],
        ),
        has_secret=row["has_secret"],
        version=row["version"],
        test=test,
    )
