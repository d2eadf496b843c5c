"""The doors of the portals: sessions, forms that come from elsewhere, and pages that forgot to say whom they let in."""

from uuid import UUID

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consentry.domain.institution import InstitutionStatus
from consentry.domain.staff import ROLES, House, Role
from consentry.usecases.institution.change import InstitutionChange, change_institution
from consentry.usecases.services import Services
from consentry.web.portal.doors import RouteWithoutRole, partner_route, portal_route
from consentry.web.portal.routes import joined
from consentry.web.portal.signed_in import SignedIn
from tests.builders import Tenant
from tests.conftest import OPERATOR
from tests.portal.conftest import SignIn
from tests.portal.visiting import Visitor, begin, text_of


async def test_a_member_sees_a_page_with_the_headers_that_guard_it(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.SUPPORT)
    page = visitor.get("/admin/account")
    assert page.status_code == 200
    assert visitor.email in text_of(page)
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("role", ROLES[House.INSTITUTION])
async def test_every_page_says_that_the_institution_is_refused_and_whom_to_ask(
    signed_in: SignIn, services: Services, bku: Tenant, role: Role
) -> None:
    visitor = await signed_in(role)
    pages = ("/admin/account", "/admin/apps", "/admin/configuration/consent-dashboard", "/admin/nothing")
    for status, word in (
        (InstitutionStatus.DISABLED, "is disabled."),
        (InstitutionStatus.NEEDS_REVIEW, "needs review."),
    ):
        await change_institution(services, bku.institution_id, InstitutionChange(status=status), actor=OPERATOR)
        for path in pages:
            told = text_of(visitor.get(path))
            assert f"{word} Until it is enabled, all its API requests are refused" in told, path
            assert "Ask whoever runs consentry to enable it." in told
    enabled = InstitutionChange(status=InstitutionStatus.ENABLED)
    await change_institution(services, bku.institution_id, enabled, actor=OPERATOR)
    assert not [path for path in pages if "Until it is enabled" in text_of(visitor.get(path))]


def test_who_is_not_signed_in_is_led_to_the_sign_in_and_back(stranger: Visitor) -> None:
    answer = stranger.get("/admin/account?a=b")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/admin/sign-in?next=%2Fadmin%2Faccount%3Fa%3Db"
    assert stranger.get("/admin").headers["location"] == "/admin/sign-in"
    assert stranger.get("/partner/account").headers["location"].startswith("/partner/sign-in")


@pytest.mark.parametrize("secret", ["x", "cns_session_" + "0" * 34, "a" * 5000])
def test_a_cookie_that_is_no_session_lets_nobody_in(stranger: Visitor, secret: str) -> None:
    stranger.session = secret
    answer = stranger.get("/admin/account")
    assert answer.status_code == 303
    assert "Max-Age=0" in answer.headers["set-cookie"]


async def test_a_session_opens_its_own_portal_alone(signed_in: SignIn, partner: Tenant, services: Services) -> None:
    """R54: what was stored as one thing opens nothing as another."""
    staff = await signed_in(Role.ADMIN)
    staff.house = House.PARTNER
    assert staff.get("/partner/account").status_code == 303
    partners = await signed_in(Role.ADMIN, tenant=partner, house=House.PARTNER)
    assert partners.get("/partner/account").status_code == 200
    partners.house = House.INSTITUTION
    assert partners.get("/admin/account").status_code == 303


async def test_a_form_from_elsewhere_changes_nothing(signed_in: SignIn) -> None:
    """R80, R86."""
    visitor = await signed_in(Role.USER)
    csrf = visitor.csrf
    for headers in (
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": visitor.base_url, "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ):
        kept = {name: headers.get(name, "") for name in ("Origin", "Sec-Fetch-Site")}
        sent = {name: value for name, value in kept.items() if value}
        answer = visitor.client.post(
            f"{visitor.base_url}/admin/sign-out",
            data={"csrf": csrf},
            headers={**sent, "Cookie": f"__Host-consentry-staff={visitor.session}"},
        )
        assert answer.status_code == 403, headers
        assert "forged_request" in text_of(answer)
    assert visitor.get("/admin/account").status_code == 200


@pytest.mark.parametrize("malformed", ["http://[", "http://[::1", "//[x"])
async def test_r80_an_origin_that_is_no_address_is_another_s(
    signed_in: SignIn, stranger: Visitor, malformed: str
) -> None:
    begun = stranger.post("/admin/sign-in", headers={"Origin": malformed})
    assert (begun.status_code, "forged_request" in begun.text) == (403, True)
    visitor = await signed_in(Role.ADMIN)
    assert visitor.post("/admin/account/end", headers={"Origin": malformed}).status_code == 403
    lost = visitor.post(f"/admin/settings/team/{UUID(int=0)}/end-sessions", headers={"Referer": malformed})
    assert lost.status_code == 404


async def test_a_form_without_its_token_or_with_another_session_s_changes_nothing(signed_in: SignIn) -> None:
    visitor, another = await signed_in(Role.USER), await signed_in(Role.USER)
    for body in ("", "csrf=", "csrf=x", f"csrf={another.csrf}", f"csrf={visitor.csrf}&csrf={visitor.csrf}"):
        answer = visitor.send(
            "POST", "/admin/sign-out", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert answer.status_code == 403, body
    assert visitor.post("/admin/sign-out", headers={"Content-Type": "text/plain"}).status_code == 303
    assert visitor.session == ""


async def test_signing_out_ends_the_session_on_the_server(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.USER)
    secret = visitor.session
    assert visitor.post("/admin/sign-out").headers["location"] == "/admin/signed-out"
    visitor.session = secret
    assert visitor.get("/admin/account").status_code == 303


async def test_signing_out_everywhere_ends_all_sessions_or_all_others(
    signed_in: SignIn, services: Services, bku: Tenant
) -> None:
    visitor = await signed_in(Role.USER)
    assert visitor.member_id is not None
    secrets = [await begin(services, bku.institution_id, visitor.member_id) for _ in range(2)]
    others = [Visitor(visitor.client, visitor.base_url, session=secret) for secret in secrets]
    assert visitor.get("/admin/account").text.count("End the session since") == 2
    visitor.post("/admin/account/sign-out-everywhere", {"keep": "this"})
    assert [one.get("/admin/account").status_code for one in (visitor, *others)] == [200, 303, 303]
    visitor.post("/admin/account/sign-out-everywhere")
    assert visitor.session == ""


async def test_the_session_of_somebody_else_is_not_one_s_own_to_end(signed_in: SignIn) -> None:
    visitor, another = await signed_in(Role.ADMIN), await signed_in(Role.USER)
    found = another.get("/admin/account").text
    theirs = found.split('name="session" value="')[1].split('"')[0]
    visitor.post("/admin/account/end", {"session": theirs})
    assert another.get("/admin/account").status_code == 200
    another.post("/admin/account/end", {"session": theirs})
    assert another.session == ""


async def test_a_page_that_is_not_there_says_so_inside_the_portal(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.COMPLIANCE)
    for method in ("GET", "POST"):
        answer = visitor.send(method, "/admin/nowhere", data={"csrf": visitor.csrf} if method == "POST" else None)
        assert answer.status_code == 404
        assert "There is nothing here" in text_of(answer)


async def _page(_: Request, __: SignedIn) -> Response:
    return Response()


def test_a_page_that_declares_no_role_stops_the_start_up(services: Services) -> None:
    """R89."""
    with pytest.raises(RouteWithoutRole):
        portal_route("/admin/x", _page, role=(), name="x")
    with pytest.raises(RouteWithoutRole):
        partner_route("/partner/x", _page, role=Role.SUPPORT, name="x")
    with pytest.raises(RouteWithoutRole):
        portal_route("/elsewhere/x", _page, role=Role.ADMIN, name="x")
    with pytest.raises(RouteWithoutRole):
        joined(services, [Route("/admin/x", lambda _: Response(), name="x")])
    twice = [portal_route("/admin/x", _page, role=Role.ADMIN, name="x") for _ in range(2)]
    with pytest.raises(RouteWithoutRole):
        joined(services, twice)


def test_two_cookies_of_one_name_are_none(stranger: Visitor) -> None:
    answer: httpx.Response = stranger.get(
        "/admin/account", headers={"Cookie": "__Host-consentry-staff=a; __Host-consentry-staff=b"}
    )
    assert answer.status_code == 303
