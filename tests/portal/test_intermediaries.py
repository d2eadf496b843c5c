"""Intermediaries in the portal: listed, added, changed, stopped and let in; by whom, and against whose last word."""

import re
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from consentry.domain.staff import Role
from consentry.usecases.services import Services
from consentry.web.portal.segments import id_of
from tests.builders import Tenant
from tests.connectors.test_outbound import REFUSED
from tests.portal.conftest import SignIn
from tests.portal.parties import add_app, add_intermediary
from tests.portal.test_apps import HOSTILE, rows
from tests.portal.visiting import Visitor, text_of

REASON = "It was breached and does not answer."
ROW = re.compile(r'<th scope="row"><a href="/admin/intermediaries/([^"]+)"')
FORM = {
    "name": "Aggregator",
    "logo_url": "https://agg.example/logo.png",
    "contact_1_name": "Ada Example",
    "contact_1_role": "Security",
    "contact_1_email": "ada@agg.example",
    "contact_1_phone": "+1 555 010 0199",
    "request_limit": "600",
    "request_period": "minute",
    "networks": "203.0.113.0/24\n2001:db8::/32",
    "approval": "automatic",
}


def listed(visitor: Visitor, **query: Any) -> list[str]:
    page = visitor.get(f"/admin/intermediaries?{urlencode(query)}")
    assert page.status_code == 200
    return [id_of(found) for found in ROW.findall(page.text)]


def version_of(page: httpx.Response) -> str:
    found = re.search(r'name="version" value="(\d+)"', page.text)
    assert found is not None
    return found[1]


async def stored(connection: Any, tenant: Tenant, intermediary_id: str) -> dict[str, Any]:
    return dict(
        await connection.fetchrow(
            "select * from consentry.intermediaries where institution_id = $1 and intermediary_id = $2",
            tenant.institution_id,
            intermediary_id,
        )
    )


@pytest.fixture
async def parties(services: Services, bku: Tenant, other: Tenant) -> None:
    await add_intermediary(services.session, bku, "zed", name="Zed")
    await add_intermediary(services.session, bku, "agg", name="aggregator one")
    await add_intermediary(services.session, bku, "agg-2", name="Aggregator Two", status="disabled")
    await add_intermediary(services.session, other, "foreign", name="Foreign")
    await add_app(services.session, bku, "one", intermediary_id="agg", customers=7, live_consents=9)
    await add_app(services.session, bku, "two", intermediary_id="agg", customers=5, live_consents=5)
    await add_app(
        services.session, bku, "off", intermediary_id="agg", customers=90, live_consents=90, status="disabled"
    )
    await add_app(services.session, other, "theirs", intermediary_id="foreign")


@pytest.mark.parametrize("role", Role)
async def test_everybody_on_the_staff_sees_intermediaries_and_nobody_elses(
    signed_in: SignIn, parties: None, role: Role
) -> None:
    """R90."""
    visitor = await signed_in(role)
    assert listed(visitor) == ["agg", "agg-2", "zed"]
    found = rows(visitor.get("/admin/intermediaries.csv"))
    assert [(row["Intermediary"], row["Apps"]) for row in found] == [("agg", "3"), ("agg-2", "0"), ("zed", "0")]
    page = visitor.get("/admin/intermediaries/agg")
    assert "Apps 3 Active apps 2 Live consents to active apps 14" in text_of(page)
    assert page.text.count("/admin/apps/") == 3
    assert ("/edit" in page.text) is (role is Role.ADMIN)


async def test_intermediaries_are_found_and_sorted(signed_in: SignIn, parties: None) -> None:
    visitor = await signed_in(Role.USER)
    assert listed(visitor, name="AGG") == ["agg", "agg-2"]
    assert listed(visitor, status="disabled") == ["agg-2"]
    assert listed(visitor, approval="automatic") == []
    assert listed(visitor, sort="newest") == ["agg-2", "agg", "zed"]
    assert listed(visitor, sort="newest", after="tomorrow", after_id="x") == ["agg-2", "agg", "zed"]
    assert "No intermediary fits" in text_of(visitor.get("/admin/intermediaries?name=nothing"))


async def test_pages_of_intermediaries_and_of_their_apps_leave_nothing_out(
    signed_in: SignIn, services: Services, bku: Tenant
) -> None:
    async with services.session.begin(bku.institution_id) as connection:
        await connection.execute(
            """insert into consentry.intermediaries (institution_id, intermediary_id, name)
               select $1, 'agg-' || n, 'Same name' from generate_series(1, 70) as n""",
            bku.institution_id,
        )
        await connection.execute(
            """insert into consentry.applications (institution_id, application_id, name, intermediary_id)
               select $1, 'app-' || n, 'Same app', 'agg-1' from generate_series(1, 70) as n""",
            bku.institution_id,
        )
    visitor = await signed_in(Role.USER)
    for path, pattern in (
        ("/admin/intermediaries", ROW),
        ("/admin/intermediaries/agg-1", re.compile("/admin/apps/(app-[0-9]+)")),
    ):
        page = visitor.get(path)
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        assert following is not None
        rest = visitor.get(following[1].replace("&amp;", "&"))
        found = pattern.findall(page.text) + pattern.findall(rest.text)
        assert len(found) == len(set(found)) == 70


async def test_an_institution_without_any_is_told_where_they_come_from(signed_in: SignIn) -> None:
    assert "There are no intermediaries yet" in text_of((await signed_in(Role.USER)).get("/admin/intermediaries"))


async def test_an_admin_adds_an_intermediary_and_changes_it(
    signed_in: SignIn, bku: Tenant, super_connection: Any
) -> None:
    """R129: with who, what, before and after; of people only how many there are."""
    visitor = await signed_in(Role.ADMIN)
    answer = visitor.post("/admin/new-intermediary", {"intermediary_id": "agg/1", **FORM})
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/intermediaries/agg~2F1?notice=added")
    page = text_of(visitor.get(answer.headers["location"]))
    for said in ("600 requests a minute", "203.0.113.0/24", "ada@agg.example", "Automatically", "Added"):
        assert said in page, said
    edit = visitor.get("/admin/intermediaries/agg~2F1/edit")
    assert 'value="ada@agg.example"' in edit.text
    changed = {**FORM, "contact_1_name": "", "contact_1_email": "", "contact_1_role": "", "contact_1_phone": ""}
    answer = visitor.post(
        "/admin/intermediaries/agg~2F1/edit",
        {**changed, "request_limit": "", "request_period": "", "version": version_of(edit)},
    )
    assert answer.status_code == 303
    row = await stored(super_connection, bku, "agg/1")
    assert (row["request_limit"], row["request_period"], row["contacts"]) == (None, None, "[]")
    assert (row["version"], row["approval"]) == (2, "automatic")
    entries = await super_connection.fetch(
        """select action, before, after from consentry.audit_entries
           where institution_id = $1 and subject_kind = 'intermediary' order by entry_id""",
        bku.institution_id,
    )
    assert [entry["action"] for entry in entries] == ["intermediary.added", "intermediary.changed"]
    assert all("ada@" not in f"{entry['before']}{entry['after']}" for entry in entries)
    assert '"600 a minute"' in entries[1]["before"]
    shown = text_of(visitor.get("/admin/intermediaries/agg~2F1"))
    assert "Number of contacts, request limit, contacts" in shown


async def test_saving_what_is_so_already_leaves_no_trace(signed_in: SignIn, bku: Tenant, super_connection: Any) -> None:
    visitor = await signed_in(Role.ADMIN)
    visitor.post("/admin/new-intermediary", {"intermediary_id": "agg", **FORM})
    assert visitor.post("/admin/intermediaries/agg/edit", {**FORM, "version": "1"}).status_code == 303
    assert (await stored(super_connection, bku, "agg"))["version"] == 1


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("intermediary_id", "a b", "Give an id"),
        ("intermediary_id", "taken", "There is an intermediary with this id already"),
        ("name", "", "Give a name"),
        ("request_limit", "many", "Give a whole number"),
        ("request_period", "", "Choose the period"),
        ("networks", "10.0.0.0/8\n300.1.1.1", 'Line 2: "300.1.1.1" is no network'),
        ("approval", "perhaps", "Choose how new apps are let in"),
        ("contact_1_email", "nobody", "Give an e-mail address"),
        ("contact_1_phone", "none", "Give a number"),
    ],
)
async def test_a_refused_form_keeps_what_was_typed_and_says_why_beside_the_field(
    signed_in: SignIn, services: Services, bku: Tenant, field: str, typed: str, said: str
) -> None:
    await add_intermediary(services.session, bku, "taken")
    visitor = await signed_in(Role.ADMIN)
    answer = visitor.post("/admin/new-intermediary", {"intermediary_id": "agg", **FORM, field: typed})
    assert answer.status_code == 422
    assert said in text_of(answer)
    for name, value in (("contact_1_role", "Security"), ("contact_1_name", "Ada Example"), ("intermediary_id", "agg")):
        assert name == field or f'name="{name}" value="{value}"' in answer.text
    assert f'id="{field}-problem"' in answer.text
    assert listed(visitor) == ["taken"]


async def test_a_logo_is_a_public_https_address_and_is_never_shown_as_a_picture(
    signed_in: SignIn, bku: Tenant, super_connection: Any
) -> None:
    """R99, R83."""
    visitor = await signed_in(Role.ADMIN)
    more = ["javascript:alert(1)", "data:image/svg+xml,<svg/>", "HTTPS://", "https://agg.example/#part"]
    for address in [*REFUSED, *more]:
        if not address.strip() or len(address) > 1900:
            continue
        answer = visitor.post("/admin/new-intermediary", {"intermediary_id": "agg", **FORM, "logo_url": address})
        assert answer.status_code == 422, address
        assert "Give a public https address" in text_of(answer), address
    assert visitor.post("/admin/new-intermediary", {"intermediary_id": "agg", **FORM}).status_code == 303
    page = visitor.get("/admin/intermediaries/agg")
    assert "https://agg.example/logo.png" in page.text
    assert "<img" not in page.text
    assert 'href="https://agg' not in page.text


async def test_who_changes_what_was_changed_meanwhile_is_told_and_keeps_what_was_typed(
    signed_in: SignIn, bku: Tenant, super_connection: Any
) -> None:
    first, second = await signed_in(Role.ADMIN), await signed_in(Role.ADMIN)
    first.post("/admin/new-intermediary", {"intermediary_id": "agg", **FORM})
    seen = version_of(second.get("/admin/intermediaries/agg/edit"))
    assert first.post("/admin/intermediaries/agg/edit", {**FORM, "name": "First", "version": seen}).status_code == 303
    late = second.post("/admin/intermediaries/agg/edit", {**FORM, "name": "Second", "version": seen})
    assert late.status_code == 409
    assert "changed since it was shown" in text_of(late)
    assert 'value="Second"' in late.text
    assert second.post("/admin/intermediaries/agg/edit", {**FORM, "version": "nonsense"}).status_code == 409
    assert (await stored(super_connection, bku, "agg"))["name"] == "First"


async def test_an_admin_stops_an_intermediary_and_lets_it_in_again(
    signed_in: SignIn, parties: None, bku: Tenant, super_connection: Any
) -> None:
    visitor = await signed_in(Role.ADMIN)
    said = text_of(visitor.get("/admin/intermediaries/agg/disable"))
    for sentence in ("Active apps 2", "Live consents 14", "Customers, app by app 12", "12 CFR 1033.321"):
        assert sentence in said, sentence
    short = visitor.post("/admin/intermediaries/agg/disable", {"reason": "x"})
    assert short.status_code == 422
    assert "Give a reason" in text_of(short)
    assert visitor.post("/admin/intermediaries/agg/disable", {"reason": REASON}).status_code == 303
    assert (await stored(super_connection, bku, "agg"))["status"] == "disabled"
    assert "nothing is answered to this app" in text_of(visitor.get("/admin/apps/one"))
    again = visitor.post("/admin/intermediaries/agg/disable", {"reason": REASON})
    assert again.status_code == 409
    assert REASON in text_of(again)
    assert visitor.get("/admin/intermediaries/agg/disable").status_code == 409
    assert visitor.post("/admin/intermediaries/agg/enable", {"reason": "It was mended."}).status_code == 303
    kinds = await super_connection.fetch(
        "select kind from consentry.events where institution_id = $1 order by event_id", bku.institution_id
    )
    assert [row["kind"] for row in kinds] == ["INTERMEDIARY_DISABLED", "INTERMEDIARY_ENABLED"]
    statuses = await super_connection.fetch(
        "select status from consentry.applications where institution_id = $1 order by 1", bku.institution_id
    )
    assert [row["status"] for row in statuses] == ["active", "active", "disabled"], "the apps' own stay"


ADMINS_ONLY = ("new-intermediary", "intermediaries/agg/edit", "intermediaries/agg/disable", "intermediaries/agg/token")


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.COMPLIANCE, Role.USER])
async def test_only_admins_change_anything(
    signed_in: SignIn, parties: None, bku: Tenant, super_connection: Any, role: Role
) -> None:
    """R89."""
    visitor = await signed_in(role)
    before = await stored(super_connection, bku, "agg")
    everything = {**FORM, "intermediary_id": "new", "reason": REASON, "newest": "0", "overlap": "none", "version": "1"}
    for path in ADMINS_ONLY:
        assert visitor.get(f"/admin/{path}").status_code == 403
        assert visitor.post(f"/admin/{path}", everything).status_code == 403
        assert f"/admin/{path}" not in visitor.get("/admin/intermediaries/agg").text
    assert await stored(super_connection, bku, "agg") == before
    assert listed(visitor) == ["agg", "agg-2", "zed"]


async def test_another_institutions_intermediary_is_as_unknown_as_none(
    signed_in: SignIn, parties: None, other: Tenant, super_connection: Any
) -> None:
    """R90."""
    visitor = await signed_in(Role.ADMIN)
    before = await stored(super_connection, other, "foreign")
    fields = {**FORM, "reason": REASON, "newest": "0", "overlap": "none", "version": "1"}
    for path in ("", "/edit", "/disable", "/token", "/nonsense"):
        answers = [visitor.get(f"/admin/intermediaries/{one}{path}") for one in ("foreign", "nobody", "~00")]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.text for answer in answers}) == 1
        if path:
            posted = [visitor.post(f"/admin/intermediaries/{one}{path}", fields) for one in ("foreign", "nobody")]
            assert {answer.status_code for answer in posted} == {404}, path
    assert await stored(super_connection, other, "foreign") == before


async def test_what_is_kept_of_an_intermediary_is_text(signed_in: SignIn, services: Services, bku: Tenant) -> None:
    """R83."""
    await add_intermediary(
        services.session,
        bku,
        "evil",
        name=HOSTILE,
        logo_url="javascript:alert(1)",
        contacts='[{"name": "<img src=x onerror=alert(2)>", "email": "\\"><script>alert(1)</script>"}]',
        status_reason=HOSTILE,
    )
    visitor = await signed_in(Role.ADMIN)
    for path in ("", "/edit", "/disable", "/token"):
        page = visitor.get(f"/admin/intermediaries/evil{path}")
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert 'href="javascript' not in page.text
