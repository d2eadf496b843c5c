"""What lets staff in is stored under the installation's keys: it moves to new ones, and ends with lost ones."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from consentry.domain.refusal.operating import KeysStillUsed
from consentry.domain.refusal.staff import NoStaffProvider
from consentry.domain.staff import Role
from consentry.keyring import new_keyring
from consentry.store import houses, setup_links, staff
from consentry.usecases.keys.replace_lost import replace_lost_keys
from consentry.usecases.keys.reseal import reseal_keys
from consentry.usecases.keys.retire import without_retired_keys
from consentry.usecases.services import Services
from consentry.usecases.staff.provider import establish_provider, open_provider, show_provider
from consentry.usecases.staff.sessions import Browser, begin_session
from consentry.usecases.staff.setup_links import make_setup_link
from tests.builders import Tenant
from tests.conftest import OPERATOR

LetIn = Callable[[Services, int], Awaitable[None]]
SECRET = "the-secret-of-the-staff's-provider"


async def establish(services: Services, house: int) -> None:
    await establish_provider(
        services,
        house,
        discovery_url="https://idp.bank.example/.well-known/openid-configuration",
        issuer="https://idp.bank.example",
        client_id="portal",
        client_secret=SECRET,
        actor=OPERATOR,
    )


async def opened(services: Services, house: int) -> str:
    async with services.session.begin(house) as connection:
        return (await open_provider(services, connection, house, "current")).client_secret


async def sign_in(services: Services, house: int) -> None:
    async with services.session.begin(house) as connection:
        member = await staff.add(connection, house, email="ada@bank.example", role=Role.ADMIN, valid=timedelta(hours=1))
        await begin_session(services, connection, house, member_id=member.member_id, browser=Browser())


async def link(services: Services, house: int) -> None:
    async with services.session.begin(house) as connection:
        await make_setup_link(services, connection, house, email="bob@bank.example", actor=OPERATOR)


async def live_links(services: Services, house: int) -> int:
    async with services.session.begin(house) as connection:
        return await setup_links.end_unused(connection, house)


async def test_providers_of_institutions_and_partners_move_to_a_new_key(services: Services, bku: Tenant) -> None:
    """R46."""
    async with services.session.begin() as connection:
        partner = await houses.add_partner(connection, public_id="platform", name="Platform", host=None)
    for house in (bku.institution_id, partner):
        await establish(services, house)
    rotated = replace(services, keyring=services.keyring.with_new_keys())
    await reseal_keys(rotated, actor=OPERATOR)
    alone = replace(rotated, keyring=rotated.keyring.only(peppers=set(), encryption_keys=set()))
    assert [await opened(alone, house) for house in (bku.institution_id, partner)] == [SECRET, SECRET]


@pytest.mark.parametrize("lets_in", [sign_in, link])
async def test_a_pepper_stays_as_long_as_a_session_or_a_link_lives_under_it(
    services: Services, bku: Tenant, super_connection: Any, lets_in: LetIn
) -> None:
    rotated = replace(services, keyring=services.keyring.with_new_keys())
    await reseal_keys(rotated, actor=OPERATOR)
    await super_connection.execute("update consentry.credential_secrets set expires_at = now() - interval '1 day'")
    await without_retired_keys(rotated)
    await lets_in(services, bku.institution_id)
    with pytest.raises(KeysStillUsed, match="of staff"):
        await without_retired_keys(rotated)


async def test_what_lets_staff_in_ends_with_the_keys_it_was_stored_under(
    services: Services, bku: Tenant, other: Tenant
) -> None:
    await establish(services, bku.institution_id)
    await link(services, other.institution_id)
    keys = services.keyring
    anew = replace(services, keyring=new_keyring())
    await replace_lost_keys(anew, [keys.current_encryption_key, keys.current_pepper], actor=OPERATOR)
    found = await show_provider(anew, bku.institution_id)
    assert found is not None
    assert not found.has_secret
    with pytest.raises(NoStaffProvider):
        await opened(anew, bku.institution_id)
    assert await live_links(anew, other.institution_id) == 0
    await link(anew, bku.institution_id)
    assert await live_links(anew, bku.institution_id) == 1
