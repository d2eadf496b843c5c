"""Registration tokens are stored under the installation's pepper: they move to a new one, and end with a lost one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from consentry.domain.refusal.operating import KeysStillUsed
from consentry.domain.refusal.request import InvalidToken
from consentry.keyring import new_keyring
from consentry.store import keys_in_use
from consentry.usecases.credentials.rotate import rotate_credentials
from consentry.usecases.intermediary.issue_token import issue_registration_token
from consentry.usecases.intermediary.recognise_token import recognise_registration_token
from consentry.usecases.keys.replace_lost import replace_lost_keys
from consentry.usecases.keys.reseal import reseal_keys
from consentry.usecases.keys.retire import without_retired_keys
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.conftest import OPERATOR
from tests.portal.parties import add_intermediary


@pytest.fixture
async def token(services: Services, bku: Tenant) -> str:
    await add_intermediary(services.session, bku, "agg")
    issued = await issue_registration_token(
        services, bku.institution_id, "agg", newest_seen=0, overlap=timedelta(0), actor=OPERATOR
    )
    return issued.token


async def test_a_token_moves_to_the_new_pepper_when_it_is_used_and_lets_the_old_one_go(
    services: Services, bku: Tenant, token: str
) -> None:
    turned = replace(services, keyring=services.keyring.with_coming_keys().with_coming_current())
    await rotate_credentials(turned, bku.institution_id, actor=OPERATOR, overlap=timedelta(0))
    await reseal_keys(turned, actor=OPERATOR)
    with pytest.raises(KeysStillUsed, match="cns_registration_…"):
        await without_retired_keys(turned)
    await recognise_registration_token(turned, token)
    kept = await without_retired_keys(turned)
    alone = replace(turned, keyring=kept)
    assert (await recognise_registration_token(alone, token)).intermediary_id == "agg"
    with pytest.raises(InvalidToken):
        await recognise_registration_token(replace(services, keyring=new_keyring()), token)


async def test_a_token_under_a_lost_pepper_ends(services: Services, token: str) -> None:
    async with services.session.begin() as connection:
        used = await keys_in_use.keys_in_use(connection)
    assert used.peppers[services.keyring.current_pepper] == 2, "the credentials' secret and the token"
    found = replace(services, keyring=new_keyring())
    await replace_lost_keys(found, [services.keyring.current_pepper], actor=OPERATOR)
    with pytest.raises(InvalidToken):
        await recognise_registration_token(services, token)
