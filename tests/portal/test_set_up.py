"""The first admin: a code opens the set-up of the provider, and nothing else; the first sign-in completes it (R93)."""

import asyncio
from typing import Any

import pytest

from consentry.domain.staff import House, Role
from consentry.store import setup_links, staff
from consentry.usecases.services import Services
from consentry.usecases.staff.provider import show_provider
from consentry.usecases.staff.setup_links import make_setup_link
from consentry.web.portal import cookies
from tests.builders import Tenant
from tests.conftest import OPERATOR
from tests.portal.idp import FORM_TOKEN, SECRET, Person, address_in, begin, person
from tests.portal.visiting import PREFIX, Visitor, text_of

SETUP = cookies.SETUP[House.INSTITUTION]


async def code_for(services: Services, tenant: Tenant, email: str = "ada@bank.example") -> str:
    async with services.session.begin(tenant.institution_id) as connection:
        return (await make_setup_link(services, connection, tenant.institution_id, email=email, actor=OPERATOR)).code


def opened(visitor: Visitor, code: str) -> str:
    """Open the set-up with a code, and give the token of its form."""
    prefix = PREFIX[visitor.house]
    answer = visitor.send("POST", f"{prefix}/set-up", data={"code": code})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{prefix}/set-up/provider")
    found = FORM_TOKEN.search(visitor.get(f"{prefix}/set-up/provider").text)
    assert found is not None
    return found[1]


def given(visitor: Visitor, token: str, issuer: str, **changes: str) -> Any:
    """Fill in the provider and press the button."""
    fields = {"discovery_url": issuer, "client_id": "portal", "client_secret": SECRET, "csrf": token, **changes}
    return visitor.send("POST", f"{PREFIX[visitor.house]}/set-up/provider", data=fields)


def tried(visitor: Visitor, token: str, who: Person, **changes: str) -> Any:
    """Fill in the provider, and sign in there."""
    return visitor.get(who.answer(visitor.client, address_in(given(visitor, token, who.issuer, **changes))))


async def test_a_first_admin_sets_the_sign_in_up(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor, super_connection: Any
) -> None:
    token = opened(stranger, await code_for(services, bku))
    page = stranger.get("/admin/set-up/provider")
    assert f'value="{stranger.base_url}/admin/sign-in/callback"' in page.text
    came = tried(stranger, token, person(issuer, "ada"))
    assert (came.status_code, came.headers["location"]) == (303, "/admin")
    assert SETUP not in stranger.cookies
    assert "Admin" in text_of(stranger.get("/admin/settings/authentication"))
    found = await show_provider(services, bku.institution_id)
    assert found is not None
    assert (found.issuer, found.client_id) == (issuer, "portal")
    assert await show_provider(services, bku.institution_id, state="pending") is None
    async with services.session.begin(bku.institution_id) as connection:
        (ada,) = await staff.members(connection, bku.institution_id)
    assert (ada.subject, ada.role, ada.issuer) == ("ada", Role.ADMIN, issuer)
    rows = await super_connection.fetch(
        "select action, after::text as after from consentry.audit_entries where institution_id = $1 order by entry_id",
        bku.institution_id,
    )
    actions = [row["action"] for row in rows]
    assert actions[-4:] == [
        "staff.set_up_opened",
        "staff_provider.proposed",
        "staff_provider.changed",
        "staff.signed_in",
    ]
    assert not any(SECRET in (row["after"] or "") for row in rows)
    stranger.session = ""
    assert stranger.get(person(issuer, "ada").answer(stranger.client, begin(stranger, bku))).status_code == 303
    assert stranger.session


async def test_a_code_is_good_until_the_set_up_is_done_and_not_after(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    """R93."""
    code = await code_for(services, bku)
    opened(stranger, code)
    tried(stranger, opened(stranger, code), person(issuer, "ada"))
    refused = stranger.send("POST", "/admin/set-up", data={"code": code})
    assert refused.status_code == 403
    assert "was used or has expired" in text_of(refused)


async def test_codes_that_are_none_expired_replaced_or_another_house_s_open_nothing(
    services: Services, bku: Tenant, other: Tenant, stranger: Visitor, super_connection: Any
) -> None:
    """R93: there is no default code, and what is wrong with one is not told."""
    first = await code_for(services, bku)
    second = await code_for(services, bku)
    assert first != second
    expired = await code_for(services, other)
    await super_connection.execute(
        "update consentry.staff_setup_links set expires_at = now() - interval '1 second' where institution_id = $1",
        other.institution_id,
    )
    host = f"{other.public_id}.bank.example"
    await super_connection.execute(
        "update consentry.institutions set host = $2 where institution_id = $1", other.institution_id, host
    )
    said = set()
    for code, headers in (
        ("", {}),
        ("admin", {}),
        ("cns_setup_" + "0" * 34, {}),
        (first, {}),
        (expired, {}),
        (second, {"Host": host, "Origin": f"http://{host}"}),
    ):
        refused = stranger.send("POST", "/admin/set-up", data={"code": code}, headers=headers)
        assert refused.status_code == 403, code
        said.add(text_of(refused))
    assert len(said) == 1
    assert stranger.send("POST", "/partner/set-up", data={"code": second}).status_code == 403
    assert stranger.cookies == {}


async def test_a_set_up_opens_no_page_of_the_portal(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    opened(stranger, await code_for(services, bku))
    assert stranger.get("/admin/account").status_code == 303
    stranger.session = stranger.cookies[SETUP]
    assert stranger.get("/admin/account").status_code == 303
    assert stranger.get("/admin/settings/authentication").status_code == 303


async def test_who_is_not_the_invited_one_sets_nothing_up(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    """R87."""
    token = opened(stranger, await code_for(services, bku))
    for who in (
        person(issuer, "eve"),
        person(issuer, "ada-unverified", email="ada@bank.example", verified=False),
    ):
        refused = tried(stranger, token, who)
        assert refused.status_code == 422
        assert "Nothing was put in force" in text_of(refused)
        assert f'value="{issuer}/.well-known/openid-configuration"' in refused.text
        assert SECRET not in refused.text
        assert stranger.session == ""
    assert await show_provider(services, bku.institution_id) is None
    assert tried(stranger, token, person(issuer, "ada"), client_secret="").status_code == 303


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"discovery_url": "https://127.0.0.1/.well-known/openid-configuration"}, "public https address"),
        ({"discovery_url": "https://169.254.169.254/latest"}, "public https address"),
        ({"discovery_url": "http://idp.bank.example"}, "public https address"),
        ({"discovery_url": "https://[::ffff:10.0.0.1]/"}, "public https address"),
        ({"discovery_url": "https://localhost"}, "public https address"),
        ({"discovery_url": "file:///etc/passwd"}, "Give the https address"),
        ({"discovery_url": ""}, "Give the https address"),
        ({"client_id": ""}, "Give the client id"),
        ({"client_secret": ""}, "Give the client secret"),
    ],
)
async def test_what_cannot_be_a_provider_is_refused_beside_its_field(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor, changes: dict[str, str], sentence: str
) -> None:
    """R99: nothing inside can be asked by way of a discovery URL."""
    token = opened(stranger, await code_for(services, bku))
    refused = given(stranger, token, issuer, **changes)
    assert refused.status_code == 422
    (field,) = changes
    beside = refused.text.split(f'id="{field}-problem">')[1].split("<")[0]
    assert sentence in beside
    assert SECRET not in refused.text
    assert await show_provider(services, bku.institution_id, state="pending") is None


async def test_a_form_without_its_token_or_from_elsewhere_sets_nothing_up(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    code = await code_for(services, bku)
    token = opened(stranger, code)
    assert given(stranger, "", issuer).status_code == 403
    assert given(stranger, token[::-1], issuer).status_code == 403
    cross = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert stranger.send("POST", "/admin/set-up", data={"code": code}, headers=cross).status_code == 403
    stranger.cookies.clear()
    assert given(stranger, token, issuer).headers["location"] == "/admin/set-up"


async def test_a_set_up_begun_with_a_link_that_was_replaced_ends(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    token = opened(stranger, await code_for(services, bku))
    address = address_in(given(stranger, token, issuer))
    await code_for(services, bku, "bob@bank.example")
    refused = stranger.get(person(issuer, "ada").answer(stranger.client, address))
    assert refused.status_code == 403
    assert await show_provider(services, bku.institution_id) is None
    assert given(stranger, token, issuer).headers["location"] == "/admin/set-up"


async def test_of_two_browsers_with_one_code_one_completes_the_set_up(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    code = await code_for(services, bku)
    ada, browsers = person(issuer, "ada"), []
    for _ in range(2):
        browser = Visitor(stranger.client, stranger.base_url)
        browsers.append((browser, opened(browser, code)))
    addresses = [address_in(given(browser, token, issuer)) for browser, token in browsers]
    answers = [
        (browser, ada.answer(browser.client, address))
        for (browser, _), address in zip(browsers, addresses, strict=True)
    ]
    came = await asyncio.gather(*(asyncio.to_thread(browser.get, answer) for browser, answer in answers))
    assert sorted(answer.status_code for answer in came)[0] == 303
    assert sum(answer.status_code == 303 for answer in came) == 1
    async with services.session.begin(bku.institution_id) as connection:
        assert await setup_links.end_unused(connection, bku.institution_id) == 0


async def test_partners_are_set_up_at_their_own_portal(
    services: Services, partner: Tenant, issuer: str, stranger: Visitor
) -> None:
    stranger.house = House.PARTNER
    token = opened(stranger, await code_for(services, partner))
    assert tried(stranger, token, person(issuer, "ada")).headers["location"] == "/partner"
    assert stranger.get("/partner/settings/authentication").status_code == 200
