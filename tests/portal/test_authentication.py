"""Changing where staff sign in: tried before it is in force, so that no wrong setting locks anybody out."""

from datetime import timedelta
from typing import Any

import pytest

from consentry.connectors.outbound import Outbound
from consentry.domain.actor import Actor, ActorKind
from consentry.domain.refusal.staff import NotAllowed
from consentry.domain.staff import House, Role
from consentry.store import staff
from consentry.usecases.services import Services
from consentry.usecases.staff.provider import drop_proposal, propose_provider, show_provider
from tests.builders import Tenant
from tests.portal.conftest import SignIn
from tests.portal.idp import SECRET, Person, address_in, begin, establish, person
from tests.portal.visiting import PREFIX, Visitor, text_of

PAGE = "/admin/settings/authentication"
NONE_WAITS = "No change is waiting any more: it was cancelled, or is in force by now."
DAY = timedelta(days=1)
OLD = "https://idp.bank.example"


@pytest.fixture
async def in_force(services: Services, bku: Tenant) -> str:
    """The provider at which the members of these tests have signed in; nobody answers there."""
    await establish(services, bku, OLD)
    return OLD


def change(visitor: Visitor, issuer: str, **changes: str) -> Any:
    """Fill in another provider and press the button."""
    fields = {"discovery_url": issuer, "client_id": "portal", "client_secret": SECRET, **changes}
    return visitor.post(f"{PREFIX[visitor.house]}/settings/authentication", fields)


def tried(visitor: Visitor, who: Person) -> Any:
    """Change to a person's provider, and sign in there as them."""
    return visitor.get(who.answer(visitor.client, address_in(change(visitor, who.issuer))))


async def current(services: Services, tenant: Tenant) -> tuple[str, int] | None:
    found = await show_provider(services, tenant.institution_id)
    return None if found is None else (found.issuer, found.version)


async def test_a_change_is_in_force_once_its_admin_has_signed_in_through_it(
    services: Services, bku: Tenant, in_force: str, issuer: str, signed_in: SignIn
) -> None:
    """R87, R88: the admin is bound anew, has a new session, and everybody else is known by their e-mail again."""
    admin, member = await signed_in(Role.ADMIN), await signed_in(Role.SUPPORT)
    old = admin.session
    page = change(admin, issuer)
    assert (await current(services, bku) or ("",))[0] == in_force
    assert member.get("/admin/account").status_code == 200
    sub = admin.email.partition("@")[0]
    came = admin.get(person(issuer, sub).answer(admin.client, address_in(page)))
    assert (came.status_code, came.headers["location"]) == (303, f"{PAGE}?notice=changed")
    assert (await current(services, bku) or ("",))[0] == issuer
    assert admin.session not in ("", old)
    assert Visitor(admin.client, admin.base_url, session=old).get("/admin/account").status_code == 303
    assert member.get("/admin/account").status_code == 303
    assert "in force now" in text_of(admin.get(f"{PAGE}?notice=changed"))
    again = Visitor(member.client, member.base_url)
    who = person(issuer, "support-sub", email=member.email)
    assert again.get(who.answer(again.client, begin(again, bku))).status_code == 303
    async with services.session.begin(bku.institution_id) as connection:
        members = await staff.members(connection, bku.institution_id)
    assert {found.issuer for found in members} == {issuer}


async def test_a_new_secret_at_the_same_issuer_leaves_everybody_signed_in(
    services: Services, bku: Tenant, issuer: str, signed_in: SignIn, stranger: Visitor
) -> None:
    await establish(services, bku, issuer)
    async with services.session.begin(bku.institution_id) as connection:
        for sub, role in (("ada-same", Role.ADMIN), ("bob-same", Role.USER)):
            member = await staff.add(connection, bku.institution_id, email=f"{sub}@x.example", role=role, valid=DAY)
            await staff.bind(connection, bku.institution_id, member.member_id, issuer=issuer, subject=sub, name=None)
    ada, bob = stranger, Visitor(stranger.client, stranger.base_url)
    for visitor, sub in ((ada, "ada-same"), (bob, "bob-same")):
        visitor.get(person(issuer, sub).answer(visitor.client, begin(visitor, bku)))
    refused = tried(ada, person(issuer, "bob-same"))
    assert refused.status_code == 403
    assert "somebody else" in text_of(refused)
    assert tried(ada, person(issuer, "ada-same")).status_code == 303
    assert bob.get("/admin/account").status_code == 200


async def test_a_change_that_its_admin_does_not_complete_changes_nothing(
    services: Services, bku: Tenant, in_force: str, issuer: str, signed_in: SignIn
) -> None:
    """Somebody else, an unconfirmed address, another browser: what is in force stays, and so do all sessions."""
    admin, another = await signed_in(Role.ADMIN), await signed_in(Role.ADMIN)
    before = await current(services, bku)
    eve = person(issuer, "eve")
    unverified = person(issuer, "unverified", email=admin.email, verified=False)
    for who in (eve, unverified):
        refused = tried(admin, who)
        assert refused.status_code == 403
        assert f'href="{PAGE}"' in refused.text
    own = person(issuer, "own", email=admin.email)
    answer = own.answer(admin.client, address_in(change(admin, issuer)))
    another.cookies = dict(admin.cookies)
    assert another.get(answer).status_code == 403
    assert await current(services, bku) == before
    assert admin.get(PAGE).status_code == 200
    assert "waits for its test" in text_of(admin.get(PAGE))


async def test_a_change_of_an_admin_who_is_none_any_more_changes_nothing(
    services: Services, bku: Tenant, in_force: str, issuer: str, signed_in: SignIn
) -> None:
    admin = await signed_in(Role.ADMIN)
    assert admin.member_id is not None
    own = person(issuer, "demoted", email=admin.email)
    answer = own.answer(admin.client, address_in(change(admin, issuer)))
    async with services.session.begin(bku.institution_id) as connection:
        await staff.set_role(connection, bku.institution_id, admin.member_id, Role.USER)
    assert admin.get(answer).status_code == 403
    assert (await current(services, bku) or ("",))[0] == in_force


async def test_a_waiting_change_can_be_tested_again_and_cancelled(
    services: Services, bku: Tenant, in_force: str, issuer: str, signed_in: SignIn
) -> None:
    admin = await signed_in(Role.ADMIN)
    change(admin, issuer)
    again = address_in(admin.post(f"{PAGE}/test"))
    assert again.startswith(issuer)
    answer = person(issuer, "admin").answer(admin.client, again)
    assert admin.post(f"{PAGE}/cancel").headers["location"] == f"{PAGE}?notice=cancelled"
    assert await show_provider(services, bku.institution_id, state="pending") is None
    refused = admin.get(answer)
    assert refused.status_code == 404
    assert NONE_WAITS in text_of(refused)
    assert "Sign-in is not set up" not in text_of(refused)
    assert (await current(services, bku) or ("",))[0] == in_force


async def test_where_no_change_waits_any_more_the_page_says_so(
    services: Services, bku: Tenant, in_force: str, issuer: str, signed_in: SignIn
) -> None:
    admin, late = await signed_in(Role.ADMIN), await signed_in(Role.ADMIN)
    change(admin, issuer)
    assert admin.post(f"{PAGE}/cancel").headers["location"] == f"{PAGE}?notice=cancelled"
    tested, cancelled = late.post(f"{PAGE}/test"), late.post(f"{PAGE}/cancel")
    assert tested.status_code == 404
    assert cancelled.headers["location"] == f"{PAGE}?notice=none_waits"
    for page in (text_of(tested), text_of(late.get(f"{PAGE}?notice=none_waits"))):
        assert NONE_WAITS in page
        assert "Where your staff sign in" in page
        assert "waits for its test" not in page
    assert (await current(services, bku) or ("",))[0] == in_force


async def test_of_a_waiting_change_whose_secret_is_lost_the_page_says_that(
    services: Services, bku: Tenant, in_force: str, issuer: str, signed_in: SignIn, super_connection: Any
) -> None:
    admin = await signed_in(Role.ADMIN)
    change(admin, issuer)
    await super_connection.execute(
        """update consentry.staff_providers set sealed_secret = null, sealed_under = null
           where institution_id = $1 and state = 'pending'""",
        bku.institution_id,
    )
    page = admin.post(f"{PAGE}/test")
    assert page.status_code == 404
    assert "secret of the change that waits is lost" in text_of(page)
    assert "waits for its test" in text_of(page)
    assert NONE_WAITS not in text_of(page)


@pytest.mark.parametrize(
    ("field", "value"),
    [("discovery_url", "https://10.0.0.1/"), ("discovery_url", ""), ("client_id", "a b"), ("client_secret", "")],
)
async def test_what_cannot_be_a_provider_is_refused_beside_its_field_and_kept(
    services: Services, bku: Tenant, in_force: str, issuer: str, signed_in: SignIn, field: str, value: str
) -> None:
    """R99."""
    admin = await signed_in(Role.ADMIN)
    refused = change(admin, issuer, **{"client_id": "typed-id", field: value})
    assert refused.status_code == 422
    assert f'id="{field}-problem"' in refused.text
    if field != "client_id":
        assert 'value="typed-id"' in refused.text
    assert SECRET not in refused.text


async def test_the_secret_is_on_no_page(
    services: Services, bku: Tenant, in_force: str, issuer: str, signed_in: SignIn, service: Any
) -> None:
    """R91."""
    admin = await signed_in(Role.ADMIN)
    pages = [change(admin, issuer), admin.get(PAGE), admin.post(f"{PAGE}/test")]
    assert all(SECRET not in page.text for page in pages)
    assert 'type="password"' in admin.get(PAGE).text
    assert SECRET not in service.logged()


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.COMPLIANCE, Role.USER])
async def test_admins_alone_see_and_change_it(
    services: Services, bku: Tenant, in_force: str, issuer: str, signed_in: SignIn, role: Role
) -> None:
    visitor = await signed_in(role)
    assert visitor.get(PAGE).status_code == 403
    assert change(visitor, issuer).status_code == 403
    for action in ("test", "cancel"):
        assert visitor.post(f"{PAGE}/{action}").status_code == 403
    assert PAGE not in visitor.get("/admin/account").text
    assert await show_provider(services, bku.institution_id, state="pending") is None


async def test_a_partners_admin_changes_their_own_provider_alone(
    services: Services, bku: Tenant, partner: Tenant, in_force: str, issuer: str, signed_in: SignIn
) -> None:
    await establish(services, partner, OLD)
    visitor = await signed_in(Role.ADMIN, tenant=partner, house=House.PARTNER)
    came = tried(visitor, person(issuer, "partners-admin", email=visitor.email))
    assert came.headers["location"].startswith("/partner/settings/authentication")
    assert (await current(services, partner) or ("",))[0] == issuer
    assert (await current(services, bku) or ("",))[0] == in_force


async def test_the_page_says_what_to_register(bku: Tenant, in_force: str, signed_in: SignIn) -> None:
    admin = await signed_in(Role.ADMIN)
    page = admin.get(PAGE)
    assert f'value="{admin.base_url}/admin/sign-in/callback"' in page.text
    assert "In force since" in text_of(page)
    behind = admin.get(PAGE, headers={"Host": "portal.bank.example", "X-Forwarded-Proto": "http"})
    assert 'value="https://portal.bank.example/admin/sign-in/callback"' in behind.text
    assert admin.get(PAGE, headers={"Host": 'x"><script>'}).status_code == 400


async def test_who_was_an_admin_when_they_asked_and_is_none_any_more_changes_nothing(
    services: Services, bku: Tenant, issuer: str, signed_in: SignIn
) -> None:
    """R88: a provider may take its time to answer, and meanwhile another admin takes the role."""
    demoted = Actor(ActorKind.STAFF, str((await signed_in(Role.SUPPORT)).member_id))
    house = House.INSTITUTION

    async def pending() -> bool:
        return await show_provider(services, bku.institution_id, state="pending") is not None

    with pytest.raises(NotAllowed):
        await propose_provider(
            services,
            Outbound(allowed=frozenset({issuer})),
            bku.institution_id,
            discovery_url=issuer,
            client_id="portal",
            client_secret=SECRET,
            house=house,
            actor=demoted,
        )
    assert not await pending()
    change(await signed_in(Role.ADMIN), issuer)
    with pytest.raises(NotAllowed):
        await drop_proposal(services, bku.institution_id, house=house, actor=demoted)
    assert await pending()
