"""Signing in at the house's own identity provider, and everything that lets nobody in (R86, R87, R88)."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from consentry.domain.staff import House, Role
from consentry.store import staff, staff_sessions
from consentry.usecases.services import Services
from consentry.usecases.staff.attempts import read_attempt, seal_attempt
from consentry.web.portal import cookies
from tests.builders import Tenant
from tests.portal.conftest import SignIn
from tests.portal.idp import SECRET, begin, establish, person, query_of
from tests.portal.visiting import Visitor, text_of

SIGN_IN = cookies.SIGN_IN[House.INSTITUTION]
DAY = timedelta(days=1)


async def invite(
    services: Services, tenant: Tenant, email: str, *, role: Role = Role.USER, valid: timedelta = DAY
) -> Any:
    async with services.session.begin(tenant.institution_id) as connection:
        return await staff.add(connection, tenant.institution_id, email=email, role=role, valid=valid)


async def told(db: Any, tenant: Tenant, action: str = "staff.signed_in") -> list[tuple[str, dict[str, Any]]]:
    rows = await db.fetch(
        """select outcome, after from consentry.audit_entries where institution_id = $1 and action = $2
           order by entry_id""",
        tenant.institution_id,
        action,
    )
    return [(row["outcome"], json.loads(row["after"])) for row in rows]


@pytest.fixture
def another(stranger: Visitor) -> Visitor:
    """A second browser in which nobody is signed in."""
    return Visitor(stranger.client, stranger.base_url)


async def test_an_invited_person_signs_in_and_is_known_from_then_on(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor, super_connection: Any
) -> None:
    """R87: bound at first by the verified e-mail, then known by issuer and subject, whatever their e-mail becomes."""
    await establish(services, bku, issuer)
    await invite(services, bku, "ada@bank.example")
    ada = person(issuer, "ada-1", email="Ada@Bank.example", name="Ada")
    came = stranger.get(ada.answer(stranger.client, begin(stranger, bku, then="/admin/account?a=b")))
    assert (came.status_code, came.headers["location"]) == (303, "/admin/account?a=b")
    assert "Ada" in text_of(stranger.get("/admin/account"))
    assert SIGN_IN not in stranger.cookies
    ada.claims |= {"email": "ada.lovelace@bank.example", "email_verified": False}
    assert stranger.get(ada.answer(stranger.client, begin(stranger, bku))).headers["location"] == "/admin"
    outcomes = await told(super_connection, bku)
    assert [outcome for outcome, _ in outcomes] == ["done", "done"]
    assert outcomes[0][1]["sub"] == "ada-1"


async def test_an_address_with_an_apostrophe_is_bound_as_any_other(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    await establish(services, bku, issuer)
    await invite(services, bku, "o'brien@bank.example")
    for sub, email, status in (("eve", "obrien@bank.example", 403), ("pat", "O'Brien@bank.example", 303)):
        who = person(issuer, sub, email=email)
        assert stranger.get(who.answer(stranger.client, begin(stranger, bku))).status_code == status


async def test_the_sign_in_page_asks_for_the_institution_once(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    await establish(services, bku, issuer)
    await invite(services, bku, "ada@bank.example")
    asked = stranger.get("/admin/sign-in?next=/admin/account")
    assert "Where do you work?" in text_of(asked)
    shown = stranger.get(f"/admin/sign-in?institution={bku.public_id}&next=/admin/account")
    assert f"Sign in to {bku.public_id.upper()}" in text_of(shown)
    assert 'name="next" value="/admin/account"' in shown.text
    stranger.get(person(issuer, "ada").answer(stranger.client, begin(stranger, bku)))
    assert f"Sign in to {bku.public_id.upper()}" in text_of(stranger.get("/admin/sign-in"))
    assert "Where do you work?" in text_of(stranger.get("/admin/sign-in?institution="))


async def test_an_institution_is_known_by_its_host_and_no_other_there(
    services: Services, bku: Tenant, other: Tenant, issuer: str, stranger: Visitor, super_connection: Any
) -> None:
    await establish(services, bku, issuer)
    await establish(services, other, issuer)
    host = f"{bku.public_id}.bank.example"
    await super_connection.execute(
        "update consentry.institutions set host = $2 where institution_id = $1", bku.institution_id, host
    )
    page = stranger.get(f"/admin/sign-in?institution={other.public_id}", headers={"Host": host})
    assert f"Sign in to {bku.public_id.upper()}" in text_of(page)
    assert "Where do you work?" in text_of(stranger.get("/partner/sign-in", headers={"Host": host}))


@pytest.mark.parametrize("asked", ["nobody", "../x", "a" * 100, "bku' or 1=1", "%00"])
def test_an_institution_that_is_not_there_is_asked_for_again(stranger: Visitor, asked: str) -> None:
    page = stranger.get(f"/admin/sign-in?{urlencode({'institution': asked})}")
    assert page.status_code == 404
    assert "There is none with this id" in text_of(page)
    answer = stranger.send("POST", "/admin/sign-in", data={"institution": asked})
    assert answer.status_code == 404


async def test_where_no_provider_is_set_up_it_is_said_who_helps(bku: Tenant, stranger: Visitor) -> None:
    """R93: nobody comes in before a first admin has set the sign-in up; there is nothing to guess."""
    page = stranger.get(f"/admin/sign-in?institution={bku.public_id}")
    assert page.status_code == 404
    assert "no_staff_provider" in text_of(page)
    answer = stranger.send("POST", "/admin/sign-in", data={"institution": bku.public_id})
    assert answer.status_code == 404
    assert stranger.cookies == {}


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/admin//evil.example",
        "/admin/../embed",
        "/admin/%2e%2e/embed",
        "/partner/account",
        "/administration",
        "/admin/sign-in?next=/admin",
        "/admin/sign-out",
        "/admin/account\r\nSet-Cookie: a=b",
        "/admin/a#b",
        "/admin/" + "a" * 2000,
    ],
)
async def test_a_sign_in_leads_nowhere_but_into_the_portal(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor, wanted: str
) -> None:
    await establish(services, bku, issuer)
    page = stranger.get(f"/admin/sign-in?{urlencode({'institution': bku.public_id, 'next': wanted})}")
    assert 'name="next" value="/admin"' in page.text


async def test_who_was_not_invited_is_told_whom_to_ask(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor, super_connection: Any
) -> None:
    """R87, R88: refused, remembered with who it was, and nobody's address is given away."""
    await establish(services, bku, issuer)
    await invite(services, bku, "boss@bank.example", role=Role.ADMIN)
    refused = stranger.get(person(issuer, "eve").answer(stranger.client, begin(stranger, bku)))
    assert refused.status_code == 403
    assert "not_invited" in text_of(refused)
    assert f"an admin of {bku.public_id.upper()}" in text_of(refused)
    assert "boss@" not in refused.text
    assert stranger.session == ""
    ((outcome, after),) = await told(super_connection, bku)
    assert (outcome, after["refusal"], after["email"]) == ("refused", "not_invited", "eve@bank.example")


async def test_an_invitation_of_another_house_an_old_one_and_one_taken_back_let_nobody_in(
    services: Services, bku: Tenant, other: Tenant, issuer: str, stranger: Visitor
) -> None:
    await establish(services, bku, issuer)
    await invite(services, other, "ada@bank.example")
    await invite(services, bku, "late@bank.example", valid=-DAY)
    gone = await invite(services, bku, "gone@bank.example")
    async with services.session.begin(bku.institution_id) as connection:
        await staff.remove(connection, bku.institution_id, gone.member_id)
    for sub in ("ada", "late", "gone"):
        refused = stranger.get(person(issuer, sub).answer(stranger.client, begin(stranger, bku)))
        assert "not_invited" in text_of(refused), sub


async def test_an_address_that_nobody_verified_binds_nobody(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    """R87."""
    await establish(services, bku, issuer)
    await invite(services, bku, "ada@bank.example")
    for claims in ({"email_verified": False}, {"email_verified": "true"}, {"email": ""}, {"email": None}):
        ada = person(issuer, "ada-unverified")
        ada.claims |= {"email": "ada@bank.example", **claims}
        refused = stranger.get(ada.answer(stranger.client, begin(stranger, bku)))
        assert refused.status_code == 403, claims
        assert "email_unverified" in text_of(refused), claims


async def test_a_bound_address_lets_no_second_account_in(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    """R87: an address that another account has now is not who had it first."""
    await establish(services, bku, issuer)
    await invite(services, bku, "ada@bank.example")
    stranger.get(person(issuer, "ada-old", email="ada@bank.example").answer(stranger.client, begin(stranger, bku)))
    stranger.session = ""
    second = person(issuer, "ada-new", email="ada@bank.example")
    assert "not_invited" in text_of(stranger.get(second.answer(stranger.client, begin(stranger, bku))))


async def test_an_answer_completes_the_sign_in_of_its_own_browser_alone(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor, another: Visitor, super_connection: Any
) -> None:
    """R86: states swapped between two browsers, and an attacker's answer in a victim's browser (login CSRF)."""
    await establish(services, bku, issuer)
    await invite(services, bku, "mallory@bank.example")
    await invite(services, bku, "victim@bank.example")
    attackers = person(issuer, "mallory").answer(stranger.client, begin(stranger, bku))
    begun = begin(another, bku)
    forged = another.get(attackers)
    assert (forged.status_code, another.session) == (403, "")
    assert "sign_in_failed" in text_of(forged)
    with_own_state = attackers.replace(query_of(attackers)["state"], query_of(begun)["state"])
    assert another.get(with_own_state.replace("code=", "nothing=")).status_code == 403
    assert [outcome for outcome, _ in await told(super_connection, bku)] == ["refused", "refused"]


async def test_a_forged_answer_does_not_end_a_sign_in_under_way(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    await establish(services, bku, issuer)
    await invite(services, bku, "ada@bank.example")
    address = begin(stranger, bku)
    assert stranger.get("/admin/sign-in/callback?state=x&code=y").status_code == 403
    assert stranger.get(person(issuer, "ada").answer(stranger.client, address)).status_code == 303


async def test_another_person_s_code_under_one_s_own_state_is_refused(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor, another: Visitor
) -> None:
    """R86: the nonce of the ID token is the browser's own."""
    await establish(services, bku, issuer)
    await invite(services, bku, "mallory@bank.example")
    stolen = query_of(person(issuer, "mallory").answer(stranger.client, begin(stranger, bku)))["code"]
    own = query_of(begin(another, bku))["state"]
    refused = another.get(f"/admin/sign-in/callback?{urlencode({'code': stolen, 'state': own})}")
    assert (refused.status_code, another.session) == (422, "")
    assert "provider_unusable" in text_of(refused)


async def test_an_answer_is_good_once(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor, another: Visitor
) -> None:
    """R86: replayed in the same browser with its cookie put back, and in a copy of it."""
    await establish(services, bku, issuer)
    await invite(services, bku, "ada@bank.example")
    address = begin(stranger, bku)
    another.cookies = dict(stranger.cookies)
    answer = person(issuer, "ada").answer(stranger.client, address)
    assert stranger.get(answer).status_code == 303
    replayed = another.get(answer)
    assert (replayed.status_code, another.session) == (403, "")
    assert stranger.get(answer).status_code == 403


async def test_of_two_answers_at_once_one_lets_somebody_in(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor, super_connection: Any
) -> None:
    await establish(services, bku, issuer)
    await invite(services, bku, "ada@bank.example")
    address = begin(stranger, bku)
    answer = person(issuer, "ada").answer(stranger.client, address)
    held = {"Cookie": f"{SIGN_IN}={stranger.cookies[SIGN_IN]}"}
    async with httpx.AsyncClient(timeout=60) as browser:
        answers = await asyncio.gather(*(browser.get(stranger.base_url + answer, headers=held) for _ in range(6)))
    assert sorted(one.status_code for one in answers) == [303] + [403] * 5
    assert sum(outcome == "done" for outcome, _ in await told(super_connection, bku)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"error": "access_denied"},
        {"state": ""},
        {"code": ""},
    ],
)
async def test_an_answer_that_is_not_as_it_must_be_lets_nobody_in(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor, changes: dict[str, str]
) -> None:
    """R86."""
    await establish(services, bku, issuer)
    await invite(services, bku, "ada@bank.example")
    answer = query_of(person(issuer, "ada").answer(stranger.client, begin(stranger, bku)))
    refused = stranger.get(f"/admin/sign-in/callback?{urlencode({**answer, **changes})}")
    assert (refused.status_code, stranger.session) == (403, "")


async def test_a_parameter_that_comes_twice_lets_nobody_in(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    await establish(services, bku, issuer)
    await invite(services, bku, "ada@bank.example")
    answer = person(issuer, "ada").answer(stranger.client, begin(stranger, bku))
    assert stranger.get(f"{answer}&state={query_of(answer)['state']}").status_code == 403


@pytest.mark.parametrize("cookie", ["", "x", "kek.x", "a.b.c", "." * 5000, "kek_00000000.AAAA"])
def test_without_what_the_browser_keeps_nothing_can_be_completed(stranger: Visitor, cookie: str) -> None:
    stranger.cookies[SIGN_IN] = cookie
    assert stranger.get("/admin/sign-in/callback?state=&code=x").status_code == 403


async def test_a_sign_in_begun_at_one_portal_is_completed_at_no_other(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    await establish(services, bku, issuer)
    await invite(services, bku, "ada@bank.example")
    answer = person(issuer, "ada").answer(stranger.client, begin(stranger, bku))
    stranger.cookies[cookies.SIGN_IN[House.PARTNER]] = stranger.cookies[SIGN_IN]
    assert stranger.get(answer.replace("/admin/", "/partner/")).status_code == 403


async def test_a_sign_in_that_took_too_long_is_begun_again(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    await establish(services, bku, issuer)
    await invite(services, bku, "ada@bank.example")
    answer = person(issuer, "ada").answer(stranger.client, begin(stranger, bku))
    attempt = read_attempt(services.keyring, stranger.cookies[SIGN_IN], house=House.INSTITUTION)
    assert attempt is not None
    old = replace(attempt, begun_at=attempt.begun_at - 601)
    stranger.cookies[SIGN_IN] = seal_attempt(services.keyring, old, house=House.INSTITUTION)
    assert "10 minutes" in text_of(stranger.get(answer))
    assert attempt.code_verifier not in repr(attempt)


async def test_a_sign_in_begun_before_the_provider_changed_is_begun_again(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    await establish(services, bku, issuer)
    await invite(services, bku, "ada@bank.example")
    answer = person(issuer, "ada").answer(stranger.client, begin(stranger, bku))
    await establish(services, bku, issuer)
    assert "changed meanwhile" in text_of(stranger.get(answer))


async def test_signing_in_ends_the_session_that_the_browser_had(
    services: Services, bku: Tenant, other: Tenant, issuer: str, signed_in: SignIn
) -> None:
    """R88: a new id at sign-in, and the old one is dead, whosever it was."""
    await establish(services, bku, issuer)
    await invite(services, bku, "ada@bank.example")
    visitor = await signed_in(Role.ADMIN, tenant=other)
    old = visitor.session
    visitor.get(person(issuer, "ada").answer(visitor.client, begin(visitor, bku)))
    assert visitor.session not in ("", old)
    assert Visitor(visitor.client, visitor.base_url, session=old).get("/admin/account").status_code == 303
    assert "ada@bank.example" in text_of(visitor.get("/admin/account"))


async def test_removing_a_member_ends_their_sessions_and_lets_them_in_no_more(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    """R88."""
    await establish(services, bku, issuer)
    member = await invite(services, bku, "ada@bank.example")
    ada = person(issuer, "ada")
    stranger.get(ada.answer(stranger.client, begin(stranger, bku)))
    assert stranger.get("/admin/account").status_code == 200
    async with services.session.begin(bku.institution_id) as connection:
        await staff.remove(connection, bku.institution_id, member.member_id)
        assert await staff_sessions.end_all_of(connection, bku.institution_id, member.member_id) == 1
    assert stranger.get("/admin/account").status_code == 303
    assert "not_invited" in text_of(stranger.get(ada.answer(stranger.client, begin(stranger, bku))))


async def test_a_form_from_elsewhere_begins_no_sign_in(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    await establish(services, bku, issuer)
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = stranger.send("POST", "/admin/sign-in", data={"institution": bku.public_id}, headers=headers)
        assert (answer.status_code, stranger.cookies) == (403, {})


async def test_the_way_to_the_provider_is_a_page_that_keeps_its_policy(
    services: Services, bku: Tenant, issuer: str, stranger: Visitor
) -> None:
    """R78: no form of ours leads to another origin, and the browser's cookie is for this host and short-lived."""
    await establish(services, bku, issuer)
    page = stranger.send("POST", "/admin/sign-in", data={"institution": bku.public_id})
    assert "form-action 'self'" in page.headers["content-security-policy"]
    cookie = page.headers["set-cookie"]
    for part in ("__Host-", "HttpOnly", "Secure", "SameSite=lax", "Max-Age=600", "Path=/"):
        assert part in cookie
    asked = query_of(page.text.split("url=")[1].split('"')[0].replace("&amp;", "&"))
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{stranger.base_url}/admin/sign-in/callback"
    assert SECRET not in page.text


async def test_partners_staff_sign_in_at_their_own_portal(
    services: Services, partner: Tenant, issuer: str, stranger: Visitor
) -> None:
    await establish(services, partner, issuer)
    await invite(services, partner, "pat@platform.example", role=Role.ADMIN)
    stranger.house = House.PARTNER
    pat = person(issuer, "pat", email="pat@platform.example")
    came = stranger.get(pat.answer(stranger.client, begin(stranger, partner)))
    assert came.headers["location"] == "/partner"
    assert stranger.get("/partner/account").status_code == 200
    assert f"Sign in to {partner.public_id.upper()}" not in text_of(
        stranger.get(f"/admin/sign-in?institution={partner.public_id}")
    )


def test_the_page_after_signing_out_leads_back(stranger: Visitor) -> None:
    page = stranger.get("/admin/signed-out")
    assert page.status_code == 200
    assert 'href="/admin/sign-in"' in page.text
