"""Looking at a customer: for a reason that is recorded, for half an hour, and at this customer alone."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from babel.messages.extract import extract_from_file
from hypothesis import given
from hypothesis import strategies as st

from consentry.domain.refusal.request import NotFound
from consentry.domain.staff import Role
from consentry.usecases.services import Services
from consentry.web.embed.languages import catalogue
from consentry.web.portal.customers import as_seen
from consentry.web.portal.customers.paths import customer_of, customer_path, place_of
from consentry.web.portal.segments import segment
from tests.builders import Tenant
from tests.portal.conftest import SignIn
from tests.portal.customers import CUSTOMER, REASON, household, links_of, opened
from tests.portal.parties import add_intermediary
from tests.portal.visiting import text_of

if TYPE_CHECKING:
    import asyncpg

    Plain = asyncpg.Connection[asyncpg.Record]

OWN = customer_path(CUSTOMER)
CHANGING = ("/stop-all", "/block", "/consents/_a-budget/stop")
PAGES = ("", "/consents.csv", "/evidence", "/consents/_a-budget", *CHANGING)
FORMS = ("/evidence", "/consents/_a-budget/receipt.pdf", "/consents/_a-budget/receipt.json", *CHANGING)
HOSTILE = ("a/b", "..", ".", "~", "%2F", "a%252Fb", "urn:cus:1", "<script>alert(1)</script>", '"><b>', "?x=1", "#top",
           "open", "a\\b", "'--", "&amp;", "~41", "x" * 255, "!" * 255, "a;b", "=cmd|'/c'!A1")  # fmt: skip


async def audited(behind: "Plain", tenant: Tenant, action: str) -> list["asyncpg.Record"]:
    return await behind.fetch(
        """select actor_kind, actor_id, subject_id, before::text, after::text, source, request_id
           from consentry.audit_entries
           where institution_id = $1 and action = $2 and outcome = 'done' order by entry_id""",
        tenant.institution_id,
        action,
    )


async def test_every_page_asks_why_first_and_leads_on_from_there(
    signed_in: SignIn, services: Services, bku: Tenant
) -> None:
    await household(services.session, bku)
    visitor = await signed_in(Role.ADMIN)
    for below in PAGES:
        answer = visitor.get(OWN + below)
        assert answer.status_code == 303
        where = urlsplit(answer.headers["location"])
        assert where.path == "/admin/customers/open"
        assert parse_qs(where.query) == {"customer": [CUSTOMER], "next": [OWN + below]}
    form = visitor.get(f"/admin/customers/open?customer={CUSTOMER}&next={OWN}/block")
    assert f'value="{CUSTOMER}"' in form.text
    answer = visitor.post("/admin/customers/open", {"customer": CUSTOMER, "reason": REASON, "next": f"{OWN}/block"})
    assert answer.headers["location"] == f"{OWN}/block"
    for below in PAGES:
        assert visitor.get(OWN + below).status_code == 200


async def test_a_form_without_a_look_changes_nothing(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    await household(services.session, bku)
    visitor = await signed_in(Role.ADMIN)
    for below in FORMS:
        answer = visitor.post(OWN + below, {"reason": REASON, "wanted": "blocked"})
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/admin/customers/open?customer=U-1&next=")
        assert "receipt" not in answer.headers["location"]
    for action in ("evidence.made", "receipt.made", "customer.blocked", "consent.revoked"):
        assert await audited(super_connection, bku, action) == []


async def test_a_look_is_recorded_with_its_reason(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    """R134."""
    await household(services.session, bku)
    visitor = await signed_in(Role.COMPLIANCE)
    opened(visitor, reason=f"  {REASON}\n")
    (entry,) = await audited(super_connection, bku, "customer.opened")
    assert (entry["actor_kind"], entry["actor_id"]) == ("staff", str(visitor.member_id))
    assert entry["subject_id"] == CUSTOMER
    assert entry["after"] == f'{{"reason_text": "{REASON}"}}'
    assert entry["source"] == "127.0.0.1"
    assert entry["request_id"]
    page = text_of(visitor.get(OWN))
    assert "Customer opened" in page
    assert REASON in page
    assert "Compliance-" in page


async def test_a_reason_given_while_a_look_lasts_is_kept_and_holds_from_then(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    """R134."""
    await household(services.session, bku)
    visitor = await signed_in(Role.SUPPORT)
    opened(visitor)
    move = "update consentry.customer_looks set opened_at = opened_at - interval '29 minutes' where institution_id = $1"
    await super_connection.execute(move, bku.institution_id)
    for reason in ("", "no", "x" * 3000, "a\x00b"):
        answer = visitor.post("/admin/customers/open", {"customer": CUSTOMER, "reason": reason})
        assert answer.status_code == 422, reason
    opened(visitor, reason="Ticket 4712: app not recognised")
    assert [entry["after"] for entry in await audited(super_connection, bku, "customer.opened")] == [
        f'{{"reason_text": "{REASON}"}}',
        '{"reason_text": "Ticket 4712: app not recognised"}',
    ]
    page = text_of(visitor.get(OWN))
    assert "because of: Ticket 4712: app not recognised" in page
    assert REASON in page
    await super_connection.execute(move, bku.institution_id)
    assert visitor.get(OWN).status_code == 200


async def test_without_a_reason_nobody_looks(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    await household(services.session, bku)
    visitor = await signed_in(Role.SUPPORT)
    for reason in ("", "no", "x" * 501, "\u202eno", "a\x00b"):
        answer = visitor.post("/admin/customers/open", {"customer": CUSTOMER, "reason": reason, "next": f"{OWN}/block"})
        assert answer.status_code == 422, reason
        said = "(U+0000)" if "\x00" in reason else "Give a reason of 3 to 500 characters"
        assert said in answer.text.partition('id="reason-problem">')[2]
        assert f'value="{CUSTOMER}"' in answer.text
        assert f'value="{OWN}/block"' in answer.text
    assert visitor.get(OWN).status_code == 303
    assert await audited(super_connection, bku, "customer.opened") == []


async def test_who_opens_an_unknown_customer_is_told_and_keeps_what_was_typed(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    await household(services.session, bku)
    visitor = await signed_in(Role.SUPPORT)
    for customer_id in ("U-2", "U 2", "U-\u00e9", "x" * 300, "a\x00b", ""):
        typed = {"customer": customer_id, "reason": REASON, "next": f"{customer_path('U-2')}/block"}
        answer = visitor.post("/admin/customers/open", typed)
        assert answer.status_code == 422, customer_id
        assert "Nothing is kept of a customer with this id." in answer.text.partition('id="customer-problem">')[2]
        for value in typed.values():
            assert f'value="{value}"' in answer.text, customer_id
    assert await audited(super_connection, bku, "customer.opened") == []


async def test_a_look_is_over_after_half_an_hour(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    await household(services.session, bku)
    visitor = await signed_in(Role.SUPPORT)
    opened(visitor)
    move = "update consentry.customer_looks set opened_at = consentry.now() - $2::interval where institution_id = $1"
    await super_connection.execute(move, bku.institution_id, timedelta(minutes=29))
    assert visitor.get(OWN).status_code == 200
    await super_connection.execute(move, bku.institution_id, timedelta(minutes=30))
    assert visitor.get(OWN).status_code == 303
    assert visitor.post("/admin/customers/open", {"customer": CUSTOMER, "reason": ""}).status_code == 422
    opened(visitor, reason="The same ticket")
    assert len(await audited(super_connection, bku, "customer.opened")) == 2


async def test_who_sends_a_form_after_a_look_is_told_that_nothing_was_done(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    await household(services.session, bku)
    visitor = await signed_in(Role.SUPPORT)
    opened(visitor)
    move = "update consentry.customer_looks set opened_at = opened_at - interval '31 minutes' where institution_id = $1"
    await super_connection.execute(move, bku.institution_id)
    late = visitor.post(f"{OWN}/consents/_a-budget/stop", {"reason": "What was typed"}).headers["location"]
    assert "typed" not in late
    form = visitor.get(late)
    assert "Nothing was done" in text_of(form)
    assert f'value="{OWN}/consents/_a-budget/stop"' in form.text
    read = visitor.get(visitor.get(f"{OWN}/consents/_a-budget/stop").headers["location"])
    assert "Nothing was done" not in text_of(read)


async def test_a_look_is_one_member_s_at_one_customer(signed_in: SignIn, services: Services, bku: Tenant) -> None:
    """R90."""
    await household(services.session, bku)
    await household(services.session, bku, "U-2", mark="b")
    first, second = await signed_in(Role.SUPPORT), await signed_in(Role.SUPPORT)
    opened(first)
    assert second.get(OWN).status_code == 303
    assert first.get(customer_path("U-2")).status_code == 303
    for method, below in (("GET", ""), ("GET", "/stop"), ("POST", "/stop"), ("POST", "/receipt.pdf")):
        for consent in ("_b-budget", "_nobody-s", "nonsense"):
            path = f"{OWN}/consents/{consent}{below}"
            answer = first.get(path) if method == "GET" else first.post(path, {"reason": REASON})
            assert answer.status_code == 404, path
            assert "_b-budget" not in text_of(answer)


async def test_another_institution_s_customer_is_as_unknown_as_nobody(
    signed_in: SignIn, services: Services, bku: Tenant, other: Tenant
) -> None:
    """R90: the same answers, word for word, and the same redirects before."""
    await household(services.session, other, "X-2", mark="x")
    visitor = await signed_in(Role.ADMIN)
    theirs, nobodys = (
        visitor.post("/admin/customers/open", {"customer": customer_id, "reason": REASON})
        for customer_id in ("X-2", "N-2")
    )
    assert theirs.status_code == nobodys.status_code == 422
    assert theirs.text.replace("X-2", "N-2") == nobodys.text
    for below in PAGES:
        answers = [visitor.get(f"/admin/customer/{customer_id}{below}") for customer_id in ("X-2", "N-2")]
        assert [answer.status_code for answer in answers] == [303, 303]
        assert answers[0].headers["location"].replace("X-2", "N-2") == answers[1].headers["location"]


async def test_nobody_is_led_elsewhere_after_saying_why(signed_in: SignIn, services: Services, bku: Tenant) -> None:
    await household(services.session, bku)
    visitor = await signed_in(Role.SUPPORT)
    for wanted in ("https://evil.example/", "//evil.example", f"{OWN}@evil.example", f"{OWN}2", f"{OWN}/../../account",
                   f"{OWN}/a\\b", "/admin/customer/U-2", f"{OWN}/\r\nX: y", "javascript:alert(1)",
                   f"{OWN}//evil.example"):  # fmt: skip
        assert place_of(CUSTOMER, wanted) == OWN
        answer = visitor.post("/admin/customers/open", {"customer": CUSTOMER, "reason": REASON, "next": wanted})
        assert answer.headers["location"] == OWN


async def test_a_customer_with_any_id_has_all_pages(signed_in: SignIn, services: Services, bku: Tenant) -> None:
    """R83, R95."""
    visitor = await signed_in(Role.SUPPORT)
    for number, customer_id in enumerate(HOSTILE):
        consents = await household(services.session, bku, customer_id, mark=str(number))
        own = opened(visitor, customer_id)
        assert own == customer_path(customer_id)
        assert re.fullmatch(r"/admin/customer/[A-Za-z0-9_~-]+", own)
        page = visitor.get(own)
        assert customer_id in text_of(page)
        assert "<script>alert" not in page.text
        assert f"{own}/consents/{consents[0]}" in links_of(page)
        for below in ("/consents.csv", "/evidence", "/stop-all", f"/consents/{consents[1]}/stop"):
            assert visitor.get(own + below).status_code == 200, below
        blocked = visitor.post(f"{own}/block", {"reason": REASON, "wanted": "blocked"})
        assert blocked.headers["location"] == f"{own}?notice=blocked"
        if len(customer_id) < 200:  # the longest text of a filter
            assert own in links_of(visitor.get("/admin/customers", params={"customer": customer_id}))


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255))
def test_an_id_in_a_path_is_read_as_it_was_written(customer_id: str) -> None:
    assert customer_of(segment(customer_id)) == customer_id


def test_one_id_has_one_path() -> None:
    """R95."""
    for key in ("", "a b", "~", "~4", "~41", "~2f", "~20", "~7F", "~00", "~C3~A9", "a~2F~", "é", "a.b", "a%2Fb"):
        with pytest.raises(NotFound):
            customer_of(key)


async def test_who_sees_no_customers_finds_no_way_to_them(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    """R89."""
    await household(services.session, bku)
    visitor = await signed_in(Role.USER)
    assert "/admin/customers" not in links_of(visitor.get("/admin/account"))
    for path in ("/admin/customers", "/admin/customers?customer=U-1", "/admin/customers/open?customer=U-1"):
        assert visitor.get(path).status_code == 403
    assert visitor.post("/admin/customers/open", {"customer": CUSTOMER, "reason": REASON}).status_code == 403
    for below in PAGES:
        assert visitor.get(OWN + below).status_code == 403
    for below in FORMS:
        assert visitor.post(OWN + below, {"reason": REASON}).status_code == 403
    refused = await super_connection.fetchval(
        """select count(*) from consentry.audit_entries
           where institution_id = $1 and outcome = 'refused' and actor_id = $2""",
        bku.institution_id,
        str(visitor.member_id),
    )
    assert refused == 4 + len(PAGES) + len(FORMS)


async def test_compliance_reads_and_can_stop_nothing_by_page_address_or_form(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    """R89."""
    await household(services.session, bku)
    visitor = await signed_in(Role.COMPLIANCE)
    own = opened(visitor)
    led = links_of(visitor.get(own)) + links_of(visitor.get(f"{own}/consents/_a-budget"))
    assert f"{own}/evidence" in led
    assert not [path for path in led if path.endswith(("/stop", "/stop-all", "/block"))]
    for below in CHANGING:
        assert visitor.get(own + below).status_code == 403
        assert visitor.post(own + below, {"reason": REASON, "wanted": "blocked"}).status_code == 403
    live = "select count(*) from consentry.consents where institution_id = $1 and revoked_at is null"
    assert await super_connection.fetchval(live, bku.institution_id) == 2
    assert await audited(super_connection, bku, "customer.blocked") == []


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("update consentry.applications set status = 'disabled'", "App's status Disabled Nothing is answered"),
        ("update consentry.applications set status = 'needs_review'", "App's status Needs review Nothing is answered"),
        (
            "update consentry.applications set intermediary_id = 'agg'",
            "App's status Active Intermediary disabled Nothing is answered",
        ),
    ],
)
async def test_what_the_customer_reads_as_paused_is_paused_to_staff_who_read_why(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain", *, sql: str, told: str
) -> None:
    await household(services.session, bku)
    await add_intermediary(services.session, bku, "agg", status="disabled")
    visitor = await signed_in(Role.SUPPORT)
    own = opened(visitor)
    assert "Paused by your bank" not in text_of(visitor.get(own))
    assert "App's status" not in text_of(visitor.get(f"{own}/consents/_a-budget"))
    await super_connection.execute(f"{sql} where institution_id = $1 and application_id = 'budget'", bku.institution_id)
    assert text_of(visitor.get(own)).count("Paused by your bank") == 1
    shown = text_of(visitor.get(f"{own}/consents/_a-budget"))
    assert "Paused by your bank" in shown
    assert told in shown
    assert "Paused by your bank" in text_of(visitor.get(f"{own}/consents/_a-budget/stop"))
    assert text_of(visitor.get(f"{own}/stop-all")).count("Paused by your bank") == 1
    assert "Paused by your bank" not in text_of(visitor.get(f"{own}/consents/_a-lender"))


def test_the_words_for_a_consent_are_those_of_the_dashboard() -> None:
    said = [
        message if isinstance(message, str) else message[0]
        for _line, message, _comments, _context in extract_from_file(
            "python", as_seen.__file__, keywords={"_": None, "ngettext": (1, 2)}
        )
    ]
    assert len(said) > 10
    assert [message for message in said if message not in catalogue("es")] == []
