"""What an institution configures: changed once, told to the audit, apart from others', no secret in clear."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from consentry.domain.api_settings import ApiSettings
from consentry.domain.customer_provider import CustomerProvider
from consentry.domain.refusal.institution import ChangedMeanwhile, InvalidSettings
from consentry.keyring import new_keyring
from consentry.store import customer_providers
from consentry.usecases.configuration.api_settings import change_api_settings, show_api_settings
from consentry.usecases.configuration.customer_provider import (
    change_customer_provider,
    purpose_of,
    show_customer_provider,
)
from consentry.usecases.institution.change import InstitutionChange, change_institution
from consentry.usecases.keys.replace_lost import replace_lost_keys
from consentry.usecases.keys.reseal import reseal_keys
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.conftest import OPERATOR

HOUR = timedelta(hours=1)
DISCOVERY = "https://login.bank.example/.well-known/openid-configuration"
PROVIDER = CustomerProvider(discovery_url=DISCOVERY, endpoints=None, client_id="consentry")
SECRET = "the-provider's-own-secret"


async def entries(db: Any, action: str) -> list[dict[str, Any]]:
    rows = await db.fetch(
        "select before, after from consentry.audit_entries where action = $1 order by entry_id", action
    )
    return [{"before": json.loads(row[0] or "null"), "after": json.loads(row[1] or "null")} for row in rows]


async def test_settings_begin_with_defaults_and_change_with_a_trace(
    services: Services, bku: Tenant, other: Tenant, super_connection: Any
) -> None:
    shown = await show_api_settings(services, bku.institution_id)
    assert shown.settings == ApiSettings()
    wanted = ApiSettings("https://Consents.BKU.example/", timedelta(minutes=5), timedelta(days=7))
    changed = await change_api_settings(services, bku.institution_id, wanted, secret_overlap=2 * HOUR, actor=OPERATOR)
    assert changed.settings == replace(wanted, public_url="https://consents.bku.example", version=1)
    assert changed.institution.secret_overlap == 2 * HOUR
    assert (await show_api_settings(services, other.institution_id)).settings == ApiSettings()
    (entry,) = await entries(super_connection, "api_settings.changed")
    assert entry["before"]["public_url"] is None
    assert entry["after"] == {
        "public_url": "https://consents.bku.example",
        "access_token_seconds": 300,
        "refresh_token_seconds": 7 * 86400,
        "secret_overlap_seconds": 7200,
    }


async def test_setting_what_is_set_already_leaves_no_trace(
    services: Services, bku: Tenant, super_connection: Any
) -> None:
    shown = await show_api_settings(services, bku.institution_id)
    again = await change_api_settings(
        services,
        bku.institution_id,
        shown.settings,
        secret_overlap=shown.institution.secret_overlap,
        actor=OPERATOR,
    )
    assert again == shown
    assert await entries(super_connection, "api_settings.changed") == []


async def test_a_decision_on_older_settings_is_refused(services: Services, bku: Tenant) -> None:
    first = ApiSettings(access_token_lifetime=timedelta(minutes=3))
    await change_api_settings(services, bku.institution_id, first, secret_overlap=HOUR, actor=OPERATOR)
    with pytest.raises(ChangedMeanwhile):
        await change_api_settings(services, bku.institution_id, ApiSettings(), secret_overlap=HOUR, actor=OPERATOR)
    with pytest.raises(ChangedMeanwhile):
        await change_api_settings(
            services, bku.institution_id, replace(first, version=7), secret_overlap=HOUR, actor=OPERATOR
        )
    assert (await show_api_settings(services, bku.institution_id)).settings == replace(first, version=1)


async def test_a_public_url_at_another_institutions_host_is_refused(
    services: Services, bku: Tenant, other: Tenant
) -> None:
    await change_institution(
        services, other.institution_id, InstitutionChange(host="consents.other.example", sets_host=True), actor=OPERATOR
    )
    theirs = ApiSettings(public_url="https://consents.other.example")
    with pytest.raises(InvalidSettings) as refused:
        await change_api_settings(services, bku.institution_id, theirs, secret_overlap=HOUR, actor=OPERATOR)
    assert set(refused.value.fields) == {"public_url"}
    await change_api_settings(services, other.institution_id, theirs, secret_overlap=HOUR, actor=OPERATOR)


async def configured(services: Services, tenant: Tenant, **fields: Any) -> Any:
    provider = replace(PROVIDER, **fields)
    return await change_customer_provider(
        services, tenant.institution_id, provider, secret=SECRET, version=0, actor=OPERATOR
    )


async def test_a_providers_secret_is_stored_sealed_and_told_to_nobody(
    services: Services, bku: Tenant, super_connection: Any
) -> None:
    made = await configured(services, bku)
    assert made.has_secret
    row = await super_connection.fetchrow("select * from consentry.customer_providers")
    assert SECRET.encode() not in row["sealed_secret"]
    opened = services.keyring.open(
        row["sealed_secret"], key_id=row["sealed_under"], purpose=purpose_of(bku.institution_id)
    )
    assert opened == SECRET.encode()
    audit = await super_connection.fetch("select e::text from consentry.audit_entries e")
    assert all(SECRET not in row[0] for row in audit)
    assert SECRET not in repr(await show_customer_provider(services, bku.institution_id))


async def test_a_secret_never_goes_to_an_address_that_it_was_not_given_for(services: Services, bku: Tenant) -> None:
    await configured(services, bku)
    elsewhere = "https://evil.example/.well-known/openid-configuration"
    for changed in (replace(PROVIDER, discovery_url=elsewhere), replace(PROVIDER, client_id="another")):
        with pytest.raises(InvalidSettings) as refused:
            await change_customer_provider(
                services, bku.institution_id, changed, secret=None, version=1, actor=OPERATOR
            )
        assert set(refused.value.fields) == {"client_secret"}
    kept = await change_customer_provider(
        services,
        bku.institution_id,
        replace(PROVIDER, user_id_claim="customer_number"),
        secret=None,
        version=1,
        actor=OPERATOR,
    )
    assert (kept.version, kept.provider.user_id_claim) == (2, "customer_number")


async def test_two_admins_cannot_overwrite_each_others_provider(services: Services, bku: Tenant) -> None:
    await configured(services, bku)
    with pytest.raises(ChangedMeanwhile):
        await configured(services, bku, client_id="another")


async def test_a_changed_provider_counts_as_not_tested(services: Services, bku: Tenant) -> None:
    await configured(services, bku)
    async with services.session.begin(bku.institution_id) as connection:
        await customer_providers.write_test(connection, bku.institution_id, version=1, passed=True)
    tested = await show_customer_provider(services, bku.institution_id)
    assert tested is not None
    assert tested.test is not None
    assert tested.test.passed
    changed = await change_customer_provider(
        services,
        bku.institution_id,
        replace(PROVIDER, user_id_claim="uid"),
        secret=None,
        version=1,
        actor=OPERATOR,
    )
    assert changed.test is None


async def test_a_rotated_key_opens_the_providers_secret_as_before(services: Services, bku: Tenant) -> None:
    await configured(services, bku)
    rotated = replace(services, keyring=services.keyring.with_new_keys())
    await reseal_keys(rotated, actor=OPERATOR)
    async with services.session.begin(bku.institution_id) as connection:
        sealed = await customer_providers.sealed_secret(connection, bku.institution_id)
    assert sealed is not None
    assert sealed.under == rotated.keyring.current_encryption_key
    opened = rotated.keyring.open(sealed.sealed, key_id=sealed.under, purpose=purpose_of(bku.institution_id))
    assert opened == SECRET.encode()


async def test_a_secret_under_a_lost_key_is_forgotten_and_asked_for_anew(services: Services, bku: Tenant) -> None:
    await configured(services, bku)
    lost = [services.keyring.current_encryption_key]
    await replace_lost_keys(replace(services, keyring=new_keyring()), lost, actor=OPERATOR)
    left = await show_customer_provider(services, bku.institution_id)
    assert left is not None
    assert not left.has_secret
    with pytest.raises(InvalidSettings):
        await change_customer_provider(
            services, bku.institution_id, left.provider, secret=None, version=left.version, actor=OPERATOR
        )
