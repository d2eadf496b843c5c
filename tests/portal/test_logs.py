"""The logs: who did what and what was refused, for those who may know, without secrets, and never looking for long."""

import csv
import io
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from consentry.domain.actor import Actor, ActorKind
from consentry.domain.credential import new_secret
from consentry.domain.staff import ROLES, House, Role
from consentry.store import audit, audit_log, houses
from consentry.store.audit_log import SUBJECT_KINDS, LogFilter
from consentry.usecases.audit.read_log import read_log
from consentry.usecases.credentials.rotate import rotate_credentials
from consentry.usecases.services import Services
from consentry.web.portal import audit_words
from tests.builders import Tenant, add_consent, add_customer
from tests.conftest import OPERATOR
from tests.portal.conftest import SignIn
from tests.portal.visiting import Visitor, make_member, text_of

LOGS = "/admin/logs"
SOURCE = Path(__file__).parents[2] / "src" / "consentry"


@pytest.fixture
async def admin(signed_in: SignIn) -> Visitor:
    return await signed_in(Role.ADMIN)


async def write(
    services: Services,
    tenant: Tenant,
    *,
    action: str = "branding.changed",
    actor: Actor = OPERATOR,
    subject: tuple[str, str | None] = ("branding", None),
    after: Mapping[str, object] | None = None,
    outcome: str = "done",
) -> None:
    async with services.session.begin(tenant.institution_id) as connection:
        await audit.record(
            connection,
            tenant.institution_id,
            action=action,
            actor=actor,
            subject=subject,
            after=after,
            outcome=outcome,
        )


def rows_of(visitor: Visitor, query: str = "") -> list[dict[str, str]]:
    answer = visitor.get(f"{visitor_path(visitor)}.csv{query}")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def visitor_path(visitor: Visitor) -> str:
    return LOGS if visitor.house is House.INSTITUTION else "/partner/logs"


async def test_an_entry_tells_who_did_what_to_whom_from_where_and_what_became_of_it(
    admin: Visitor, services: Services, bku: Tenant
) -> None:
    """R134."""
    member = await make_member(services, bku.institution_id, Role.SUPPORT, email="cleo@bank.example")
    admin.post(f"/admin/settings/team/{member}/role", {"role": "compliance"})
    page = admin.get(LOGS)
    said = text_of(page)
    assert "Role of a member changed" in said
    assert admin.email in said
    assert "cleo@bank.example" in said
    assert "127.0.0.1" in said
    assert re.search(r"<del>support</del>.*compliance", page.text, re.DOTALL)
    assert "member.role_changed" in said
    (row,) = [row for row in rows_of(admin) if row["Code"] == "member.role_changed"]
    assert (row["E-mail"], row["By"], row["Outcome"]) == (admin.email, "Staff", "done")
    assert (row["What"], row["About"], row["Which"]) == ("Role of a member changed", "Member", "cleo@bank.example")
    assert row["Before"] == "Role: support"
    assert row["After"].startswith("Role: compliance; ")
    assert row["Request"] in said


async def test_what_was_refused_is_in_the_log_with_the_page_that_refused_it(signed_in: SignIn, admin: Visitor) -> None:
    member = await signed_in(Role.USER)
    assert member.get("/admin/settings/team").status_code == 403
    assert member.get("/admin/customer/cust~2E1/consents/_secret").status_code == 403
    asked = rows_of(admin, f"?outcome=refused&who={member.email}")[0]
    assert all(part in asked["After"] for part in ("not_allowed", "cust.1", "_secret")), asked["After"]
    said = text_of(admin.get(f"{LOGS}?outcome=refused&who={member.email}"))
    assert "2 entries" in said
    assert "not_allowed" in said
    assert "/admin/settings/team" in said


async def test_customers_and_institutions_servers_are_in_it_only_where_they_were_refused(
    admin: Visitor, services: Services, bku: Tenant
) -> None:
    customer = Actor(ActorKind.CUSTOMER, "customer-canary")
    await write(services, bku, action="consent.revoked", actor=customer, subject=("consent", "c-1"))
    await rotate_credentials(services, bku.institution_id, actor=Actor(ActorKind.INSTITUTION, "server-canary"))
    said = text_of(admin.get(LOGS))
    assert "canary" not in said
    await write(services, bku, actor=customer, subject=("consent", "c-1"), outcome="refused")
    assert "customer-canary" in text_of(admin.get(LOGS))


@pytest.mark.parametrize("role", ROLES[House.INSTITUTION])
async def test_admins_and_compliance_read_the_log_and_nobody_else(signed_in: SignIn, role: Role) -> None:
    """R89."""
    member = await signed_in(role)
    expected = 200 if role in (Role.ADMIN, Role.COMPLIANCE) else 403
    for path in (LOGS, f"{LOGS}.csv", f"{LOGS}?after={uuid4()}"):
        assert member.get(path).status_code == expected
    for method in ("POST", "DELETE"):
        assert member.send(method, LOGS, data={"csrf": member.csrf}).status_code in (403, 404, 405)
    assert ("Logs" in text_of(member.get("/admin/account"))) is (expected == 200)


async def test_a_partner_s_admins_read_the_partner_s_log_and_its_users_do_not(
    signed_in: SignIn, services: Services, partner: Tenant
) -> None:
    """R89."""
    admin = await signed_in(Role.ADMIN, tenant=partner, house=House.PARTNER)
    user = await signed_in(Role.USER, tenant=partner, house=House.PARTNER)
    assert user.get("/partner/logs").status_code == user.get("/partner/logs.csv").status_code == 403
    said = text_of(admin.get("/partner/logs"))
    assert user.email in said
    assert "not_allowed" in said
    assert {row["Outcome"] for row in rows_of(admin)} == {"refused"}


async def test_nothing_of_another_institution_s_log_is_seen_or_found(
    admin: Visitor, services: Services, bku: Tenant, other: Tenant
) -> None:
    """R90."""
    theirs = await make_member(services, other.institution_id, Role.ADMIN, email="canary@other.example")
    actor = Actor(ActorKind.STAFF, str(theirs), request_id="request-canary")
    await write(services, other, actor=actor, subject=("member", str(theirs)))
    async with services.session.begin(other.institution_id) as connection:
        entry_id = await connection.fetchval("select max(entry_id::text) from consentry.audit_entries")
    for query in ("", f"?subject={theirs}", "?who=canary", f"?after={entry_id}"):
        page = admin.get(f"{LOGS}{query}")
        assert page.status_code == 200
        assert "request-canary" not in page.text
        assert "canary@other.example" not in page.text.replace("/admin/logs?who=canary", "")
    assert not any("canary" in str(row) for row in rows_of(admin))


async def test_a_partner_s_staff_who_acted_here_are_named(
    admin: Visitor, services: Services, bku: Tenant, partner: Tenant
) -> None:
    member = await make_member(services, partner.institution_id, Role.ADMIN, email="paula@partner.example")
    actor = Actor(ActorKind.PARTNER, str(member))
    await write(services, bku, actor=actor, action="institution.changed")
    assert "paula@partner.example" not in text_of(admin.get(LOGS))
    async with services.session.begin(bku.institution_id) as connection:
        await houses.give_to_partner(connection, bku.institution_id, partner_id=partner.institution_id)
    assert "paula@partner.example, channel partner" in text_of(admin.get(LOGS))


async def test_no_secret_that_slipped_in_is_shown_or_downloaded(
    admin: Visitor, services: Services, bku: Tenant
) -> None:
    """R91, R133: none should be there; should one be, it is not handed on."""
    secrets = [new_secret(services.choose), "cns_session_" + "a" * 34, "cns_setup_" + "b" * 34]
    for secret in secrets:
        await write(services, bku, actor=Actor(ActorKind.OPERATOR, secret), subject=("credentials", secret))
        await write(services, bku, after={"secret": secret, "deep": [{"er": secret}], secret: 1})
    page, file = admin.get(LOGS), admin.get(f"{LOGS}.csv")
    for secret in (*secrets, bku.client_secret):
        assert secret not in page.text
        assert secret not in file.text


@pytest.mark.parametrize("name", ["a\r\nb", "\x1b[31mred", "\u202etxt", "<script>alert(1)</script>", "=cmd()", "\x00"])
async def test_what_is_not_printable_is_written_out_and_what_is_markup_is_text(
    admin: Visitor, services: Services, bku: Tenant, name: str
) -> None:
    """R135."""
    written = name.replace("\x00", "")
    await write(services, bku, actor=Actor(ActorKind.OPERATOR, written), after={"name": written, written + "key": True})
    page = admin.get(LOGS)
    for character in "\r\x1b\u202e\x00":
        assert character not in page.text
    assert "<script>alert" not in page.text
    for row in rows_of(admin):
        assert all(cell.isprintable() for cell in row.values())
        assert not row["Who (id)"].startswith("=")


async def test_the_log_is_filtered_by_member_kind_action_outcome_day_and_subject(
    admin: Visitor, services: Services, bku: Tenant
) -> None:
    ada = await make_member(services, bku.institution_id, Role.ADMIN, email="ada@filter.example")
    by_ada = Actor(ActorKind.STAFF, str(ada))
    await write(services, bku, actor=by_ada, subject=("customer", "customer-1"))
    await write(services, bku, actor=by_ada, action="api_settings.changed", outcome="refused")

    def found(query: str) -> int:
        return sum(row["Code"] != "list.downloaded" for row in rows_of(admin, query))

    everything = found("")
    for query, count in (
        ("?who=ADA@FILTER", 2),
        ("?who=nobody", 0),
        ("?by=staff", 2),
        ("?by=operator", everything - 2),
        ("?action=api_settings.changed", 1),
        ("?action=no.such", 0),
        ("?who=ada&outcome=done", 1),
        ("?subject=customer-1", 1),
        ("?subject=customer-1&outcome=refused", 0),
        ("?subject=customer-", 0),
        ("?from=2020-01-01&to=2999-12-31", everything),
        ("?to=2020-01-01", 0),
        ("?from=2999-01-01", 0),
        ("?subject=customer-1&to=2020-01-01", 0),
        ("?after=nothing", everything),
    ):
        assert found(query) == count, query
        page = admin.get(f"{LOGS}{query}")
        assert page.status_code == 200
        assert ("Nothing matches" in text_of(page)) is (count == 0)


async def test_what_was_done_to_a_customer_s_consents_is_found_by_the_customer_s_id(
    admin: Visitor, services: Services, bku: Tenant
) -> None:
    for customer, consent in (("anna", "_annas"), ("ben", "_bens")):
        await add_customer(services.session, bku, customer)
        await add_consent(services.session, bku, customer, "budget", consent)
        await write(services, bku, action="consent.revoked", subject=("consent", consent))
    await write(services, bku, action="customer.blocked", subject=("customer", "anna"))
    assert [row["Which"] for row in rows_of(admin, "?subject=anna")] == ["anna", "_annas"]
    assert [row["Which"] for row in rows_of(admin, "?subject=_annas")] == ["_annas"]


async def test_pages_follow_each_other_without_a_gap_or_an_entry_twice(
    admin: Visitor, services: Services, bku: Tenant
) -> None:
    async with services.session.begin(bku.institution_id) as connection:
        for number in range(120):
            await audit.record(
                connection, bku.institution_id, action="branding.changed", actor=OPERATOR, subject=("x", str(number))
            )
    seen: list[str] = []
    path: str | None = f"{LOGS}?action=branding.changed"
    while path:
        page = admin.get(path)
        seen += re.findall(r'class="soft about">(\d+)<', page.text)
        found = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = found[1].replace("&amp;", "&") if found else None
    assert sorted(seen, key=int) == [str(number) for number in range(120)]
    assert "120 entries" in text_of(admin.get(f"{LOGS}?action=branding.changed"))


async def test_a_page_looks_only_so_far_back_and_says_how_to_go_on(services: Services, bku: Tenant) -> None:
    for number in range(30):
        action = "api_settings.changed" if number in (0, 17) else "branding.changed"
        await write(services, bku, action=action, subject=("branding", "same"))
    for wanted in (
        LogFilter(action="api_settings.changed"),
        LogFilter(action="api_settings.changed", subject_id="same"),
    ):
        found, pages, after = [], 0, None
        while pages == 0 or after is not None:
            page = await read_log(services, bku.institution_id, wanted=wanted, after=after, limit=50, look_through=7)
            assert (page.following is None) is (page.looked_back_to is None)
            found += page.entries
            after, pages = page.following, pages + 1
        assert len({entry.entry_id for entry in found}) == len(found) == 2
        assert pages >= 5


async def test_the_page_says_so_when_it_looked_only_so_far(
    admin: Visitor, services: Services, bku: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await write(services, bku, action="api_settings.changed")
    await super_connection.execute(
        """insert into consentry.audit_entries (institution_id, entry_id, at, action, actor_kind, subject_kind)
           select $1, consentry.time_ordered_id(consentry.now() + $2::interval), consentry.now(), 'fill', 'system', 'x'
           from generate_series(1, 5001)""",
        bku.institution_id,
        timedelta(milliseconds=1),
    )
    page = admin.get(f"{LOGS}?action=api_settings.changed")
    assert "Nothing among the 5,000 entries back to" in text_of(page)
    found = re.search(r'href="([^"]+)">Look further back', page.text)
    assert found is not None
    further = admin.get(found[1].replace("&amp;", "&"))
    assert "API settings changed" in text_of(further)
    assert "Look further back" not in text_of(further)
    assert "1,000+" in text_of(admin.get(LOGS))


async def test_the_log_is_read_by_its_index_however_much_customers_did(
    services: Services, bku: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """The statements that the page runs, as the application's role, with many entries of customers in between."""
    await super_connection.execute(
        """insert into consentry.audit_entries
               (institution_id, entry_id, at, action, actor_kind, actor_id, subject_kind, subject_id)
           select $1, consentry.time_ordered_id(consentry.now()), consentry.now(), 'page.opened', 'customer', 'c' || n,
                  'page', n::text
           from generate_series(1, 20000) n""",
        bku.institution_id,
    )
    await super_connection.execute("analyze consentry.audit_entries")
    month = await super_connection.fetchval("select to_char(consentry.now() at time zone 'UTC', 'YYYYMM') || '01'")
    try:
        for walk, subject_id, action in (
            (audit_log._WALK, None, None),
            (audit_log._WALK, None, "no.such"),
            (audit_log._WALK_OF_SUBJECT, "7", None),
        ):
            plan = await _plan(services, bku, walk=walk, subject_id=subject_id, action=action)
            assert f"Seq Scan on audit_entries_{month}" not in plan, plan
            passed_by = [int(number) for number in re.findall(r"Rows Removed by Filter: (\d+)", plan)]
            assert sum(passed_by) < 50, plan
    finally:
        await super_connection.execute(
            "delete from consentry.audit_entries where institution_id = $1", bku.institution_id
        )


async def _plan(services: Services, tenant: Tenant, *, walk: str, subject_id: str | None, action: str | None) -> str:
    """Give the plan of a statement of the log as it is run: for any values, by the application's role."""
    async with services.session.begin(tenant.institution_id) as connection:
        await connection.execute(
            f"""prepare log (int, uuid, uuid, text, text[], text, text, text) as
                select entry_id from {walk} and {audit_log._MATCH} order by entry_id desc limit 51"""
        )
        values = ("null" if value is None else f"'{value}'" for value in (subject_id, None, None, action, None))
        rows = await connection.fetch(
            f"""explain (analyze, costs off, timing off, buffers off) execute log (
                {tenant.institution_id}, '{UUID(int=2**128 - 1)}', '{UUID(int=0)}', {", ".join(values)})"""
        )
        await connection.execute("deallocate log")
    return "\n".join(row[0] for row in rows)


def test_every_action_in_the_code_is_told_in_words() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.glob("usecases/**/*.py"))
    actions = set(re.findall(r'action="([a-z_]+\.[a-z_]+)"', code))
    assert len(actions) > 40
    for action in actions:
        words = audit_words.action_words(action)
        assert words[0].isupper()
        assert "_" not in words
        assert "." not in words


def test_everything_that_entries_are_about_is_found_by_its_id() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.glob("usecases/**/*.py"))
    kinds = set(re.findall(r'subject=\("([a-z _-]+)", (?!None)', code))
    assert kinds - set(SUBJECT_KINDS) == set(), "name them in store/audit_log.py"


def test_what_has_no_words_is_readable() -> None:
    assert audit_words.action_words("something.was_done") == "Something: was done"
    assert audit_words.action_words("portal.team.change_role") == "Team: change role"
    assert audit_words.action_words("") == ""
    assert audit_words.subject_words("odd_thing") == "Odd thing"


@pytest.mark.parametrize(
    ("days", "status"), [("from=2026-03-02&to=2026-03-01", 422), ("from=2026-03-02&to=2026-03-02", 200)]
)
async def test_days_the_wrong_way_round_are_refused_beside_their_field(admin: Visitor, days: str, status: int) -> None:
    page = admin.get(f"{LOGS}?{days}")
    assert (page.status_code, 'id="from-problem"' in page.text) == (status, status == 422)
    assert ("Give a day that is not after the last one." in page.text) is (status == 422)
    assert admin.get(f"{LOGS}.csv?{days}").status_code == (303 if status == 422 else 200)


def test_a_file_is_not_given_for_a_day_that_is_none(admin: Visitor) -> None:
    """It would hold everything, under a filter's name."""
    answer = admin.get("/admin/logs.csv?outcome=refused&from=yesterday")
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/logs?outcome=refused&from=yesterday")
    page = admin.get(answer.headers["location"])
    assert (page.status_code, 'id="from-problem"' in page.text) == (422, True)
