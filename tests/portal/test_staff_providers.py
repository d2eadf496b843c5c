"""Where staff sign in, as it is stored: the secret sealed, who is known at which issuer, links for first admins."""

import asyncio
from typing import Any

import pytest

from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.refusal.staff import NoStaffProvider, ProviderInForce
from consentry.domain.staff import Role
from consentry.keyring import KeyringError
from consentry.store import setup_links, staff
from consentry.usecases.services import Services
from consentry.usecases.staff.provider import establish_provider, forget_provider, open_provider, show_provider
from consentry.usecases.staff.setup_links import MadeSetupLink, make_setup_link
from tests.builders import Tenant
from tests.conftest import OPERATOR
from tests.portal.conftest import SignIn
from tests.portal.idp import SECRET, establish

ISSUER = "https://idp.bank.example"


async def opened(services: Services, tenant: Tenant) -> str:
    async with services.session.begin(tenant.institution_id) as connection:
        return (await open_provider(services, connection, tenant.institution_id, "current")).client_secret


async def link(services: Services, tenant: Tenant, email: str = "ada@bank.example") -> MadeSetupLink:
    async with services.session.begin(tenant.institution_id) as connection:
        return await make_setup_link(services, connection, tenant.institution_id, email=email, actor=OPERATOR)


async def test_a_provider_is_in_force_at_once_and_its_secret_is_sealed(
    services: Services, bku: Tenant, other: Tenant, super_connection: Any
) -> None:
    """R91: the secret is in no row, no audit and no repr."""
    await establish(services, bku, ISSUER)
    found = await show_provider(services, bku.institution_id)
    assert found is not None
    assert (found.issuer, found.client_id, found.has_secret) == (ISSUER, "portal", True)
    assert await show_provider(services, other.institution_id) is None
    assert await opened(services, bku) == SECRET
    async with services.session.begin(bku.institution_id) as connection:
        assert SECRET not in repr(await open_provider(services, connection, bku.institution_id, "current"))
    for table in ("staff_providers", "audit_entries"):
        rows = await super_connection.fetch(f"select t::text as row from consentry.{table} t")
        assert rows
        assert not any(SECRET in row["row"] or SECRET.encode().hex() in row["row"] for row in rows)
    with pytest.raises(NoStaffProvider):
        await opened(services, other)


async def test_a_secret_sealed_for_one_house_opens_for_no_other(
    services: Services, bku: Tenant, other: Tenant, super_connection: Any
) -> None:
    await establish(services, bku, ISSUER)
    await super_connection.execute(
        """insert into consentry.staff_providers select $2, state, discovery_url, issuer, client_id, sealed_secret,
           sealed_under, version, changed_at from consentry.staff_providers where institution_id = $1""",
        bku.institution_id,
        other.institution_id,
    )
    with pytest.raises(KeyringError):
        await opened(services, other)
    await super_connection.execute(
        "delete from consentry.staff_providers where institution_id = $1", other.institution_id
    )


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("discovery_url", {"discovery_url": "ftp://idp.bank.example"}),
        ("discovery_url", {"discovery_url": "https://user@idp.bank.example"}),
        ("client_id", {"client_id": ""}),
        ("client_secret", {"client_secret": "ü"}),
    ],
)
async def test_a_provider_that_cannot_be_one_is_refused_beside_its_field(
    services: Services, bku: Tenant, field: str, changes: dict[str, str]
) -> None:
    given = {"discovery_url": ISSUER, "issuer": ISSUER, "client_id": "portal", "client_secret": SECRET, **changes}
    with pytest.raises(InvalidSettings) as refused:
        await establish_provider(services, bku.institution_id, **given, actor=OPERATOR)
    assert set(refused.value.fields) == {field}
    assert await show_provider(services, bku.institution_id) is None


async def test_members_are_known_by_their_email_again_at_another_issuer_alone(
    services: Services, bku: Tenant, signed_in: SignIn
) -> None:
    """R87: who somebody is belongs to the issuer that said so."""
    await establish(services, bku, ISSUER)
    member = await signed_in(Role.ADMIN)
    await establish(services, bku, ISSUER, secret="another")
    assert member.get("/admin/account").status_code == 200
    await establish(services, bku, "https://login.bank.example")
    assert member.get("/admin/account").status_code == 303
    async with services.session.begin(bku.institution_id) as connection:
        (found,) = await staff.members(connection, bku.institution_id)
    assert (found.issuer, found.subject) == (None, None)


async def test_a_forgotten_provider_ends_all_sessions_and_lets_a_first_admin_in_again(
    services: Services, bku: Tenant, signed_in: SignIn
) -> None:
    await establish(services, bku, ISSUER)
    member = await signed_in(Role.USER)
    with pytest.raises(ProviderInForce):
        await link(services, bku)
    assert await forget_provider(services, bku.institution_id, actor=OPERATOR) == 1
    assert member.get("/admin/account").status_code == 303
    with pytest.raises(NoStaffProvider):
        await forget_provider(services, bku.institution_id, actor=OPERATOR)
    assert (await link(services, bku)).code.startswith("cns_setup_")


async def test_a_link_makes_an_admin_and_ends_the_one_before(services: Services, bku: Tenant) -> None:
    """R93."""
    first = await link(services, bku)
    second = await link(services, bku, " Ada@Bank.example ")
    assert first.member_id == second.member_id
    assert first.code not in repr(first)
    async with services.session.begin(bku.institution_id) as connection:
        (member,) = await staff.members(connection, bku.institution_id)
        assert (member.email, member.role, member.subject) == ("ada@bank.example", Role.ADMIN, None)
        assert await setup_links.end_unused(connection, bku.institution_id) == 1
    with pytest.raises(InvalidSettings):
        await link(services, bku, "nobody")


async def test_two_links_made_at_once_are_one(services: Services, bku: Tenant) -> None:
    await link(services, bku)
    await asyncio.gather(*(link(services, bku) for _ in range(4)))
    async with services.session.begin(bku.institution_id) as connection:
        assert await setup_links.end_unused(connection, bku.institution_id) == 1
