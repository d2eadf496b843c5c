"""R87: what gives access to something needs a sign-in at the provider that is recent, and says how one gets it."""

import re
import time
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from consentry.domain.staff import STEP_UP, House, Role
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.portal.conftest import SignIn
from tests.portal.idp import Person, address_in, begin, establish, person, query_of
from tests.portal.matrix import guarded_routes, methods_of
from tests.portal.test_sign_in import invite
from tests.portal.visiting import PREFIX, Visitor, text_of
from tests.portal.visiting import begin as begin_session

OLD = STEP_UP + timedelta(minutes=1)
CODE = "insufficient_user_authentication"
FIELD = re.compile(r'<input type="hidden" name="(institution|next|again)" value="([^"]*)"')


async def grown_old(visitor: Visitor, services: Services, tenant: Tenant, age: timedelta | None = OLD) -> Visitor:
    """Give the same person in a session whose sign-in is so old."""
    assert visitor.member_id is not None
    visitor.session = await begin_session(services, tenant.institution_id, visitor.member_id, age=age)
    visitor.kept_csrf = ""
    return visitor


async def member_at(services: Services, tenant: Tenant, issuer: str, *, role: Role = Role.ADMIN) -> Person:
    """Invite somebody who has an account at the house's provider."""
    await establish(services, tenant, issuer)
    who = person(issuer, f"ada-{tenant.public_id}")
    await invite(services, tenant, who.claims["email"], role=role)
    return who


def come_in(visitor: Visitor, tenant: Tenant, who: Person, *, minutes_ago: float = 0) -> Any:
    """Sign in, or be signed in at the provider since so long."""
    who.claims["auth_time"] = int(time.time() - minutes_ago * 60)
    answer = visitor.get(who.answer(visitor.client, begin(visitor, tenant)))
    del who.claims["auth_time"]
    return answer


def press_again(visitor: Visitor, page: Any) -> str:
    """Press *Sign in again*; gives the provider's address."""
    fields = {name: unescape(value) for name, value in FIELD.findall(page.text)}
    return address_in(visitor.send("POST", f"{PREFIX[visitor.house]}/sign-in", data=fields))


@pytest.mark.parametrize("house", House)
async def test_what_needs_a_step_up_is_refused_to_an_old_sign_in_and_nothing_else_is(
    house: House, signed_in: SignIn, services: Services, bku: Tenant, partner: Tenant, super_connection: Any
) -> None:
    tenant = bku if house is House.INSTITUTION else partner
    visitor = await grown_old(await signed_in(Role.ADMIN, tenant=tenant, house=house), services, tenant)
    refused = []
    for route in (route for route in guarded_routes() if route.house is house):
        for method in methods_of(route):
            path = re.sub(r"\{[^}]+\}", "nothing", route.path)
            if method == "POST" and not route.step_up:
                continue  # what is allowed would happen
            answer = visitor.get(path) if method == "GET" else visitor.post(path)
            assert (answer.status_code == 403) is route.step_up, (method, path)
            if route.step_up:
                assert f"Code: {CODE}" in text_of(answer)
                assert "Sign in again to go on" in text_of(answer)
                refused += [route.name] if method == "POST" else []
    rows = await super_connection.fetch(
        """select action from consentry.audit_entries
           where institution_id = $1 and outcome = 'refused' and after::jsonb ->> 'refusal' = $2 order by entry_id""",
        tenant.institution_id,
        CODE,
    )
    assert [row["action"] for row in rows] == refused
    assert refused


@pytest.mark.parametrize("age", [None, STEP_UP + timedelta(seconds=30)])
async def test_a_sign_in_that_is_old_or_unknown_opens_no_form(
    signed_in: SignIn, services: Services, bku: Tenant, age: timedelta | None
) -> None:
    visitor = await grown_old(await signed_in(Role.ADMIN), services, bku, age)
    assert CODE in text_of(visitor.get("/admin/settings/team/invite"))
    assert CODE in text_of(visitor.post("/admin/settings/team/invite", {"email": "eve@bank.example", "role": "admin"}))
    assert "eve@bank.example" not in visitor.get("/admin/settings/team").text
    younger = await grown_old(visitor, services, bku, STEP_UP - timedelta(minutes=2))
    assert younger.get("/admin/settings/team/invite").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/admin/configuration/consent-dashboard",
        "/admin/configuration/api-settings",
        "/admin/configuration/customer-authentication",
        "/admin/settings/authentication",
        "/admin/settings/team/{member_id}",
    ],
)
async def test_a_page_that_also_shows_something_says_so_before_anybody_types(
    signed_in: SignIn, services: Services, bku: Tenant, path: str
) -> None:
    visitor = await signed_in(Role.ADMIN)
    address = path.format(member_id=visitor.member_id)
    assert "Sign in again to go on" not in text_of(visitor.get(address))
    page = (await grown_old(visitor, services, bku)).get(f"{address}?notice=saved")
    assert page.status_code == 200
    assert "Sign in again to go on" in text_of(page)
    assert dict(FIELD.findall(page.text))["next"] == address


async def test_who_signed_in_elsewhere_long_ago_signs_in_again_and_is_back_on_the_page(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    who = await member_at(services, bku, issuer)
    assert come_in(stranger, bku, who, minutes_ago=60).status_code == 303
    before = stranger.session
    page = stranger.get("/admin/settings/team/invite?from=menu")
    assert CODE in text_of(page)
    asked = press_again(stranger, page)
    assert query_of(asked)["prompt"] == "login"
    assert query_of(asked)["max_age"] == "0"
    assert query_of(asked)["login_hint"] == who.claims["email"]
    back = stranger.get(who.answer(stranger.client, asked))
    assert (back.status_code, back.headers["location"]) == (303, "/admin/settings/team/invite?from=menu")
    assert stranger.session != before
    assert stranger.get("/admin/settings/team/invite?from=menu").status_code == 200
    assert Visitor(stranger.client, stranger.base_url, session=before).get("/admin/account").status_code == 303


async def test_whoever_just_signed_in_notices_nothing(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    who = await member_at(services, bku, issuer)
    asked = begin(stranger, bku)
    assert query_of(asked)["max_age"] == "43200"
    assert "prompt" not in query_of(asked)
    stranger.get(who.answer(stranger.client, asked))
    made = stranger.post("/admin/configuration/consent-dashboard")
    assert "cns_secret_" in made.text


async def test_a_form_that_got_too_old_leads_back_to_its_page(
    signed_in: SignIn, services: Services, bku: Tenant
) -> None:
    visitor = await grown_old(await signed_in(Role.ADMIN), services, bku)
    there = "/admin/configuration/consent-dashboard?a=b"
    for referer, back in (
        (f"{visitor.base_url}{there}", there),
        ("https://evil.example/admin/account", "/admin/configuration/consent-dashboard/sites"),
    ):
        refused = visitor.post(
            "/admin/configuration/consent-dashboard/sites",
            {"origin": "https://evil.example"},
            headers={"Referer": referer},
        )
        assert refused.status_code == 403
        assert unescape(dict(FIELD.findall(refused.text))["next"]) == back
    assert "<code>https://evil.example</code>" not in visitor.get(there).text


@pytest.mark.parametrize("minutes_ago", [60, -60])
async def test_a_provider_that_does_not_ask_anew_lets_nobody_on(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor, minutes_ago: int
) -> None:
    """OpenID Connect Core 1.0, section 3.1.3.7: it was asked with prompt=login and max_age=0."""
    who = await member_at(services, bku, issuer)
    come_in(stranger, bku, who, minutes_ago=60)
    before = stranger.session
    asked = press_again(stranger, stranger.get("/admin/settings/team/invite"))
    who.claims["auth_time"] = int(time.time()) - minutes_ago * 60
    refused = stranger.get(who.answer(stranger.client, asked))
    assert refused.status_code == 422
    assert "provider_unusable" in text_of(refused)
    assert stranger.session == before
    assert CODE in text_of(stranger.get("/admin/settings/team/invite"))


async def test_somebody_else_who_signs_in_then_comes_in_as_themselves(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    """Who was there before is signed out; nobody gets what is another's."""
    who = await member_at(services, bku, issuer)
    bob = person(issuer, f"bob-{bku.public_id}")
    await invite(services, bku, bob.claims["email"], role=Role.USER)
    come_in(stranger, bku, who, minutes_ago=60)
    before = stranger.session
    asked = press_again(stranger, stranger.get("/admin/settings/team/invite"))
    assert stranger.get(bob.answer(stranger.client, asked)).headers["location"] == "/admin/settings/team/invite"
    assert "not_allowed" in text_of(stranger.get("/admin/settings/team/invite"))
    assert bob.claims["email"] in text_of(stranger.get("/admin/account"))
    assert Visitor(stranger.client, stranger.base_url, session=before).get("/admin/account").status_code == 303
