"""Team members: invited by e-mail, given roles, removed with their sessions, and never without an admin."""

import asyncio
import re
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from consentry.config import MailServer
from consentry.connectors.smtp import MailSender
from consentry.domain.actor import Actor, ActorKind
from consentry.domain.refusal import Refusal
from consentry.domain.refusal.staff import LastAdmin, NotAllowed
from consentry.domain.staff import ROLES, House, Role
from consentry.store import setup_links, staff
from consentry.usecases.mail.send_waiting import send_waiting
from consentry.usecases.services import Services
from consentry.usecases.staff.change_role import change_role
from consentry.usecases.staff.first_admin import first_admin
from consentry.usecases.staff.invite import invite
from consentry.usecases.staff.remove import remove_member
from consentry.web.portal.words import browser
from tests.builders import Tenant
from tests.conftest import OPERATOR
from tests.mail_server import mail_server
from tests.portal.conftest import SignIn
from tests.portal.visiting import Visitor, begin, make_member, text_of

TEAM = "/admin/settings/team"
BOTH = pytest.mark.parametrize("house", list(House))
_ADDRESSES = iter(f"new-{number}@bank.example" for number in range(10_000))


@pytest.fixture
async def admin(signed_in: SignIn) -> Visitor:
    return await signed_in(Role.ADMIN)


def team_of(house: House) -> str:
    return "/admin/settings/team" if house is House.INSTITUTION else "/partner/settings/team"


async def entries(services: Services, tenant: Tenant, action: str) -> list[asyncpg.Record]:
    async with services.session.begin(tenant.institution_id) as connection:
        return await connection.fetch(
            """select outcome, actor_kind, actor_id, subject_id, before, after from consentry.audit_entries
               where institution_id = $1 and action = $2 order by entry_id""",
            tenant.institution_id,
            action,
        )


async def waiting_mails(services: Services, tenant: Tenant) -> list[asyncpg.Record]:
    async with services.session.begin(tenant.institution_id) as connection:
        return await connection.fetch(
            "select kind, recipient, subject, body from consentry.mails where institution_id = $1 order by mail_id",
            tenant.institution_id,
        )


def invited(answer: httpx.Response) -> UUID:
    assert answer.status_code == 303, text_of(answer)
    return UUID(answer.headers["location"].rpartition("/")[2].partition("?")[0])


@BOTH
async def test_an_invited_member_stands_in_the_list_and_gets_an_e_mail(
    signed_in: SignIn, services: Services, bku: Tenant, partner: Tenant, house: House
) -> None:
    tenant, team = (bku, team_of(house)) if house is House.INSTITUTION else (partner, team_of(house))
    admin = await signed_in(Role.ADMIN, tenant=tenant, house=house)
    email = next(_ADDRESSES)
    answer = admin.post(f"{team}/invite", {"email": f" {email.upper()} ", "role": "user"})
    member_id = invited(answer)
    page = admin.get(team)
    assert email in text_of(page)
    assert "Invited" in text_of(page)
    (mail,) = await waiting_mails(services, tenant)
    assert (mail["kind"], mail["recipient"]) == ("invitation", email)
    link = f"{admin.base_url}{team.removesuffix('/settings/team')}/sign-in?institution={tenant.public_id}"
    assert link in mail["body"]
    assert admin.email in mail["body"]
    (entry,) = await entries(services, tenant, "member.invited")
    assert entry["subject_id"] == str(member_id)
    assert entry["actor_id"] == str(admin.member_id)
    assert email in entry["after"]
    shown = text_of(admin.get(f"{team}/{member_id}?notice=invited"))
    assert link in shown
    assert "E-mail is not set up here: give the link yourself." in shown


@pytest.mark.parametrize("email", ["new@bank.example", "o'brien+audit@bank.example", "'t-hart@bank.example"])
async def test_the_invitation_arrives_at_a_real_mail_server(services: Services, bku: Tenant, email: str) -> None:
    made = await invite(
        services,
        bku.institution_id,
        email=email,
        role="support",
        house=House.INSTITUTION,
        origin="https://consents.bku.example",
        actor=Actor(ActorKind.OPERATOR, "root"),
    )
    async with mail_server() as inbox:
        server = MailServer(host="127.0.0.1", port=inbox.port, tls=False)
        while (await send_waiting(services.session, MailSender(server, "consents@bku.example"))).sent:
            pass
    (mail,) = [mail for mail in inbox.mails if mail["to"] == email]
    text = mail.get_content()
    assert made.link == f"https://consents.bku.example/admin/sign-in?institution={bku.public_id}"
    assert made.link in text
    assert "Looks customers up" in text
    assert bku.public_id.upper() in mail["subject"]


@pytest.mark.parametrize(
    ("email", "role", "field"),
    [
        ("", "user", "email"),
        ("ada", "user", "email"),
        ("ada@bank.example\r\nBcc: eve@evil.example", "user", "email"),
        ("<script>@bank.example", "user", "email"),
        ("fine@bank.example", "", "role"),
        ("fine@bank.example", "owner", "role"),
    ],
)
async def test_a_wrong_invitation_is_refused_beside_its_field_and_kept(
    admin: Visitor, services: Services, bku: Tenant, email: str, role: str, field: str
) -> None:
    answer = admin.post(f"{TEAM}/invite", {"email": email, "role": role})
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
    assert "<script>@" not in answer.text
    if field == "role":
        assert 'value="fine@bank.example"' in answer.text
    assert await waiting_mails(services, bku) == []
    assert await entries(services, bku, "member.invited") == []
    (refused,) = await entries(services, bku, "portal.team.invite")
    assert refused["outcome"] == "refused"


async def test_an_apostrophe_in_an_address_stays_text_in_pages_and_files(admin: Visitor) -> None:
    """R83."""
    email = "o'brien+=1@bank.example"
    member_id = invited(admin.post(f"{TEAM}/invite", {"email": email, "role": "user"}))
    for path in (TEAM, f"{TEAM}/{member_id}", f"{TEAM}/{member_id}/remove"):
        page = admin.get(path)
        assert email in text_of(page)
        assert email not in page.text
    assert f"\n{email}," in admin.get(f"{TEAM}.csv").text
    assert "1 member " in text_of(admin.get(TEAM, params={"q": "O'BRIEN"}))
    assert "is on the team already" in text_of(admin.post(f"{TEAM}/invite", {"email": email.upper(), "role": "user"}))


async def test_a_role_of_the_other_house_is_none(signed_in: SignIn, partner: Tenant) -> None:
    admin = await signed_in(Role.ADMIN, tenant=partner, house=House.PARTNER)
    answer = admin.post("/partner/settings/team/invite", {"email": next(_ADDRESSES), "role": "support"})
    assert answer.status_code == 422
    assert "Support" not in text_of(admin.get("/partner/settings/team/invite"))


async def test_nobody_is_invited_twice_but_who_was_removed_comes_back_as_a_new_member(admin: Visitor) -> None:
    email = next(_ADDRESSES)
    first = invited(admin.post(f"{TEAM}/invite", {"email": email, "role": "user"}))
    again = admin.post(f"{TEAM}/invite", {"email": email, "role": "admin"})
    assert again.status_code == 422
    assert "already" in text_of(again)
    admin.post(f"{TEAM}/{first}/remove")
    second = invited(admin.post(f"{TEAM}/invite", {"email": email, "role": "user"}))
    assert second != first
    assert admin.get(f"{TEAM}/{first}").status_code == 404


async def test_who_has_not_come_is_invited_again_and_who_has_is_not(
    admin: Visitor, services: Services, bku: Tenant
) -> None:
    member_id = invited(admin.post(f"{TEAM}/invite", {"email": next(_ADDRESSES), "role": "user"}))
    async with services.session.begin(bku.institution_id) as connection:
        await connection.execute(
            """update consentry.staff_members set invited_until = consentry.now() - interval '1 hour'
               where institution_id = $1 and member_id = $2""",
            bku.institution_id,
            member_id,
        )
    assert "Expired" in text_of(admin.get(f"{TEAM}/{member_id}"))
    assert admin.post(f"{TEAM}/{member_id}/invite-again").status_code == 303
    assert "Invited" in text_of(admin.get(f"{TEAM}/{member_id}"))
    assert len(await waiting_mails(services, bku)) == 2
    answer = admin.post(f"{TEAM}/{admin.member_id}/invite-again")
    assert answer.status_code == 422
    assert len(await waiting_mails(services, bku)) == 2


@BOTH
async def test_removal_ends_all_sessions_of_a_member_at_once(
    signed_in: SignIn, services: Services, bku: Tenant, partner: Tenant, house: House
) -> None:
    """R88."""
    tenant = bku if house is House.INSTITUTION else partner
    admin = await signed_in(Role.ADMIN, tenant=tenant, house=house)
    member = await signed_in(Role.USER, tenant=tenant, house=house)
    assert member.member_id is not None
    second = Visitor(
        member.client, member.base_url, house, await begin(services, tenant.institution_id, member.member_id)
    )
    account = f"{team_of(house).removesuffix('/settings/team')}/account"
    assert [one.get(account).status_code for one in (member, second)] == [200, 200]
    asked = admin.get(f"{team_of(house)}/{member.member_id}/remove")
    assert "2 open sessions end at once" in text_of(asked)
    assert member.get(account).status_code == 200
    answer = admin.post(f"{team_of(house)}/{member.member_id}/remove")
    assert answer.headers["location"] == f"{team_of(house)}?notice=removed"
    assert [one.get(account).status_code for one in (member, second)] == [303, 303]
    (entry,) = await entries(services, tenant, "member.removed")
    assert member.email in entry["before"]


async def test_another_role_ends_the_sessions_under_the_old_one(
    admin: Visitor, signed_in: SignIn, services: Services, bku: Tenant
) -> None:
    member = await signed_in(Role.SUPPORT)
    answer = admin.post(f"{TEAM}/{member.member_id}/role", {"role": "compliance"})
    assert answer.status_code == 303
    assert member.get("/admin/account").status_code == 303
    (entry,) = await entries(services, bku, "member.role_changed")
    assert '"support"' in entry["before"]
    assert '"compliance"' in entry["after"]
    unchanged = await signed_in(Role.USER)
    admin.post(f"{TEAM}/{unchanged.member_id}/role", {"role": "user"})
    assert unchanged.get("/admin/account").status_code == 200
    assert len(await entries(services, bku, "member.role_changed")) == 1


@pytest.mark.parametrize("what", ["remove", "role"])
async def test_a_link_for_a_first_admin_ends_with_the_role(
    admin: Visitor, services: Services, bku: Tenant, what: str
) -> None:
    """R88: it would make them an admin again."""
    made = await first_admin(services, bku.institution_id, email=next(_ADDRESSES), actor=OPERATOR)

    async def lives() -> bool:
        async with services.session.begin(bku.institution_id) as connection:
            invited = await setup_links.invited(connection, bku.institution_id, member_id=made.member_id)
            ended = await connection.fetchval(
                "select used_at is not null from consentry.staff_setup_links where member_id = $1", made.member_id
            )
        return invited is not None and not ended

    assert await lives()
    assert admin.post(f"{TEAM}/{made.member_id}/{what}", {"role": "user"}).status_code == 303
    assert not await lives()


async def test_an_admin_signs_a_member_out_everywhere(admin: Visitor, signed_in: SignIn) -> None:
    member = await signed_in(Role.SUPPORT)
    assert "httpx" in text_of(admin.get(f"{TEAM}/{member.member_id}"))
    assert admin.post(f"{TEAM}/{member.member_id}/end-sessions").status_code == 303
    assert member.get("/admin/account").status_code == 303
    assert "Not signed in anywhere." in text_of(admin.get(f"{TEAM}/{member.member_id}"))


async def test_the_last_admin_is_neither_removed_nor_demoted(admin: Visitor, services: Services, bku: Tenant) -> None:
    invited(admin.post(f"{TEAM}/invite", {"email": next(_ADDRESSES), "role": "admin"}))
    removal = admin.post(f"{TEAM}/{admin.member_id}/remove")
    demotion = admin.post(f"{TEAM}/{admin.member_id}/role", {"role": "user"})
    for answer in (removal, demotion):
        assert answer.status_code == 422
        assert "last admin who can sign in" in text_of(answer)
    assert 'id="role-problem"' in demotion.text
    assert admin.get(TEAM).status_code == 200
    assert await entries(services, bku, "member.removed") == []


async def test_who_removes_or_demotes_oneself_is_told_so_and_signed_out(admin: Visitor, signed_in: SignIn) -> None:
    second = await signed_in(Role.ADMIN)
    assert "This is you." in text_of(second.get(f"{TEAM}/{second.member_id}/remove"))
    assert "This is you" not in text_of(second.get(f"{TEAM}/{admin.member_id}/remove"))
    answer = second.post(f"{TEAM}/{second.member_id}/remove")
    assert answer.headers["location"] == "/admin/signed-out"
    assert second.session == ""
    third = await signed_in(Role.ADMIN)
    assert third.post(f"{TEAM}/{third.member_id}/role", {"role": "user"}).headers["location"] == "/admin/signed-out"


async def test_of_two_admins_who_demote_each_other_at_once_exactly_one_succeeds(
    services: Services, bku: Tenant
) -> None:
    """R112: locked, so that neither decides on what the other has just changed."""
    for turn in range(5):
        names = [f"{name}-{turn}@bank.example" for name in ("one", "two")]
        ids = [await make_member(services, bku.institution_id, Role.ADMIN, email=email) for email in names]
        results = await asyncio.gather(
            *(_demote(services, bku, whom=ids[1 - own], by=ids[own], removes=bool(turn % 2)) for own in (0, 1))
        )
        assert sorted(type(result).__name__ for result in results) in (
            ["LastAdmin", "NoneType"],
            ["NoneType", "NotAllowed"],
        )
        winner = ids[results.index(None)]
        with pytest.raises(LastAdmin):
            await remove_member(
                services, bku.institution_id, winner, house=House.INSTITUTION, actor=Actor(ActorKind.OPERATOR, "root")
            )
        async with services.session.begin(bku.institution_id) as connection:
            await connection.execute(
                "update consentry.staff_members set removed_at = consentry.now() where institution_id = $1",
                bku.institution_id,
            )


async def _demote(services: Services, bku: Tenant, *, whom: UUID, by: UUID, removes: bool) -> Refusal | None:
    actor = Actor(ActorKind.STAFF, str(by))
    try:
        if removes:
            await remove_member(services, bku.institution_id, whom, house=House.INSTITUTION, actor=actor)
        else:
            await change_role(services, bku.institution_id, whom, role="user", house=House.INSTITUTION, actor=actor)
    except (LastAdmin, NotAllowed) as refusal:
        return refusal
    return None


async def test_what_a_demoted_admin_has_under_way_is_refused(services: Services, bku: Tenant) -> None:
    """R88: a decision counts when it is made, not when its page was opened."""
    demoted = await make_member(services, bku.institution_id, Role.USER, email="was-admin@bank.example")
    actor = Actor(ActorKind.STAFF, str(demoted))
    with pytest.raises(NotAllowed):
        await invite(
            services,
            bku.institution_id,
            email=next(_ADDRESSES),
            role="admin",
            house=House.INSTITUTION,
            origin="https://x.example",
            actor=actor,
        )


@pytest.mark.parametrize("role", [role for role in ROLES[House.INSTITUTION] if role is not Role.ADMIN])
async def test_only_admins_see_or_change_the_team(
    signed_in: SignIn, services: Services, bku: Tenant, role: Role
) -> None:
    """R89."""
    member = await signed_in(role)
    other = await make_member(services, bku.institution_id, Role.USER, email=f"other-{role}@bank.example")
    for below in ("", ".csv", "/invite", f"/{other}", f"/{other}/remove"):
        assert member.get(f"{TEAM}{below}").status_code == 403, below
    fields = {"email": next(_ADDRESSES), "role": "admin"}
    for below in ("/invite", *(f"/{other}/{what}" for what in ("invite-again", "role", "end-sessions", "remove"))):
        assert member.post(f"{TEAM}{below}", fields).status_code == 403, below
    assert "Team members" not in text_of(member.get("/admin/account"))
    assert await waiting_mails(services, bku) == []
    assert len(await entries(services, bku, "portal.team.remove")) == 1


async def test_a_partner_s_users_see_no_team(signed_in: SignIn, partner: Tenant) -> None:
    """R89."""
    user = await signed_in(Role.USER, tenant=partner, house=House.PARTNER)
    assert user.get("/partner/settings/team").status_code == 403
    assert user.post("/partner/settings/team/invite", {"email": "a@b.example", "role": "admin"}).status_code == 403


async def test_members_of_another_institution_are_as_unknown_as_nobody(
    admin: Visitor, services: Services, other: Tenant
) -> None:
    """R90."""
    theirs = await make_member(services, other.institution_id, Role.USER, email="theirs@bank.example")
    second = await make_member(services, other.institution_id, Role.ADMIN, email="second@bank.example")
    assert second != theirs
    for below, fields in (
        ("", None),
        ("/remove", None),
        ("/remove", {}),
        ("/role", {"role": "user"}),
        ("/invite-again", {}),
        ("/end-sessions", {}),
    ):
        answers = [
            admin.get(f"{TEAM}/{member}{below}") if fields is None else admin.post(f"{TEAM}/{member}{below}", fields)
            for member in (theirs, uuid4(), "nobody", "..%2f..", "0")
        ]
        assert [answer.status_code for answer in answers] == [404] * len(answers), below
        assert len({re.sub(r"[0-9a-f-]{36}", "", text_of(answer)) for answer in answers[:3]}) == 1
    assert await entries(services, other, "member.removed") == []


async def test_without_an_audit_entry_nothing_is_changed(
    admin: Visitor,
    signed_in: SignIn,
    services: Services,
    bku: Tenant,
    super_connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """R129."""
    member = await signed_in(Role.SUPPORT)
    before = text_of(admin.get(TEAM))
    await super_connection.execute("revoke insert on consentry.audit_entries from consentry_app")
    try:
        for below, fields in (
            ("/invite", {"email": next(_ADDRESSES), "role": "user"}),
            (f"/{member.member_id}/role", {"role": "user"}),
            (f"/{member.member_id}/end-sessions", {}),
            (f"/{member.member_id}/remove", {}),
        ):
            answer = admin.post(f"{TEAM}{below}", fields)
            assert answer.status_code == 503, below
            assert answer.headers["retry-after"] == "1"
    finally:
        await super_connection.execute("grant insert on consentry.audit_entries to consentry_app")
    assert text_of(admin.get(TEAM)) == before
    assert member.get("/admin/account").status_code == 200
    assert await waiting_mails(services, bku) == []


async def test_names_from_the_provider_are_text_and_stay_on_their_line(
    admin: Visitor, services: Services, bku: Tenant
) -> None:
    """R135."""
    assert admin.member_id is not None
    member_id = await make_member(services, bku.institution_id, Role.USER, email="mallory@bank.example")
    name = "<b>Mallory</b>\r\nBcc: eve@evil.example \x1b[31m =cmd()"
    async with services.session.begin(bku.institution_id) as connection:
        for named in (member_id, admin.member_id):
            await staff.note_sign_in(connection, bku.institution_id, named, name=name)
    for path in (TEAM, f"{TEAM}/{member_id}", f"{TEAM}/{member_id}/remove"):
        page = admin.get(path)
        assert "<b>Mallory" not in page.text
        assert "\x1b" not in page.text
    admin.post(f"{TEAM}/invite", {"email": next(_ADDRESSES), "role": "user"})
    (mail,) = await waiting_mails(services, bku)
    assert "\nBcc:" not in mail["body"]
    assert "\x1b" not in mail["body"]


async def test_the_list_is_filtered_paged_and_downloaded(admin: Visitor, services: Services, bku: Tenant) -> None:
    for number in range(55):
        await make_member(services, bku.institution_id, Role.USER, email=f"{number:02}-many@bank.example")
    await make_member(services, bku.institution_id, Role.SUPPORT, email="=cmd@bank.example")
    first = admin.get(TEAM)
    assert "57 members" in text_of(first)
    following = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert following is not None
    second = admin.get(following[1].replace("&amp;", "&"))
    assert second.text.count('<th scope="row">') == 7
    assert 'rel="next"' not in second.text
    filtered = admin.get(f"{TEAM}?role=support&q=CMD&status=active")
    assert "1 member " in text_of(filtered)
    assert "Nobody matches" in text_of(admin.get(f"{TEAM}?q=nobody&role=no-role"))
    file = admin.get(f"{TEAM}.csv?role=support")
    assert file.headers["content-type"].startswith("text/csv")
    assert "\n'=cmd@bank.example" in file.text
    assert len(admin.get(f"{TEAM}.csv").text.splitlines()) == 58


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("something else", "something else"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_browsers_are_named_as_people_name_them(agent: str | None, name: str) -> None:
    assert browser(agent) == name
