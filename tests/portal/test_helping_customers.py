"""What staff does for customers: stops with a reason that they read, blocks, gathers evidence; once, and recorded."""

import asyncio
import csv
import io
import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import httpx
import pytest

from consentry.domain.actor import Actor, ActorKind
from consentry.domain.refusal.access import ConnectionsBlocked
from consentry.domain.refusal.request import ConsentNotActive, NotFound, UnknownConsent
from consentry.domain.staff import Role
from consentry.usecases.consent.history import customer_history
from consentry.usecases.consent.stop_all import stop_all
from consentry.usecases.consent.stop_sharing import stop_sharing
from consentry.usecases.customer.block import require_may_connect
from consentry.usecases.customer.stop import stop_for_customer
from consentry.usecases.customer.stop_all import stop_all_for_customer
from consentry.usecases.services import Services
from consentry.web.embed.languages import USUAL, language, speak
from consentry.web.embed.story import story
from consentry.web.embed.wording import status_of
from tests.builders import ACCOUNTS, Tenant, add_application, add_consent, add_customer
from tests.portal.conftest import SignIn
from tests.portal.customers import CUSTOMER, REASON, household, links_of, opened
from tests.portal.visiting import Visitor, text_of
from tests.records.asking import about, customer_actor, token_of

if TYPE_CHECKING:
    import asyncpg

    Plain = asyncpg.Connection[asyncpg.Record]

LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
STAFF = Actor(ActorKind.STAFF, "0197f1de-0000-7000-8000-000000000001", "10.0.0.1", "r1")
WHY = "You told us on the phone that your device was stolen."
XSS = "<img src=x onerror=alert(1)>\u202e{{7*7}}"


async def told(db: "Plain", tenant: Tenant, *actions: str) -> list[dict[str, Any]]:
    rows = await db.fetch(
        """select action, actor_kind, actor_id, subject_id, before::text, after::text, source, request_id
           from consentry.audit_entries
           where institution_id = $1 and action = any ($2) and outcome = 'done' order by entry_id""",
        tenant.institution_id,
        list(actions),
    )
    return [
        {name: json.loads(v) if name in ("before", "after") and v else v for name, v in row.items()} for row in rows
    ]


async def live(db: "Plain", tenant: Tenant) -> list[str]:
    rows = await db.fetch(
        "select consent_id from consentry.consents where institution_id = $1 and revoked_at is null order by 1",
        tenant.institution_id,
    )
    return [row[0] for row in rows]


async def test_staff_stops_sharing_and_the_customer_reads_who_and_why(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    """R134."""
    await household(services.session, bku)
    visitor = await signed_in(Role.SUPPORT)
    own = opened(visitor)
    asked = visitor.get(f"{own}/consents/_a-budget/stop")
    assert "Everyday Checking" in text_of(asked)
    assert "transactions" in text_of(asked)
    assert "the reason as you write it here" in text_of(asked)
    done = visitor.post(f"{own}/consents/_a-budget/stop", {"reason": WHY})
    assert done.headers["location"] == f"{own}/consents/_a-budget?notice=stopped"
    page = text_of(visitor.get(done.headers["location"]))
    for said in ("Sharing has stopped.", "Stopped by your bank", WHY, visitor.email.partition("@")[0].title()):
        assert said in page
    assert await live(super_connection, bku) == ["_a-lender"]

    (entry,) = await told(super_connection, bku, "consent.revoked")
    assert (entry["actor_kind"], entry["actor_id"]) == ("staff", str(visitor.member_id))
    assert entry["subject_id"] == "_a-budget"
    assert entry["before"] == {"status": "active"}
    assert entry["after"] == {"status": "revoked", "reason": "staff_action", "reason_text": WHY}
    assert entry["request_id"]
    assert entry["source"] == "127.0.0.1"
    event = await super_connection.fetchrow(
        "select kind, detail::text from consentry.events where institution_id = $1 and consent_id = '_a-budget'",
        bku.institution_id,
    )
    assert tuple(event or ()) == ("CONSENT_REVOKED", '{"reason": "staff_action", "status": "revoked"}')

    speak(language(USUAL["en"], None))
    seen = await customer_history(services, await token_of(services, bku, CUSTOMER), consent_id="_a-budget")
    (stopped, _began) = story(seen.entries)
    assert (stopped.text, stopped.by, stopped.reason) == ("Sharing was stopped", "by your bank", WHY)
    assert status_of(seen.consent, seen.found.moment).label == "Stopped by your bank"
    assert [entry.trace for entry in seen.entries] == [None, None]


async def test_the_customer_reads_a_reason_without_what_turns_lines_around(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    """R83."""
    await household(services.session, bku)
    visitor = await signed_in(Role.SUPPORT)
    reason = "Asked\u200b by \u202ephone\u202c, \u2066twice\u2069"
    assert visitor.post(f"{opened(visitor)}/consents/_a-budget/stop", {"reason": reason}).status_code == 303
    (entry,) = await told(super_connection, bku, "consent.revoked")
    assert entry["after"]["reason_text"] == "Asked by phone, twice"
    seen = await customer_history(services, await token_of(services, bku, CUSTOMER), consent_id="_a-budget")
    assert seen.entries[0].reason_text == "Asked by phone, twice"


async def test_stopping_asks_for_a_reason_and_keeps_what_was_typed(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    await household(services.session, bku)
    visitor = await signed_in(Role.ADMIN)
    own = opened(visitor)
    for below in ("/consents/_a-budget/stop", "/stop-all", "/block", "/evidence"):
        for reason in ("", "x", "y" * 501, "tab\x00le"):
            answer = visitor.post(own + below, {"reason": reason, "wanted": "blocked"})
            assert answer.status_code == 422, (below, reason)
            said = "(U+0000)" if "\x00" in reason else "Give a reason of 3 to 500 characters"
            assert said in answer.text.partition('id="reason-problem">')[2]
            assert f'value="{reason}"' in answer.text
    assert await live(super_connection, bku) == ["_a-budget", "_a-lender"]
    assert await told(super_connection, bku, "consent.revoked", "customer.blocked", "evidence.made") == []


async def test_what_has_ended_meanwhile_is_not_stopped_again(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    await household(services.session, bku)
    await add_consent(services.session, bku, CUSTOMER, "old", "_expired", expires_at=LONG_AGO)
    await add_consent(services.session, bku, CUSTOMER, "theirs", "_mirror", read_only=True)
    visitor = await signed_in(Role.SUPPORT)
    own = opened(visitor)
    subject = await token_of(services, bku, CUSTOMER)
    await stop_sharing(services.changes, about(subject, "_a-budget", request_id="mine"))
    for consent, sentence in (
        ("_a-budget", "Stopped by you"),
        ("_expired", "Ended"),
        ("_mirror", "mirrored from another system"),
    ):
        answer = visitor.post(f"{own}/consents/{consent}/stop", {"reason": WHY})
        assert answer.status_code == 409, consent
        assert "Nothing was changed" in text_of(answer)
        assert sentence in text_of(answer)
        assert f"{own}/consents/{consent}/stop" not in links_of(answer)
        assert visitor.get(f"{own}/consents/{consent}/stop").status_code == 303
    assert len(await told(super_connection, bku, "consent.revoked")) == 1


async def test_stopping_all_says_what_it_stops_and_stops_it_at_once(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    await household(services.session, bku)
    await add_consent(services.session, bku, CUSTOMER, "paused", "_paused", paused_at=LONG_AGO)
    await add_consent(services.session, bku, CUSTOMER, "theirs", "_mirror", read_only=True)
    await household(services.session, bku, "U-2", mark="b")
    visitor = await signed_in(Role.SUPPORT)
    own = opened(visitor)
    asked = text_of(visitor.get(f"{own}/stop-all"))
    for said in ("3 apps", "Budget", "Lender", "Paused", "1 more: decided in another system"):
        assert said in asked
    assert visitor.post(f"{own}/stop-all", {"reason": WHY}).headers["location"] == f"{own}?notice=some_stopped"
    assert await live(super_connection, bku) == ["_b-budget", "_b-lender", "_mirror"]
    entries = await told(super_connection, bku, "consent.revoked")
    assert {(entry["subject_id"], entry["actor_id"]) for entry in entries} == {
        (consent, str(visitor.member_id)) for consent in ("_a-budget", "_a-lender", "_paused")
    }
    assert {entry["after"]["reason_text"] for entry in entries} == {WHY}
    again = visitor.post(f"{own}/stop-all", {"reason": WHY})
    assert again.status_code == 409
    assert "Nothing was changed" in text_of(again)
    assert len(await told(super_connection, bku, "consent.revoked")) == 3


async def test_of_staff_and_customer_who_stop_at_once_one_does(
    services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    await add_customer(services.session, bku, CUSTOMER)
    for number in range(8):
        await add_consent(services.session, bku, CUSTOMER, "budget", f"_race{number}")
    subject = await token_of(services, bku, CUSTOMER)

    async def by_staff(consent_id: str) -> str:
        await stop_for_customer(services, bku.institution_id, CUSTOMER, consent_id=consent_id, reason=WHY, actor=STAFF)
        return "staff"

    async def all_by_staff() -> str:
        await stop_all_for_customer(services, bku.institution_id, CUSTOMER, reason=WHY, actor=STAFF)
        return "staff"

    async def by_customer(consent_id: str) -> str:
        await stop_sharing(services.changes, about(subject, consent_id, request_id="mine"))
        return "customer"

    async def all_by_customer() -> str:
        await stop_all(services.changes, subject, actor=customer_actor(subject))
        return "customer"

    tried = [act(f"_race{n}") for n in range(8) for act in (by_staff, by_customer, by_staff)]
    done = await asyncio.gather(*tried, all_by_staff(), all_by_customer(), all_by_staff(), return_exceptions=True)
    assert {type(each) for each in done if not isinstance(each, str)} <= {ConsentNotActive}
    rows = await super_connection.fetch(
        """select c.consent_id, c.version, c.revoked_by, h.actor_kind
           from consentry.consents c join consentry.consent_changes h using (institution_id, consent_id)
           where c.institution_id = $1""",
        bku.institution_id,
    )
    assert Counter(row["consent_id"] for row in rows) == {f"_race{n}": 1 for n in range(8)}
    assert {(row["version"], row["revoked_by"], row["actor_kind"]) for row in rows} <= {
        (2, "institution", "staff"),
        (2, "customer", "customer"),
    }
    assert len(await told(super_connection, bku, "consent.revoked")) == 8


async def test_nobody_stops_what_is_not_this_customer_s(
    services: Services, bku: Tenant, other: Tenant, super_connection: "Plain"
) -> None:
    """R90."""
    await household(services.session, bku)
    await household(services.session, other, mark="x")
    await add_customer(services.session, bku, "U-2")
    for customer_id, consent_id in (("U-2", "_a-budget"), (CUSTOMER, "_x-budget"), ("nobody", "_a-budget")):
        with pytest.raises(UnknownConsent):
            await stop_for_customer(
                services, bku.institution_id, customer_id, consent_id=consent_id, reason=WHY, actor=STAFF
            )
    for customer_id, why in (("U-2", ConsentNotActive), ("nobody", NotFound)):
        with pytest.raises(why):
            await stop_all_for_customer(services, bku.institution_id, customer_id, reason=WHY, actor=STAFF)
    assert len(await live(super_connection, bku)) == len(await live(super_connection, other)) == 2


async def test_a_block_keeps_what_is_connected_and_is_lifted_again(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    """R134."""
    await household(services.session, bku)
    visitor = await signed_in(Role.SUPPORT)
    own = opened(visitor)
    await require_may_connect(services, bku.institution_id, CUSTOMER)
    assert "Allowed" in text_of(visitor.get(own))
    assert "connect the app again whenever they like" in text_of(visitor.get(f"{own}/consents/_a-budget/stop"))
    assert visitor.post(f"{own}/block", {"reason": WHY, "wanted": "blocked"}).headers["location"].endswith("=blocked")
    with pytest.raises(ConnectionsBlocked):
        await require_may_connect(services, bku.institution_id, CUSTOMER)
    await require_may_connect(services, bku.institution_id, "U-2")
    asked = text_of(visitor.get(f"{own}/consents/_a-budget/stop"))
    assert "they can connect the app again only once these are allowed again" in asked
    asked_of_all = text_of(visitor.get(f"{own}/stop-all"))
    assert "they can connect apps again only once these are allowed again" in asked_of_all
    assert "unless you block" not in asked_of_all
    assert "whenever they like" not in asked
    page = text_of(visitor.get(own))
    assert "Blocked since" in page
    assert WHY in page
    again = visitor.post(f"{own}/block", {"reason": "Another reason", "wanted": "blocked"})
    assert "blocked already" in text_of(visitor.get(again.headers["location"]))
    assert await live(super_connection, bku) == ["_a-budget", "_a-lender"]
    assert WHY in text_of(visitor.get(f"{own}/block"))
    for expected in ("can connect apps again", "Nothing was blocked"):
        lifted = visitor.post(f"{own}/block", {"reason": "Found the phone", "wanted": "allowed"})
        assert expected in text_of(visitor.get(lifted.headers["location"]))
    await require_may_connect(services, bku.institution_id, CUSTOMER)
    entries = await told(super_connection, bku, "customer.blocked", "customer.unblocked")
    assert [(entry["before"]["new_connections"], entry["after"]) for entry in entries] == [
        ("allowed", {"new_connections": "blocked", "reason_text": WHY}),
        ("blocked", {"new_connections": "allowed", "reason_text": "Found the phone"}),
    ]
    assert {entry["actor_id"] for entry in entries} == {str(visitor.member_id)}


@pytest.mark.parametrize(("wanted", "other"), [("blocked", "Allow"), ("allowed", "Block")])
async def test_a_refused_block_form_wants_the_same_whatever_a_colleague_did_meanwhile(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain", wanted: str, other: str
) -> None:
    await household(services.session, bku)
    visitor, colleague = await signed_in(Role.SUPPORT), await signed_in(Role.SUPPORT)
    own = opened(visitor)
    opened(colleague)
    done = ["blocked"] if wanted == "blocked" else ["blocked", "allowed"]
    for each in done:
        colleague.post(f"{own}/block", {"reason": WHY, "wanted": each})
    refused = visitor.post(f"{own}/block", {"reason": "x", "wanted": wanted})
    assert refused.status_code == 422
    assert f'name="wanted" value="{wanted}"' in refused.text
    assert f"{other} new connections" not in text_of(refused)
    assert ("have been blocked since" in text_of(refused)) == (wanted == "blocked")
    mended = visitor.post(f"{own}/block", {"reason": "Another reason", "wanted": wanted})
    assert mended.headers["location"].endswith("_already")
    assert len(await told(super_connection, bku, "customer.blocked", "customer.unblocked")) == len(done)


async def test_a_block_form_that_wants_neither_is_refused(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    await household(services.session, bku)
    visitor = await signed_in(Role.SUPPORT)
    own = opened(visitor)
    for wanted in ("", "block", "BLOCKED", "allowed\x00"):
        assert visitor.post(f"{own}/block", {"reason": WHY, "wanted": wanted}).status_code == 400, wanted
    assert await told(super_connection, bku, "customer.blocked", "customer.unblocked") == []


async def test_evidence_is_a_file_with_a_tame_name_and_a_reason(
    signed_in: SignIn, services: Services, bku: Tenant, other: Tenant, super_connection: "Plain"
) -> None:
    hostile = '../"U;1'
    await household(services.session, bku, hostile)
    await household(services.session, other, hostile, mark="x")
    visitor = await signed_in(Role.COMPLIANCE)
    own = opened(visitor, hostile)
    answer = visitor.post(f"{own}/evidence", {"reason": "Complaint 47"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="evidence-U-1-20')
    assert answer.headers["cache-control"] == "no-store"
    with ZipFile(io.BytesIO(answer.content)) as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["reason"] == "Complaint 47"
    assert manifest["made_by"] == {"kind": "staff", "id": str(visitor.member_id)}
    assert len([name for name in names if name.endswith("receipt.pdf")]) == 2
    assert not [name for name in names if "_x-" in name]
    (entry,) = await told(super_connection, bku, "evidence.made")
    assert entry["after"]["reason_text"] == "Complaint 47"
    await add_customer(services.session, bku, "empty")
    nothing = visitor.post(f"{opened(visitor, 'empty')}/evidence", {"reason": "Complaint 48"})
    assert nothing.status_code == 422
    assert "there is no evidence" in text_of(nothing)


async def two_at_once(visitor: Visitor, path: str, *, behind: "Plain") -> tuple[httpx.Response, httpx.Response]:
    """Ask twice for evidence, the second time while a lock keeps the first from ending."""
    waits = "select exists (select from pg_locks where not granted and relation = 'consentry.receipt_keys'::regclass)"
    async with behind.transaction():
        await behind.execute("lock table consentry.receipt_keys in access exclusive mode")
        first = asyncio.create_task(asyncio.to_thread(visitor.post, path, {"reason": "Complaint 47"}))
        while not first.done() and not await behind.fetchval(waits):
            await asyncio.wait([first], timeout=0.01)
        second = await asyncio.to_thread(visitor.post, path, {"reason": "Complaint 48"})
    return await first, second


async def test_who_has_evidence_gathered_gets_no_more_at_once_and_is_told_what_to_do(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    """R107."""
    await household(services.session, bku)
    visitor = await signed_in(Role.COMPLIANCE)
    path = f"{opened(visitor)}/evidence"
    first, second = await two_at_once(visitor, path, behind=super_connection)
    for _ in range(10):
        if first.status_code == 503:  # the service waits for no lock longer than five seconds
            first, second = await two_at_once(visitor, path, behind=super_connection)
    assert first.headers["content-type"] == "application/zip"
    assert (second.status_code, second.headers["retry-after"]) == (429, "30")
    assert "Nothing was gathered" in text_of(second)
    assert "then try again" in text_of(second)
    assert 'value="Complaint 48"' in second.text
    assert {entry["after"]["reason_text"] for entry in await told(super_connection, bku, "evidence.made")} == {
        "Complaint 47"
    }
    assert visitor.post(path, {"reason": "Complaint 48"}).status_code == 200


async def test_receipts_are_files_and_stand_in_the_timeline(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    await household(services.session, bku)
    visitor = await signed_in(Role.COMPLIANCE)
    path = f"{opened(visitor)}/consents/_a-lender"
    pdf, data = visitor.post(f"{path}/receipt.pdf"), visitor.post(f"{path}/receipt.json")
    assert pdf.content.startswith(b"%PDF-")
    assert pdf.headers["content-disposition"].startswith('attachment; filename="receipt-')
    assert "_a-lender" in json.dumps(data.json()["receipt"])
    assert {entry["actor_id"] for entry in await told(super_connection, bku, "receipt.made")} == {
        str(visitor.member_id)
    }
    assert text_of(visitor.get(path)).count("Receipt made") == 2
    assert visitor.get(f"{path}/receipt.pdf").status_code in (404, 405)


async def test_what_apps_are_called_stays_text_in_pages_and_files(
    signed_in: SignIn, services: Services, bku: Tenant
) -> None:
    """R83."""
    account = {**ACCOUNTS[0], "nickname": "=1+1<script>alert(2)</script>"}
    await add_customer(services.session, bku, CUSTOMER, accounts=[account])
    await add_application(services.session, bku, "evil", name=f"=SUM(A1){XSS}")
    await add_consent(services.session, bku, CUSTOMER, "evil", "_evil", data_clusters='["<B>ODD_ONE"]')
    visitor = await signed_in(Role.SUPPORT)
    own = opened(visitor, reason='Ticket "><script>alert(3)</script>')
    for below in ("", "/consents/_evil", "/consents/_evil/stop", "/stop-all"):
        page = visitor.get(own + below)
        assert "<img src=x" not in page.text
        assert "<script>alert" not in page.text
        assert "<img src=x onerror=alert(1)>{{7*7}}" in text_of(page)
        assert "\u202e" not in page.text
    rows = list(csv.reader(io.StringIO(visitor.get(f"{own}/consents.csv").content.decode("utf-8-sig"))))
    assert rows[1][1].startswith("'=SUM(A1)")
    assert rows[1][10].startswith("'=1+1")
    assert [len(row) for row in rows] == [13, 13]


async def test_without_its_audit_entry_nothing_happens(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    """R129."""
    await household(services.session, bku)
    await household(services.session, bku, "U-2", mark="b")
    visitor = await signed_in(Role.ADMIN)
    own = opened(visitor)
    await super_connection.execute("revoke insert on consentry.audit_entries from consentry_app")
    try:
        for path in (f"{own}/consents/_a-budget/stop", f"{own}/stop-all", f"{own}/block", f"{own}/evidence",
                     f"{own}/consents/_a-budget/receipt.pdf"):  # fmt: skip
            answer = visitor.post(path, {"reason": WHY, "wanted": "blocked"})
            assert answer.status_code == 503, path
            assert answer.headers["retry-after"]
        assert visitor.post("/admin/customers/open", {"customer": "U-2", "reason": REASON}).status_code == 503
    finally:
        await super_connection.execute("grant insert on consentry.audit_entries to consentry_app")
    assert len(await live(super_connection, bku)) == 4
    assert visitor.get("/admin/customer/U-2").status_code == 303
    assert "Allowed" in text_of(visitor.get(own))
    changes = "select count(*) from consentry.consent_changes where institution_id = $1"
    assert await super_connection.fetchval(changes, bku.institution_id) == 0
