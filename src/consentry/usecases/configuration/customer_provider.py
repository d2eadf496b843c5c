"""Show and change the OpenID provider at which an institution's customers sign in."""

from consentry.domain.actor import Actor
from consentry.domain.customer_provider import ConfiguredProvider, CustomerProvider, check_customer_provider
from consentry.domain.refusal.institution import ChangedMeanwhile
from consentry.store import audit, customer_providers, institutions
from consentry.store.sealed_secret import SealedSecret
from consentry.usecases.services import Services


async def show_customer_provider(services: Services, institution_id: int) -> ConfiguredProvider | None:
    """Give what is configured, without the secret; None if nothing is.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(institution_id) as connection:
        return await customer_providers.find(connection, institution_id)


async def change_customer_provider(
    services: Services,
    institution_id: int,
    provider: CustomerProvider,
    *,
    secret: str | None,
    version: int,
    actor: Actor,
) -> ConfiguredProvider:
    """Configure the provider; the client `secret` stays as it is where none is given and no address changes.

    `version` is that of the configuration as it was when somebody decided, 0 where there was none. A configuration that
    was changed counts as not tested.

    Raises:
        InvalidSettings: something is missing or malformed.
        ChangedMeanwhile: the configuration was changed since.
        TemporarilyUnavailable: the store can't be reached or can't write.
    """
    async with services.session.begin(institution_id) as connection:
        await institutions.lock(connection, institution_id)
        before = await customer_providers.find(connection, institution_id)
        if (before.version if before else 0) != version:
            raise ChangedMeanwhile
        # A secret never goes to an address that it was not given for.
        keeps_secret = before is not None and before.has_secret and _who(before.provider) == _who(provider)
        check_customer_provider(provider, secret=secret, has_secret=keeps_secret)
        if before is not None and before.provider == provider and secret is None:
            return before
        sealed = await customer_providers.sealed_secret(connection, institution_id)
        if secret is not None:
            sealed = SealedSecret(*services.keyring.seal(secret.encode(), purpose=purpose_of(institution_id)))
        if sealed is None:
            raise AssertionError
        if await customer_providers.write(connection, institution_id, provider, sealed, version=version) is None:
            raise ChangedMeanwhile
        await audit.record(
            connection,
            institution_id,
            action="customer_provider.changed",
            actor=actor,
            subject=("customer_provider", provider.client_id),
            before=None if before is None else _facts(before.provider),
            after={**_facts(provider), "new_secret": secret is not None},
        )
        after = await customer_providers.find(connection, institution_id)
    if after is None:
        raise AssertionError
    return after


def purpose_of(institution_id: int) -> str:
    """Name what a sealed client secret is for, so that it opens as nothing else."""
    return f"customer-provider:{institution_id}"


def _who(provider: CustomerProvider) -> tuple[object, ...]:
    return provider.discovery_url, provider.endpoints, provider.client_id


def _facts(provider: CustomerProvider) -> dict[str, object]:
    return {**provider.addresses, "client_id": provider.client_id, "user_id_claim": provider.user_id_claim}
