"""A partner's institutions: listed, added with a first admin, changed, read; never another's, and never a customer."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from consentry.config import Settings
from consentry.connectors.outbound import Outbound
from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.domain.staff import House, Role
from consentry.store import houses, staff
from consentry.store.embedded import EmbeddedPostgres
from consentry.usecases.services import Services
from consentry.web.portal.doors import PortalRoute
from consentry.web.portal.routes import pages
from consentry.wiring import open_services
from tests.builders import Tenant
from tests.conftest import make_database, make_tenant
from tests.portal.conftest import SignIn
from tests.portal.idp import establish
from tests.portal.parties import add_app, add_intermediary
from tests.portal.test_overview import look_after
from tests.portal.test_set_up import opened
from tests.portal.visiting import Visitor, begin, make_member, text_of
from tests.serving import Service, start_service

LIST = "/partner/institutions"
NEW = "/partner/new-institution"
ABOUT_CUSTOMERS = (
    "customers, consents, consent_changes, consent_moves, customers_seen, account_endings, customer_looks,"
    " customer_blocks, disputes, page_sessions, events, tokens"
)


@pytest.fixture
async def admin(signed_in: SignIn, partner: Tenant) -> Visitor:
    return await signed_in(Role.ADMIN, tenant=partner, house=House.PARTNER)


@pytest.fixture
async def rival(services: Services) -> Tenant:
    public_id = f"rival-{uuid4().hex[:8]}"
    async with services.session.begin() as connection:
        partner_id = await houses.add_partner(connection, public_id=public_id, name=public_id, host=None)
    return Tenant(institution_id=partner_id, public_id=public_id, client_id="", client_secret="")


def fresh() -> dict[str, str]:
    return {"public_id": f"new-{uuid4().hex[:10]}", "name": "First Prairie", "host": "", "email": "ada@prairie.example"}


def edit(visitor: Visitor, tenant: Tenant, **fields: str) -> httpx.Response:
    seen = {"seen_name": tenant.public_id.upper(), "seen_status": "enabled"}
    typed = {"name": tenant.public_id.upper(), "status": "enabled", "reason": "Asked for by phone"}
    return visitor.post(f"{LIST}/{tenant.public_id}/edit", {**seen, **typed, **fields})


async def status_of(db: Any, tenant: Tenant) -> str:
    found: str = await db.fetchval(
        "select status from consentry.institutions where institution_id = $1", tenant.institution_id
    )
    return found


def token_request(visitor: Visitor, tenant: Tenant, secret: str) -> httpx.Response:
    return visitor.client.post(
        f"{visitor.base_url}/api/v6/token",
        json={"type": "consent_management", "scopes": "customer.modify_consent:anna"},
        auth=(tenant.client_id, secret),
    )


# --- the list -------------------------------------------------------------------------------------------------------


async def test_the_list_has_the_partner_s_institutions_alone(
    services: Services, admin: Visitor, bku: Tenant, other: Tenant, partner: Tenant, super_connection: Any
) -> None:
    """R90."""
    await look_after(services, partner, bku)
    await super_connection.execute(
        """insert into consentry.institution_counts (institution_id, customers, live_consents) values ($1, 1204, 2411)
           on conflict (institution_id) do update set customers = 1204, live_consents = 2411""",
        bku.institution_id,
    )
    said = text_of(admin.get(LIST))
    assert f"{bku.public_id.upper()} {bku.public_id} Enabled 1,204 2,411" in said
    assert "1 institution" in said
    assert other.public_id not in said
    (row,) = csv.DictReader(io.StringIO(admin.get(f"{LIST}.csv").content.decode("utf-8-sig")))
    assert (row["Institution"], row["Connected customers"]) == (bku.public_id, "1204")


async def test_the_list_is_searched_filtered_and_paged(
    services: Services, admin: Visitor, partner: Tenant, super_connection: Any
) -> None:
    prefix = uuid4().hex[:6]
    await super_connection.execute(
        """insert into consentry.institutions (public_id, name, partner_id, status)
           select $2 || '-' || n, case when n <= 60 then ' ' else '' end || 'Bank ' || lpad(n::text, 3, '0'), $1,
                  case when n % 10 = 0 then 'disabled' else 'enabled' end
           from generate_series(1, 120) as n""",
        partner.institution_id,
        prefix,
    )
    seen: list[str] = []
    path = LIST
    while path:
        page = admin.get(path)
        seen += [part.split("<")[0] for part in page.text.split('dir="auto">')[1:]]
        path = (
            page.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
            if 'rel="next"' in page.text
            else ""
        )
    assert seen == [f"{' ' if number <= 60 else ''}Bank {number:03}" for number in range(1, 121)]
    assert "12 institutions" in text_of(admin.get(f"{LIST}?status=disabled"))
    assert "1 institution " in text_of(admin.get(f"{LIST}?q=bank+077"))
    assert "1 institution " in text_of(admin.get(f"{LIST}?q={prefix}-77"))
    assert "No institution fits" in text_of(admin.get(f"{LIST}?q=nothing%25"))
    assert "120 institutions" in text_of(admin.get(f"{LIST}?status=nonsense"))


async def test_a_partner_without_institutions_is_told_what_to_do(
    admin: Visitor, signed_in: SignIn, partner: Tenant
) -> None:
    assert "Add the first one" in text_of(admin.get(LIST))
    user = await signed_in(Role.USER, tenant=partner, house=House.PARTNER)
    page = user.get(LIST)
    assert "An admin of your team can add one" in text_of(page)
    assert NEW not in page.text


# --- adding ---------------------------------------------------------------------------------------------------------


async def test_an_admin_adds_an_institution_whose_first_admin_is_invited_by_e_mail(
    admin: Visitor, stranger: Visitor, partner: Tenant, super_connection: Any
) -> None:
    new = fresh()
    answer = admin.post(NEW, new)
    assert answer.status_code == 200
    link = answer.text.split("<code>")[1].split("</code>")[0]
    row = await super_connection.fetchrow("select * from consentry.institutions where public_id = $1", new["public_id"])
    assert (row["name"], row["partner_id"], row["status"]) == ("First Prairie", partner.institution_id, "enabled")
    (mail,) = await super_connection.fetch(
        "select recipient, body from consentry.mails where institution_id = $1", row["institution_id"]
    )
    assert mail["recipient"] == new["email"]
    assert link in mail["body"]
    for house in (row["institution_id"], partner.institution_id):
        entry = await super_connection.fetchrow(
            """select actor_kind, actor_id, subject_id from consentry.audit_entries
               where institution_id = $1 and action = 'institution.added'""",
            house,
        )
        assert tuple(entry) == ("partner", str(admin.member_id), new["public_id"])
    assert opened(stranger, link.partition("#")[2])
    assert "not set up yet" in text_of(admin.get(f"{LIST}/{new['public_id']}"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"public_id": ""}, "public_id"),
        ({"public_id": "a/b"}, "public_id"),
        ({"public_id": "x" * 65}, "public_id"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"host": "https://bank.example"}, "host"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b.example, c@d.example"}, "email"),
    ],
)
async def test_what_can_not_be_added_is_refused_beside_its_field(
    admin: Visitor, super_connection: Any, changes: dict[str, str], field: str
) -> None:
    new = {**fresh(), **changes}
    answer = admin.post(NEW, new)
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
    assert answer.text.count('class="problem"') == 1
    kept = [value for name, value in new.items() if value and name != field]
    assert all(f'value="{value}"' in answer.text for value in kept)
    assert not await super_connection.fetchval(
        "select count(*) from consentry.institutions where public_id = $1", new["public_id"]
    )


async def test_an_id_that_is_taken_adds_and_sends_nothing(
    admin: Visitor, bku: Tenant, partner: Tenant, super_connection: Any
) -> None:
    answer = admin.post(NEW, {**fresh(), "public_id": bku.public_id})
    assert answer.status_code == 422
    assert "This id or host name is taken" in text_of(answer)
    assert not await super_connection.fetchval(
        "select count(*) from consentry.mails where institution_id = $1", bku.institution_id
    )
    assert (
        await super_connection.fetchval(
            "select partner_id from consentry.institutions where institution_id = $1", bku.institution_id
        )
        is None
    )


async def test_of_two_partners_that_add_the_same_id_at_once_one_has_it(
    services: Services, admin: Visitor, rival: Tenant, super_connection: Any
) -> None:
    member_id = await make_member(services, rival.institution_id, Role.ADMIN, email=f"{uuid4().hex}@rival.example")
    secret = await begin(services, rival.institution_id, member_id)
    with httpx.Client(timeout=30) as client, ThreadPoolExecutor(2) as both:
        second = Visitor(client, admin.base_url, house=House.PARTNER, session=secret)
        assert admin.csrf
        assert second.csrf
        for _ in range(3):
            new = fresh()
            answers = list(both.map(lambda visitor, new=new: visitor.post(NEW, new).status_code, (admin, second)))
            assert sorted(answers) == [200, 422]
            rows = await super_connection.fetch(
                """select i.institution_id, count(m.mail_id) as mails from consentry.institutions i
                   left join consentry.mails m using (institution_id) where public_id = $1 group by 1""",
                new["public_id"],
            )
            assert [row["mails"] for row in rows] == [1]


async def test_a_partner_with_a_host_of_its_own_gives_one_to_each_institution(
    services: Services, admin: Visitor, partner: Tenant, super_connection: Any
) -> None:
    await super_connection.execute(
        "update consentry.institutions set host = $2 where institution_id = $1",
        partner.institution_id,
        f"{partner.public_id}.example",
    )
    assert "Give the host name of its portal" in text_of(admin.post(NEW, fresh()))
    for foreign in ("bank.example", f"{partner.public_id}.example", f"not{partner.public_id}.example", "localhost"):
        refused = admin.post(NEW, {**fresh(), "host": foreign})
        assert (refused.status_code, f"below {partner.public_id}.example" in text_of(refused)) == (422, True)
    new = {**fresh(), "host": f"bank.{partner.public_id}.example"}
    assert f"https://{new['host']}/admin/set-up#" in text_of(admin.post(NEW, new))


async def test_the_first_admin_is_invited_anew_until_the_sign_in_is_set_up(
    services: Services, admin: Visitor, stranger: Visitor, bku: Tenant, partner: Tenant
) -> None:
    await look_after(services, partner, bku)
    path = f"{LIST}/{bku.public_id}/first-admin"
    assert admin.post(path, {"email": "x"}).status_code == 422
    links = [
        admin.post(path, {"email": email}).text.split("<code>")[1].split("</code>")[0]
        for email in ("ada@bku.example", "bob@bku.example")
    ]
    assert stranger.send("POST", "/admin/set-up", data={"code": links[0].partition("#")[2]}).status_code == 403
    assert opened(stranger, links[1].partition("#")[2])
    async with services.session.begin(bku.institution_id) as connection:
        invited = await staff.members(connection, bku.institution_id)
    assert [member.email for member in invited] == ["bob@bku.example"], "who is invited no longer is no admin to be"
    await establish(services, bku, "https://idp.bku.example")
    refused = admin.post(path, {"email": "eve@bku.example"})
    assert (refused.status_code, "can sign in here already" in text_of(refused)) == (409, True)
    assert admin.get(path).status_code == 409
    assert "Invite the first admin" not in text_of(admin.get(f"{LIST}/{bku.public_id}"))


# --- changing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["disabled", "needs_review"])
async def test_a_stop_is_shown_first_and_then_refuses_every_request(
    services: Services,
    admin: Visitor,
    signed_in: SignIn,
    bku: Tenant,
    partner: Tenant,
    super_connection: Any,
    status: str,
) -> None:
    await look_after(services, partner, bku)
    staff = await signed_in(Role.ADMIN)
    assert token_request(admin, bku, bku.client_secret).status_code == 200
    asked = edit(admin, bku, status=status)
    assert asked.status_code == 200
    assert "What this stops" in text_of(asked)
    assert await status_of(super_connection, bku) == "enabled"
    assert edit(admin, bku, status=status, confirmed="yes").status_code == 303
    assert await status_of(super_connection, bku) == status
    refused, wrong = token_request(admin, bku, bku.client_secret), token_request(admin, bku, "x" * 40)
    assert (refused.status_code, refused.content) == (wrong.status_code, wrong.content) == (401, wrong.content)
    named = ("content-type", "www-authenticate", "cache-control", "content-length")
    assert [refused.headers.get(name) for name in named] == [wrong.headers.get(name) for name in named]
    told = staff.get("/admin/account")
    assert told.status_code == 200
    assert f"Ask {partner.public_id.upper()} , which looks after it, to enable it." in text_of(told)
    assert edit(admin, bku, seen_status=status).status_code == 303
    assert "to enable it" not in text_of(staff.get("/admin/account"))
    assert token_request(admin, bku, bku.client_secret).status_code == 200


async def test_a_change_is_recorded_with_its_reason_in_both_houses(
    services: Services, admin: Visitor, bku: Tenant, partner: Tenant, super_connection: Any
) -> None:
    await look_after(services, partner, bku)
    answer = edit(admin, bku, name="Renamed & <b>", reason="Merger")
    assert answer.headers["location"].endswith("?notice=changed")
    for house in (bku, partner):
        entry = await super_connection.fetchrow(
            """select actor_kind, actor_id, after from consentry.audit_entries
               where institution_id = $1 and action = 'institution.changed'""",
            house.institution_id,
        )
        assert (entry["actor_kind"], entry["actor_id"]) == ("partner", str(admin.member_id))
        assert '"reason":"Merger"' in entry["after"].replace(" ", "")
    page = admin.get(f"{LIST}/{bku.public_id}")
    assert "Renamed & <b>" in text_of(page)
    assert "Renamed & <b>" not in page.text


async def test_a_name_with_blanks_around_it_can_be_changed(
    services: Services, admin: Visitor, bku: Tenant, partner: Tenant, super_connection: Any
) -> None:
    await look_after(services, partner, bku)
    await super_connection.execute(
        "update consentry.institutions set name = '  Bank ' where institution_id = $1", bku.institution_id
    )
    answer = edit(admin, bku, seen_name="  Bank ", name="Bank of it")
    assert answer.headers["location"].endswith("?notice=changed")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"name": ""}, "name"),
        ({"status": "gone"}, "status"),
        ({"status": "disabled", "confirmed": "yes", "reason": "no"}, "reason"),
    ],
)
async def test_a_change_that_can_not_be_is_refused_beside_its_field(
    services: Services,
    admin: Visitor,
    bku: Tenant,
    partner: Tenant,
    super_connection: Any,
    fields: dict[str, str],
    field: str,
) -> None:
    await look_after(services, partner, bku)
    answer = edit(admin, bku, **{"name": "Another", **fields})
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
    assert await status_of(super_connection, bku) == "enabled"


async def test_a_change_on_what_has_changed_meanwhile_is_refused(
    services: Services, admin: Visitor, bku: Tenant, partner: Tenant, super_connection: Any
) -> None:
    await look_after(services, partner, bku)
    for seen in ({"seen_status": "disabled"}, {"seen_name": "Former"}):
        answer = edit(admin, bku, name="Another", **seen)
        assert answer.status_code == 422
        assert "changed since it was shown" in text_of(answer)
    mistyped = edit(admin, bku, reason="", seen_name="Former")
    assert 'name="seen_name" value="Former"' in mistyped.text, "it is mended on what was seen, not on what is there now"
    assert edit(admin, bku).headers["location"].endswith("?notice=same")
    assert not await super_connection.fetchval(
        "select count(*) from consentry.audit_entries where institution_id = $1 and action = 'institution.changed'",
        bku.institution_id,
    )


# --- reading one ----------------------------------------------------------------------------------------------------


async def test_an_institution_s_staff_apps_intermediaries_and_settings_are_read(
    services: Services, signed_in: SignIn, bku: Tenant, partner: Tenant
) -> None:
    await look_after(services, partner, bku)
    await make_member(services, bku.institution_id, Role.SUPPORT, email="sue@bku.example")
    await add_intermediary(services.session, bku, "between", name="=Between & Co")
    await add_app(services.session, bku, "budget", name="=Budget <b>", intermediary_id="between", customers=7)
    user = await signed_in(Role.USER, tenant=partner, house=House.PARTNER)
    path = f"{LIST}/{bku.public_id}"
    summary = text_of(user.get(path))
    assert "Access tokens live 10 minutes" in summary
    assert "Change name" not in summary
    assert "sue@bku.example" in text_of(user.get(f"{path}/members"))
    assert "=Budget <b> Active =Between & Co" in text_of(user.get(f"{path}/apps"))
    assert "=Between & Co Active 1 By hand" in text_of(user.get(f"{path}/intermediaries"))
    assert "'=Budget <b>" in user.get(f"{path}/apps.csv").text
    assert "'=Between & Co" in user.get(f"{path}/intermediaries.csv").text
    assert "sue@bku.example" in user.get(f"{path}/members.csv").text


# --- whose, and who -------------------------------------------------------------------------------------------------


def partner_pages(services: Services, *, mine: bool = True) -> list[PortalRoute]:
    found = pages(services, Settings.read({"CONSENTRY_DATA_DIR": "/nowhere"}), Outbound())
    routes = [route for route in found if isinstance(route, PortalRoute) and route.house is House.PARTNER]
    return [route for route in routes if not mine or route.path.startswith((LIST, NEW, "/partner/overview"))]


def path_of(route: PortalRoute, institution: str, name: str = "consents") -> str:
    path = route.path.replace("{institution}", institution).replace("{name}", name)
    return path if "{" not in path else path.partition("{")[0] + str(uuid4())


async def test_an_institution_of_another_partner_is_as_unknown_as_one_that_is_not_there(
    services: Services, admin: Visitor, bku: Tenant, other: Tenant, rival: Tenant, partner: Tenant
) -> None:
    """R90."""
    await look_after(services, rival, bku)
    await look_after(services, partner, other)
    walked = [route for route in partner_pages(services) if "{institution}" in route.path]
    assert len(walked) >= 11
    for route in walked:
        method = "POST" if "POST" in (route.methods or ()) else "GET"
        fields = {
            "email": "eve@evil.example",
            "name": "x",
            "status": "disabled",
            "reason": "because",
            "confirmed": "yes",
        }
        data = {**fields, "csrf": admin.csrf} if method == "POST" else None
        foreign, unknown = (
            admin.send(method, path_of(route, public_id), data=data) for public_id in (bku.public_id, "nobody")
        )
        assert (foreign.status_code, unknown.status_code) == (404, 404), route.name
        assert foreign.text == unknown.text, route.name


async def test_a_user_of_a_partner_changes_nothing(
    services: Services, signed_in: SignIn, bku: Tenant, partner: Tenant, super_connection: Any
) -> None:
    """R89."""
    await look_after(services, partner, bku)
    user = await signed_in(Role.USER, tenant=partner, house=House.PARTNER)
    before = await super_connection.fetchval("select count(*) from consentry.institutions")
    for route in partner_pages(services):
        method = "POST" if "POST" in (route.methods or ()) else "GET"
        data = {**fresh(), "status": "disabled", "csrf": user.csrf} if method == "POST" else None
        answer = user.send(method, path_of(route, bku.public_id), data=data)
        assert (answer.status_code == 403) is (Role.USER not in route.roles), route.name
        assert method == "GET" or answer.status_code == 403, route.name
    assert await super_connection.fetchval("select count(*) from consentry.institutions") == before
    assert await status_of(super_connection, bku) == "enabled"


@pytest.fixture
async def walled(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> AsyncIterator[tuple[Service, Services, "asyncpg.Connection[asyncpg.Record]"]]:
    """A service whose database lets it read nothing about customers."""
    database = await make_database(postgres, tmp_path)
    connection = await asyncpg.connect(database.super_url)
    async with open_services(database.app_url, database.keyring, connections=2) as services:
        settings = {"CONSENTRY_WORKERS": "1", "CONSENTRY_SURFACES": "portal"}
        service = await asyncio.to_thread(start_service, {**database.environment, **settings})
        try:
            yield service, services, connection
        finally:
            service.stop()
            await connection.close()


async def test_no_page_of_a_partner_reads_anything_about_a_customer(
    walled: tuple[Service, Services, Any], client: httpx.Client
) -> None:
    """R90: the database refuses to tell of customers, and no page notices."""
    service, services, connection = walled
    async with services.session.begin() as opened_one:
        partner_id = await houses.add_partner(opened_one, public_id="walled", name="Walled", host=None)
    partner = Tenant(institution_id=partner_id, public_id="walled", client_id="", client_secret="")
    bku = await make_tenant(services, "bku")
    await look_after(services, partner, bku)
    await add_app(services.session, bku, "budget")
    member_id = await make_member(services, partner_id, Role.ADMIN, email="pat@partner.example")
    secret = await begin(services, partner_id, member_id)
    tables = ", ".join(f"consentry.{table.strip()}" for table in ABOUT_CUSTOMERS.split(","))
    await connection.execute(f"revoke select on {tables} from consentry_app")
    with pytest.raises(TemporarilyUnavailable):
        async with services.session.begin(bku.institution_id) as refused:
            await refused.fetch("select customer_id from consentry.consents")
    visitor = Visitor(client, service.base_url, house=House.PARTNER, session=secret, member_id=member_id)
    walked = [route for route in partner_pages(services, mine=False) if "GET" in (route.methods or ())]
    assert len(walked) >= 12
    for route in walked:
        names = ("connections", "apps", "users") if "{name}" in route.path else ("",)
        for name in names:
            for query in ("", f"?institution={bku.public_id}"):
                answer = visitor.get(path_of(route, bku.public_id, name) + query)
                assert answer.status_code in (200, 303, 404), (route.name, answer.status_code)
    assert visitor.get(f"{LIST}/{bku.public_id}").status_code == 200
    assert edit(visitor, bku, status="disabled").status_code == 200
    assert edit(visitor, bku, status="disabled", confirmed="yes").status_code == 303
    assert visitor.post(NEW, fresh()).status_code == 200
