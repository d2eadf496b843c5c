"""Consent Dashboard Management: credentials made, rotated and ended in the portal; their secret is shown once."""

import asyncio
import html
import json
import re
import subprocess

import asyncpg
import httpx
import pytest

from consentry.config import Settings
from consentry.connectors.outbound import Outbound
from consentry.domain.credential import SECRET_PATTERN
from consentry.domain.staff import House, Role
from consentry.usecases.institution.add import add_institution
from consentry.usecases.services import Services
from consentry.web.portal.doors import PortalRoute
from consentry.web.portal.routes import pages
from consentry.wiring import open_services
from tests.builders import Tenant
from tests.conftest import OPERATOR, Database
from tests.portal.conftest import SignIn
from tests.portal.visiting import Visitor, text_of
from tests.serving import Service

PAGE = "/admin/configuration/consent-dashboard"
SECRET = re.compile(SECRET_PATTERN)
CURL = re.compile(r'<pre id="curl"[^>]*>(.*?)</pre>', re.DOTALL)
TOKEN_FOR_A_CUSTOMER = {"type": "consent_management", "scopes": "customer.modify_consent:cus"}
OTHERS = (Role.SUPPORT, Role.COMPLIANCE, Role.USER)


@pytest.fixture
async def fresh(services: Services, bku: Tenant) -> Tenant:
    """An institution that has no credentials yet."""
    public_id = f"fresh-{bku.public_id}"
    made = await add_institution(services, public_id=public_id, name=public_id, actor=OPERATOR)
    return Tenant(institution_id=made.institution_id, public_id=public_id, client_id="", client_secret="")


def secret_on(page: httpx.Response) -> str:
    """Give the secret that a page shows; it must show one alone."""
    found = set(SECRET.findall(page.text))
    assert len(found) == 1, found
    return str(found.pop())


def newest_on(page: httpx.Response) -> str:
    found = re.search(r'name="newest" value="(\d+)"', page.text)
    assert found is not None
    return found[1]


def rotate(visitor: Visitor, how: str = "usual", **fields: str) -> httpx.Response:
    newest = newest_on(visitor.get(f"{PAGE}/rotate"))
    return visitor.post(f"{PAGE}/rotate", {"newest": newest, "how": how, **fields})


def token_status(service: Service, client_id: str, secret: str) -> int:
    address = f"{service.base_url}/api/v6/token"
    return httpx.post(address, auth=(client_id, secret), json=TOKEN_FOR_A_CUSTOMER, timeout=60).status_code


async def test_an_admin_generates_credentials_and_the_printed_command_gives_a_token(
    signed_in: SignIn, fresh: Tenant
) -> None:
    """R42, R43: from the page to a working token by one paste."""
    visitor = await signed_in(Role.ADMIN, tenant=fresh)
    assert ">Generate API credentials<" in re.sub(r"<svg.*?</svg>\s*", "", visitor.get(PAGE).text, flags=re.DOTALL)
    made = visitor.post(PAGE)
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    secret = secret_on(made)
    printed = CURL.search(made.text)
    assert printed is not None
    command = html.unescape(printed[1])
    assert secret in command
    answered = await asyncio.to_thread(subprocess.run, ["/bin/sh", "-c", command], capture_output=True, timeout=120)
    assert json.loads(answered.stdout)["expires_in"] == 300
    page = text_of(visitor.get(PAGE))
    assert "Generate API credentials" not in page
    assert f"cns_secret_…{secret[-4:]}" in page


async def test_the_command_without_the_secret_takes_it_from_the_shell(signed_in: SignIn, bku: Tenant) -> None:
    page = (await signed_in(Role.ADMIN)).get(PAGE)
    printed = CURL.search(page.text)
    assert printed is not None
    answered = await asyncio.to_thread(
        subprocess.run,
        ["/bin/sh", "-c", html.unescape(printed[1])],
        env={"CLIENT_SECRET": bku.client_secret, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=120,
    )
    assert "access_token" in json.loads(answered.stdout)


async def test_a_secret_is_shown_in_the_answer_alone_and_by_nothing_that_comes_later(
    signed_in: SignIn, fresh: Tenant
) -> None:
    """R43, R91, R110: sent again, or gone back to, the form shows nothing and makes nothing."""
    visitor = await signed_in(Role.ADMIN, tenant=fresh)
    made = visitor.post(PAGE)
    secret = secret_on(made)
    assert "set-cookie" not in made.headers
    again = visitor.post(PAGE)
    assert again.status_code == 409
    assert "nothing was made" in text_of(again)
    for page in (again, visitor.get(PAGE), visitor.get(f"{PAGE}/rotate"), visitor.get(f"{PAGE}/leaked")):
        assert not SECRET.search(page.text)
        assert secret not in str(page.headers)
    assert re.findall(r'class="badge (?:good|warn|calm)">(?:Current|Previous|Ended)', again.text) == [
        'class="badge good">Current'
    ]


async def test_two_admins_who_generate_at_once_make_one_set(signed_in: SignIn, fresh: Tenant) -> None:
    admins = [await signed_in(Role.ADMIN, tenant=fresh) for _ in range(4)]
    assert all(admin.csrf for admin in admins)
    answers = await asyncio.gather(*(asyncio.to_thread(admin.post, PAGE) for admin in admins))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert sum(bool(SECRET.search(answer.text)) for answer in answers) == 1


async def test_no_store_no_audit_and_no_log_holds_the_secrets_that_pages_showed(
    signed_in: SignIn, fresh: Tenant, service: Service, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """R43, R91, R137: everything that is kept is searched for the text of each secret."""
    visitor = await signed_in(Role.ADMIN, tenant=fresh)
    secrets = [secret_on(visitor.post(PAGE)), secret_on(rotate(visitor)), secret_on(rotate(visitor, "now"))]
    kept = await everything_kept(super_connection)
    assert f"cns_secret_…{secrets[0][-4:]}" in kept
    log = service.logged()
    for secret in secrets:
        for part in (secret, secret[11:39]):
            assert part not in kept
            assert part not in log


async def test_no_page_and_no_file_of_the_portal_shows_a_secret_again(
    signed_in: SignIn, fresh: Tenant, database: Database
) -> None:
    """R91, R137: everything that can be asked for is asked for."""
    visitor = await signed_in(Role.ADMIN, tenant=fresh)
    secrets = [secret_on(visitor.post(PAGE)), secret_on(rotate(visitor))]
    settings = Settings.read({**database.environment, "CONSENTRY_SURFACES": "portal"})
    async with open_services(database.app_url, database.keyring, connections=3) as opened:
        found = pages(opened, settings, Outbound())
    paths = [
        route.path
        for route in found
        if isinstance(route, PortalRoute) and route.house is House.INSTITUTION and "GET" in (route.methods or ())
    ]
    assert len(paths) > 10
    for path in paths:
        for query in ("", f"?q={secrets[1][-4:]}"):
            shown = visitor.get(re.sub(r"{[^}]*}", "x", path) + query)
            assert shown.status_code in (200, 303, 400, 404, 409, 422), path
            assert not any(secret in shown.text for secret in secrets), path


async def everything_kept(connection: "asyncpg.Connection[asyncpg.Record]") -> str:
    """Give all rows of all tables as text."""
    tables = await connection.fetch(
        """select format('%I.%I', schemaname, tablename) from pg_tables
           where schemaname not in ('pg_catalog', 'information_schema')"""
    )
    rows = [await connection.fetch(f"select t::text from {table[0]} t") for table in tables]
    return "\n".join(row[0] for found in rows for row in found)


async def test_after_a_rotation_both_secrets_work_and_the_page_says_until_when(
    signed_in: SignIn, bku: Tenant, service: Service
) -> None:
    """R45."""
    visitor = await signed_in(Role.ADMIN)
    rotated = rotate(visitor, "hours", hours="2")
    secret = secret_on(rotated)
    assert "The previous secret works until" in text_of(rotated)
    statuses = [token_status(service, bku.client_id, one) for one in (bku.client_secret, secret)]
    assert statuses == [200, 200]
    page = text_of(visitor.get(PAGE))
    assert "Previous" in page
    assert "Current" in page


async def test_no_request_for_a_token_fails_while_the_secret_is_rotated(
    signed_in: SignIn, bku: Tenant, service: Service
) -> None:
    """R45: servers that ask all the time, with the secret they have, notice nothing."""
    visitor = await signed_in(Role.ADMIN)
    newest = newest_on(visitor.get(f"{PAGE}/rotate"))
    rotated = asyncio.Event()

    async def ask(client: httpx.AsyncClient) -> set[int]:
        seen, left = set(), 10
        while left:
            answer = await client.post(f"{service.base_url}/api/v6/token", auth=bku.basic, json=TOKEN_FOR_A_CUSTOMER)
            seen.add(answer.status_code)
            left -= rotated.is_set()
        return seen

    async with httpx.AsyncClient(timeout=30) as client:
        asking = [asyncio.create_task(ask(client)) for _ in range(4)]
        answer = await asyncio.to_thread(visitor.post, f"{PAGE}/rotate", {"newest": newest, "how": "usual"})
        rotated.set()
        assert answer.status_code == 200
        assert await asyncio.gather(*asking) == [{200}] * 4


async def test_a_rotation_at_once_refuses_the_old_secret(signed_in: SignIn, bku: Tenant, service: Service) -> None:
    """R45."""
    secret = secret_on(rotate(await signed_in(Role.ADMIN), "now"))
    statuses = [token_status(service, bku.client_id, one) for one in (bku.client_secret, secret)]
    assert statuses == [401, 200]


async def test_a_rotation_that_is_sent_again_makes_no_second_secret(signed_in: SignIn) -> None:
    """R110."""
    visitor = await signed_in(Role.ADMIN)
    fields = {"newest": newest_on(visitor.get(f"{PAGE}/rotate")), "how": "usual"}
    assert visitor.post(f"{PAGE}/rotate", fields).status_code == 200
    again = visitor.post(f"{PAGE}/rotate", fields)
    assert again.status_code == 409
    assert "nothing was done" in text_of(again)
    assert not SECRET.search(again.text)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"how": "never"},
        {"how": "hours"},
        {"how": "hours", "hours": "0"},
        {"how": "hours", "hours": "721"},
        {"how": "hours", "hours": "x"},
    ],
)
async def test_a_rotation_with_an_overlap_that_can_t_be_is_refused_beside_its_field(
    signed_in: SignIn, fields: dict[str, str]
) -> None:
    visitor = await signed_in(Role.ADMIN)
    newest = newest_on(visitor.get(f"{PAGE}/rotate"))
    refused = visitor.post(f"{PAGE}/rotate", {"newest": newest, **fields})
    assert refused.status_code == 422
    problem = "hours-problem" if fields.get("how") == "hours" else "how-problem"
    assert re.findall(r'<p class="problem" id="([a-z-]+)">', refused.text) == [problem]
    assert refused.text.count(f'aria-describedby="{problem}"') == 1
    if problem == "hours-problem":
        assert re.search(r'id="hours"[^>]*>\s*<p class="problem"', refused.text), "it stands right behind the field"
    assert newest_on(refused) == newest


async def test_a_leak_ends_everything_only_when_the_institution_is_typed(
    signed_in: SignIn, bku: Tenant, service: Service
) -> None:
    visitor = await signed_in(Role.ADMIN)
    newest = newest_on(visitor.get(f"{PAGE}/leaked"))
    for typed in ("", "yes", f"{bku.public_id}x"):
        refused = visitor.post(f"{PAGE}/leaked", {"newest": newest, "institution": typed})
        assert refused.status_code == 422
        assert f"Type {bku.public_id} to end everything" in text_of(refused)
    assert token_status(service, bku.client_id, bku.client_secret) == 200
    ended = visitor.post(f"{PAGE}/leaked", {"newest": newest, "institution": bku.public_id})
    assert ended.headers["location"] == f"{PAGE}?notice=leaked"
    assert token_status(service, bku.client_id, bku.client_secret) == 401
    assert "No secret is live" in text_of(visitor.get(PAGE))
    assert visitor.post(f"{PAGE}/leaked", {"newest": "7", "institution": bku.public_id}).status_code == 409
    assert token_status(service, bku.client_id, secret_on(rotate(visitor))) == 200


async def test_without_credentials_nothing_can_be_rotated_or_ended(signed_in: SignIn, fresh: Tenant) -> None:
    visitor = await signed_in(Role.ADMIN, tenant=fresh)
    for answer in (
        visitor.get(f"{PAGE}/rotate"),
        visitor.get(f"{PAGE}/leaked"),
        visitor.post(f"{PAGE}/rotate", {"newest": "1", "how": "usual"}),
        visitor.post(f"{PAGE}/leaked", {"newest": "1", "institution": fresh.public_id}),
    ):
        assert answer.status_code == 409
        assert "generate them first" in text_of(answer)


@pytest.mark.parametrize("role", OTHERS)
async def test_who_is_no_admin_finds_no_way_to_the_credentials(signed_in: SignIn, bku: Tenant, role: Role) -> None:
    """R89: not by the menu, not by an address, not by a form."""
    visitor = await signed_in(role)
    assert "Consent Dashboard" not in visitor.get("/admin/account").text
    for path in ("", "/rotate", "/leaked"):
        assert visitor.get(f"{PAGE}{path}").status_code == 403
    for path in ("", "/rotate", "/leaked", "/sites", "/sites/remove", "/customers", "/preview"):
        answer = visitor.post(f"{PAGE}{path}", {"institution": bku.public_id, "newest": "1", "how": "now"})
        assert answer.status_code == 403
        assert not SECRET.search(answer.text)


async def test_everything_is_recorded_as_done_by_the_admin(
    signed_in: SignIn, fresh: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    visitor = await signed_in(Role.ADMIN, tenant=fresh)
    visitor.post(PAGE)
    rotate(visitor)
    visitor.post(f"{PAGE}/sites", {"origin": "https://www.bank.example"})
    visitor.post(f"{PAGE}/sites/remove", {"origin": "https://www.bank.example"})
    rows = await super_connection.fetch(
        """select action, actor_id from consentry.audit_entries
           where institution_id = $1 and actor_kind = 'staff' order by entry_id""",
        fresh.institution_id,
    )
    wanted = ["credentials.generated", "credentials.rotated", "origin.added", "origin.removed"]
    assert [row["action"] for row in rows if row["actor_id"] == str(visitor.member_id)] == wanted


async def test_a_site_is_added_once_and_refused_beside_the_field(signed_in: SignIn, other: Tenant) -> None:
    visitor, stranger = await signed_in(Role.ADMIN), await signed_in(Role.ADMIN, tenant=other)
    for origin in ("", "www.bank.example", "http://www.bank.example", "https://www.bank.example/x", "https://*.x"):
        refused = visitor.post(f"{PAGE}/sites", {"origin": origin})
        assert refused.status_code == 422
        assert 'id="origin-problem"' in refused.text
        assert f'value="{origin}"' in refused.text
    for _ in range(2):
        added = visitor.post(f"{PAGE}/sites", {"origin": "HTTPS://www.Bank.example:443"})
        assert added.status_code == 303
    assert visitor.get(PAGE).text.count("<code>https://www.bank.example</code>") == 1
    stranger.post(f"{PAGE}/sites/remove", {"origin": "https://www.bank.example"})
    assert "<code>https://www.bank.example</code>" not in stranger.get(PAGE).text
    assert "<code>https://www.bank.example</code>" in visitor.get(PAGE).text
    visitor.post(f"{PAGE}/sites/remove", {"origin": "https://www.bank.example"})
    assert "<code>https://www.bank.example</code>" not in visitor.get(PAGE).text


async def test_the_preview_opens_the_dashboard_of_a_test_customer_once(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.ADMIN)
    assert visitor.post(f"{PAGE}/customers").headers["location"] == f"{PAGE}?notice=customer#preview"
    found = re.search(r'<option value="(test-\w+)"', visitor.get(PAGE).text)
    assert found is not None
    preview = visitor.post(f"{PAGE}/preview", {"customer": found[1]})
    assert preview.status_code == 200
    assert f"form-action {visitor.base_url};" in preview.headers["content-security-policy"]
    token = re.search(r'name="access_token" value="([^"]+)"', preview.text)
    assert token is not None
    address, fields = f"{visitor.base_url}/embed/authorizations", {"access_token": token[1]}
    statuses = [visitor.client.post(address, data=fields).status_code for _ in range(2)]
    assert statuses == [200, 401]


async def test_the_preview_opens_nobody_else_s_dashboard(signed_in: SignIn, other: Tenant) -> None:
    """R90: a real customer's, and another institution's test customer, are as unknown as nobody."""
    visitor, stranger = await signed_in(Role.ADMIN), await signed_in(Role.ADMIN, tenant=other)
    stranger.post(f"{PAGE}/customers")
    theirs = re.search(r'<option value="(test-\w+)"', stranger.get(PAGE).text)
    assert theirs is not None
    answers = [visitor.post(f"{PAGE}/preview", {"customer": who}) for who in (theirs[1], "cus_1", "", "test-x")]
    assert {answer.status_code for answer in answers} == {404}
    assert {text_of(answer) for answer in answers} == {text_of(answers[0])}
    assert not any("access_token" in answer.text for answer in answers)
