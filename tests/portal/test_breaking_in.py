"""What somebody tries who wants in: hosts that are not ours, links that should be dead, forms without end."""

import asyncio
import time
from itertools import cycle, islice
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.requests import Request

from consentry.config import Settings
from consentry.domain.refusal.institution import InvalidSettings
from consentry.domain.refusal.staff import TooManyInvitations, UnknownPortalAddress
from consentry.domain.staff import House, Role, check_email
from consentry.store import staff
from consentry.usecases.mail.allowance import MOST
from consentry.usecases.partner.give import give_institution
from consentry.usecases.services import Services
from consentry.usecases.staff.invite import invite
from consentry.web.portal.lists import neutral
from consentry.web.portal.origins import linked_origin, portal_origin
from tests.builders import Tenant
from tests.conftest import OPERATOR, Database
from tests.portal.conftest import SignIn
from tests.portal.test_overview import look_after
from tests.portal.test_partner_institutions import LIST, NEW, fresh
from tests.portal.test_set_up import code_for, opened
from tests.portal.visiting import Visitor, make_member, text_of
from tests.serving import start_service

TEAM = "/admin/settings/team"
FOREIGN = {"Host": "evil.example", "Origin": "https://evil.example"}


@pytest.fixture
async def admin(signed_in: SignIn) -> Visitor:
    return await signed_in(Role.ADMIN)


@pytest.fixture
async def partner_admin(signed_in: SignIn, partner: Tenant) -> Visitor:
    return await signed_in(Role.ADMIN, tenant=partner, house=House.PARTNER)


async def found_at(db: Any, tenant: Tenant, public_url: str) -> None:
    await db.execute(
        """insert into consentry.api_settings (institution_id, public_url, access_token_lifetime,
                                               refresh_token_lifetime)
           values ($1, $2, '10 minutes', '30 days')""",
        tenant.institution_id,
        public_url,
    )


async def hosted_at(db: Any, tenant: Tenant, host: str) -> None:
    await db.execute(
        "update consentry.institutions set host = $2 where institution_id = $1", tenant.institution_id, host
    )


async def bodies(db: Any, tenant: Tenant) -> list[str]:
    rows = await db.fetch(
        "select body from consentry.mails where institution_id = $1 order by mail_id", tenant.institution_id
    )
    return [row[0] for row in rows]


# --- hosts ----------------------------------------------------------------------------------------------------------


async def test_a_host_that_nobody_has_set_gets_into_no_invitation(
    admin: Visitor, bku: Tenant, super_connection: Any
) -> None:
    """The Host header is chosen by whoever asks: a link to it would lead colleagues astray."""
    typed = {"email": "wen@bank.example", "role": "support"}
    answer = admin.post(f"{TEAM}/invite", typed, headers=FOREIGN)
    assert answer.status_code == 422
    assert "set the public URL" in text_of(answer)
    assert 'value="wen@bank.example"' in answer.text
    assert await bodies(super_connection, bku) == []
    assert "wen@bank.example" not in text_of(admin.get(TEAM))
    await found_at(super_connection, bku, "https://consents.bku.example")
    assert admin.post(f"{TEAM}/invite", typed, headers=FOREIGN).status_code == 303
    (body,) = await bodies(super_connection, bku)
    assert "https://consents.bku.example/admin/sign-in?institution=" in body
    assert "evil" not in body


async def test_a_host_that_nobody_has_set_gets_into_no_second_invitation(
    admin: Visitor, bku: Tenant, super_connection: Any
) -> None:
    shown = admin.post(f"{TEAM}/invite", {"email": "wen@bank.example", "role": "support"})
    member = shown.headers["location"].partition("?")[0]
    assert admin.post(f"{member}/invite-again", headers=FOREIGN).status_code == 409
    assert len(await bodies(super_connection, bku)) == 1


async def test_a_host_that_nobody_has_set_gets_no_set_up_code(
    services: Services, partner_admin: Visitor, partner: Tenant, bku: Tenant, super_connection: Any
) -> None:
    new = fresh()
    refused = partner_admin.post(NEW, new, headers=FOREIGN)
    assert refused.status_code == 422
    assert "set CONSENTRY_PORTAL_URL" in text_of(refused)
    count = "select count(*) from consentry.institutions where public_id = $1"
    assert await super_connection.fetchval(count, new["public_id"]) == 0
    await hosted_at(super_connection, partner, f"{partner.public_id}.example")
    below = {**new, "host": f"prairie.{partner.public_id}.example"}
    assert partner_admin.post(NEW, below, headers=FOREIGN).status_code == 200
    await look_after(services, partner, bku)
    path = f"{LIST}/{bku.public_id}/first-admin"
    kept_back = partner_admin.post(path, {"email": "ada@bku.example"}, headers=FOREIGN)
    assert (kept_back.status_code, "email-problem" in kept_back.text) == (422, True)
    assert await bodies(super_connection, bku) == []


@pytest.mark.parametrize(
    ("asked", "linked", "redirected"),
    [
        ("portal.bank.example", "https://portal.bank.example", "https://portal.bank.example"),
        ("consents.bku.example", "https://consents.bku.example", "https://consents.bku.example"),
        ("evil.example", "https://portal.bank.example", "https://portal.bank.example"),
        ("portal.bank.example.evil.example", "https://portal.bank.example", "https://portal.bank.example"),
        ("portal.bank.example:8443", "https://portal.bank.example", "https://portal.bank.example"),
        ("localhost:8080", "http://localhost:8080", "http://localhost:8080"),
    ],
)
async def test_where_the_operator_says_where_the_portals_are_nobody_else_does(
    services: Services, bku: Tenant, super_connection: Any, asked: str, linked: str, redirected: str
) -> None:
    """R86: neither a link nor a redirect URI has a host that only the Host header names."""
    await found_at(super_connection, bku, "https://consents.bku.example")
    settings = Settings.read({"CONSENTRY_PORTAL_URL": "https://portal.bank.example"})
    request = Request({"type": "http", "scheme": "http", "path": "/", "headers": [(b"host", asked.encode())]})
    assert await linked_origin(services, settings, request, bku.institution_id) == linked
    assert await portal_origin(services, settings, request, bku.institution_id) == redirected


@pytest.mark.parametrize("host", ["[1:2:3]", "[....]:443"])
async def test_a_host_in_brackets_that_is_no_address_is_refused(
    admin: Visitor, bku: Tenant, super_connection: Any, host: str
) -> None:
    await found_at(super_connection, bku, "https://consents.bku.example")
    stranger = Visitor(admin.client, admin.base_url)
    headers = {"Host": host, "Origin": "null"}
    answers = (
        stranger.post("/admin/sign-in", {"institution": bku.public_id}, headers=headers),
        admin.get("/admin/settings/authentication", headers=headers),
        admin.post(f"{TEAM}/invite", {"email": "wen@bank.example", "role": "support"}, headers=headers),
    )
    for answer in answers:
        assert answer.status_code == 400
        assert "The Host header is malformed." in text_of(answer)


async def test_where_nobody_has_said_where_the_portals_are_the_provider_judges_the_host(
    services: Services, bku: Tenant
) -> None:
    settings = Settings.read({})
    request = Request({"type": "http", "scheme": "http", "path": "/", "headers": [(b"host", b"portal.bank.example")]})
    assert await portal_origin(services, settings, request, bku.institution_id) == "https://portal.bank.example"
    with pytest.raises(UnknownPortalAddress):
        await linked_origin(services, settings, request, bku.institution_id)


async def test_a_partner_takes_no_host_at_which_others_are(
    partner_admin: Visitor, partner: Tenant, other: Tenant, super_connection: Any
) -> None:
    """R90: whoever has a host name has the sign-in of all that are asked there, so a partner takes none by itself."""
    theirs = f"consents.{partner.public_id}.example"
    await found_at(super_connection, other, f"https://{theirs}:8443")
    for taken in (theirs, "localhost", "127.0.0.1", "evil.example"):
        for headers in ({}, FOREIGN, {"Host": taken, "Origin": f"https://{taken}"}):
            answer = partner_admin.post(NEW, {**fresh(), "host": taken}, headers=headers)
            assert (answer.status_code, 'id="host-problem"' in answer.text) == (422, True), taken
    await hosted_at(super_connection, partner, f"{partner.public_id}.example")
    for spelt in (theirs, theirs.upper()):
        answer = partner_admin.post(NEW, {**fresh(), "host": spelt})
        assert answer.status_code == 422
        assert "Others are found at this host name already" in text_of(answer)
    count = "select count(*) from consentry.institutions where host = $1"
    assert await super_connection.fetchval(count, theirs) == 0


# --- links ----------------------------------------------------------------------------------------------------------


async def test_a_partner_that_has_lost_an_institution_opens_its_set_up_no_longer(
    services: Services, stranger: Visitor, partner: Tenant, bku: Tenant, super_connection: Any
) -> None:
    await look_after(services, partner, bku)
    codes = [await code_for(services, bku)]
    opened(stranger, codes[0])
    await give_institution(services, bku.public_id, partner=None, actor=OPERATOR)
    assert stranger.send("POST", "/admin/set-up", data={"code": codes[0]}).status_code == 403
    again = stranger.get("/admin/set-up/provider")
    assert (again.status_code, again.headers["location"]) == (303, "/admin/set-up")
    async with services.session.begin(bku.institution_id) as connection:
        assert await staff.members(connection, bku.institution_id) == [], "whom the partner invited comes no longer"
    after = await super_connection.fetchval(
        """select after ->> 'setup_links_ended' from consentry.audit_entries
           where institution_id = $1 and action = 'institution.given' order by entry_id desc limit 1""",
        bku.institution_id,
    )
    assert after == "1"


async def test_an_institution_that_gets_a_partner_keeps_the_operator_s_link(
    services: Services, stranger: Visitor, partner: Tenant, bku: Tenant
) -> None:
    code = await code_for(services, bku)
    await give_institution(services, bku.public_id, partner=partner.public_id, actor=OPERATOR)
    assert opened(stranger, code)


async def test_a_partner_makes_nobody_admin_where_staff_have_been(
    services: Services, partner_admin: Visitor, partner: Tenant, bku: Tenant, super_connection: Any
) -> None:
    """A reset of the provider is no way to customers, whom a partner's staff never sees."""
    await look_after(services, partner, bku)
    member_id = await make_member(services, bku.institution_id, Role.ADMIN, email="ada@bku.example")
    path = f"{LIST}/{bku.public_id}"
    assert f"{path}/first-admin" in partner_admin.get(path).text
    await super_connection.execute(
        "update consentry.staff_members set last_signed_in_at = now(), removed_at = now() where member_id = $1",
        member_id,
    )
    answer = partner_admin.post(f"{path}/first-admin", {"email": partner_admin.email})
    assert answer.status_code == 409
    assert "Its staff have signed in before" in text_of(answer)
    assert partner_admin.get(f"{path}/first-admin").status_code == 409
    shown = partner_admin.get(path)
    assert f"{path}/first-admin" not in shown.text
    assert "whoever runs consentry makes the link" in text_of(shown)
    assert await bodies(super_connection, bku) == []
    assert await code_for(services, bku), "the operator does"


# --- too much, and too odd ------------------------------------------------------------------------------------------


async def test_nobody_s_inbox_is_filled_in_a_house_s_name(
    services: Services, admin: Visitor, partner_admin: Visitor, partner: Tenant, bku: Tenant, super_connection: Any
) -> None:
    """R104: whether its own staff invite or its partner's."""
    await look_after(services, partner, bku)
    await super_connection.execute(
        """insert into consentry.mails (institution_id, mail_id, kind, recipient, subject, body, written_at)
           select $1, consentry.time_ordered_id(consentry.now()), 'invitation', 'eve@evil.example', '', '', now()
           from generate_series(1, $2::integer)""",
        bku.institution_id,
        MOST,
    )
    answer = admin.post(f"{TEAM}/invite", {"email": "wen@bank.example", "role": "support"})
    assert answer.status_code == 422
    assert "100 invitations were sent" in text_of(answer)
    answer = partner_admin.post(f"{LIST}/{bku.public_id}/first-admin", {"email": "wen@bank.example"})
    assert answer.status_code == 422
    assert 'value="wen@bank.example"' in answer.text
    assert "100 invitations were sent" in text_of(answer)
    assert len(await bodies(super_connection, bku)) == MOST
    with pytest.raises(TooManyInvitations):
        await invite(
            services,
            bku.institution_id,
            email="wen@bank.example",
            role="support",
            house=House.INSTITUTION,
            origin="https://portal.bank.example",
            actor=OPERATOR,
        )
    await super_connection.execute(
        """delete from consentry.mails where institution_id = $1 and mail_id = (
               select mail_id from consentry.mails where institution_id = $1 order by mail_id desc limit 1)""",
        bku.institution_id,
    )
    assert admin.post(f"{TEAM}/invite", {"email": "wen@bank.example", "role": "support"}).status_code == 303


@pytest.mark.parametrize("part", ["%00", "a%00b", "a%0Ab", "%E2%80%AE"])
async def test_a_path_with_characters_that_no_id_has_leads_nowhere(
    admin: Visitor, partner_admin: Visitor, part: str
) -> None:
    for path in (f"{LIST}/{part}", f"{LIST}/{part}/members.csv", f"/partner/{part}"):
        assert partner_admin.get(path).status_code == 404, path
    for path in (f"/admin/customer/{part}", f"/admin/apps/{part}", f"/admin/{part}"):
        assert admin.get(path).status_code == 404, path


@pytest.mark.parametrize("customer", ["", "\x00", "a\x00b", "nobody", "a b"])
async def test_a_dashboard_opens_for_no_customer_that_can_not_be(admin: Visitor, customer: str) -> None:
    answer = admin.post("/admin/configuration/consent-dashboard/preview", {"customer": customer})
    assert answer.status_code == 404


async def test_who_tries_to_come_in_too_often_waits_and_others_do_not(
    database: Database, client: httpx.Client, bku: Tenant
) -> None:
    """R104: a try costs a question to a provider, or a line of the log that is never deleted."""
    settings = {"CONSENTRY_WORKERS": "1", "CONSENTRY_SURFACES": "portal", "CONSENTRY_FAILURES_PER_MINUTE": "1"}
    service = await asyncio.to_thread(
        start_service, {**database.environment, **settings, "CONSENTRY_TRUSTED_PROXIES": "1"}
    )
    try:
        visitor = Visitor(client, service.base_url)
        from_one = {"X-Forwarded-For": "192.0.2.1"}
        tries = [
            ("POST", "/admin/set-up", {"code": uuid4().hex}),
            ("POST", "/admin/sign-in", {"institution": bku.public_id}),
            ("GET", "/admin/sign-in/callback?state=x&code=x", None),
            ("POST", "/partner/sign-in", {"institution": bku.public_id}),
        ]
        answers = (
            visitor.send(method, path, data=data, headers=from_one) for method, path, data in islice(cycle(tries), 100)
        )
        began, answered = time.monotonic(), 0
        while (answer := next(answers)).status_code != 429:
            answered += 1
        assert 10 <= answered <= 10 + (time.monotonic() - began) / 6  # in which another try comes to be allowed
        assert int(answer.headers["retry-after"]) >= 1
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert visitor.get("/admin/sign-in", headers=from_one).status_code == 200
        from_another = {"X-Forwarded-For": "192.0.2.2"}
        assert visitor.send("POST", "/admin/set-up", data={"code": "x"}, headers=from_another).status_code == 403
    finally:
        service.stop()


@pytest.mark.parametrize("email", ["ada@ban\u212a.example", "\u212aate@bank.example", "ad\u00e9@bank.example"])
def test_no_address_becomes_somebody_else_s_when_it_is_made_small(email: str) -> None:
    """R87: the sign of the unit kelvin is a k then, and a provider may have verified it for anybody."""
    with pytest.raises(InvalidSettings):
        check_email(email)


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        (" @SUM(A1)", "' @SUM(A1)"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("Savings; =1+1", "Savings; '=1+1"),
        ("a;-1;+2\t|x", "a;'-1;'+2\t'|x"),
        ("Savings; 1234", "Savings; 1234"),
        ("a-b = c", "a-b = c"),
        (-5, "-5"),
    ],
)
def test_no_spreadsheet_finds_a_formula_however_it_divides_columns(cell: object, written: str) -> None:
    assert neutral(cell) == written
