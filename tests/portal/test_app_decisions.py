"""Letting apps in and stopping them: by whom, with which reason, recorded where, and against whose last word."""

import asyncio
from typing import Any

import httpx
import pytest

from consentry.domain.actor import Actor, ActorKind
from consentry.domain.application import AppDecision
from consentry.domain.refusal.institution import ChangedMeanwhile
from consentry.domain.refusal.request import TemporarilyUnavailable
from consentry.domain.staff import Role
from consentry.usecases.application.decide import decide_about_app
from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.portal.conftest import SignIn
from tests.portal.parties import add_app, add_intermediary
from tests.portal.test_apps import rows
from tests.portal.visiting import text_of

REASON = "It stores passwords in clear."
ADMIN = Actor(ActorKind.STAFF, "00000000-0000-7000-8000-000000000000")


@pytest.fixture
async def app(services: Services, bku: Tenant) -> str:
    await add_app(services.session, bku, "lender", name="Lendly", customers=1204, live_consents=1300)
    return "lender"


async def status_of(connection: Any, tenant: Tenant) -> str:
    found: str = await connection.fetchval(
        "select status from consentry.applications where institution_id = $1", tenant.institution_id
    )
    return found


async def count_of(connection: Any, tenant: Tenant, table: str) -> int:
    found: int = await connection.fetchval(
        f"select count(*) from consentry.{table} where institution_id = $1", tenant.institution_id
    )
    return found


async def test_disabling_says_what_it_stops_and_what_is_expected(signed_in: SignIn, app: str) -> None:
    visitor = await signed_in(Role.ADMIN)
    said = text_of(visitor.get("/admin/apps/lender/disable"))
    for sentence in ("1,204", "1,300", "12 CFR 1033.321", "specific risk", "The same for everybody", "your counsel"):
        assert sentence in said, sentence


async def test_an_admin_stops_an_app_and_lets_it_in_again(
    signed_in: SignIn, app: str, bku: Tenant, super_connection: Any
) -> None:
    """R129: the row, the log, the audit and the event say the same."""
    visitor = await signed_in(Role.ADMIN)
    answer = visitor.post("/admin/apps/lender/disable", {"reason": f"  {REASON} "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/apps/lender?notice=disable")
    page = text_of(visitor.get(answer.headers["location"]))
    assert "The app is disabled" in page
    assert REASON in page
    row = await super_connection.fetchrow(
        "select * from consentry.application_decisions where institution_id = $1", bku.institution_id
    )
    assert (row["status_before"], row["status_after"], row["reason"]) == ("active", "disabled", REASON)
    assert (row["customers"], row["actor_kind"], row["actor_id"]) == (1204, "staff", str(visitor.member_id))
    entry = await super_connection.fetchrow(
        "select * from consentry.audit_entries where institution_id = $1 and action = 'application.disabled'",
        bku.institution_id,
    )
    assert (entry["subject_id"], entry["before"]) == ("lender", '{"status": "disabled"}'.replace("disabled", "active"))
    assert REASON in entry["after"]
    event = await super_connection.fetchrow(
        "select * from consentry.events where institution_id = $1", bku.institution_id
    )
    assert (event["kind"], event["application_id"]) == ("APPLICATION_DISABLED", "lender")
    assert visitor.post("/admin/apps/lender/enable", {"reason": "It was mended."}).status_code == 303
    assert await status_of(super_connection, bku) == "active"
    log = rows(visitor.get("/admin/apps/lender/log.csv"))
    assert [(line["Before"], line["After"]) for line in log] == [("disabled", "active"), ("active", "disabled")]
    assert {line["Who"] for line in log} == {visitor.email.partition("@")[0].title()}


@pytest.mark.parametrize(("decision", "left"), [("approve", "active"), ("refuse", "disabled")])
async def test_an_app_that_needs_review_is_approved_or_refused(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: Any, decision: str, left: str
) -> None:
    await add_app(services.session, bku, "new", status="needs_review")
    visitor = await signed_in(Role.ADMIN)
    page = visitor.get("/admin/apps/new")
    assert "/admin/apps/new/approve" in page.text
    assert "/admin/apps/new/refuse" in page.text
    assert "/admin/apps/new/disable" not in page.text
    assert visitor.post(f"/admin/apps/new/{decision}", {"reason": "We have looked."}).status_code == 303
    assert await status_of(super_connection, bku) == left


@pytest.mark.parametrize("reason", ["", "  ", "no", "x" * 501, "\u200bno\u200b"])
async def test_without_a_fitting_reason_nothing_is_decided_and_what_was_typed_stays(
    signed_in: SignIn, app: str, bku: Tenant, super_connection: Any, reason: str
) -> None:
    visitor = await signed_in(Role.ADMIN)
    answer = visitor.post("/admin/apps/lender/disable", {"reason": reason})
    assert answer.status_code == 422
    assert "Give a reason of 3 to 500 characters" in text_of(answer)
    assert 'aria-invalid="true"' in answer.text
    if len(reason) == 501:
        assert reason in answer.text
    assert await status_of(super_connection, bku) == "active"
    assert await count_of(super_connection, bku, "application_decisions") == 0


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.COMPLIANCE, Role.USER])
async def test_only_admins_decide_and_others_see_no_button(
    signed_in: SignIn, app: str, bku: Tenant, super_connection: Any, role: Role
) -> None:
    """R89."""
    visitor = await signed_in(role)
    page = visitor.get("/admin/apps/lender")
    assert page.status_code == 200
    assert "/admin/apps/lender/disable" not in page.text
    assert visitor.get("/admin/apps/lender/disable").status_code == 403
    assert visitor.post("/admin/apps/lender/disable", {"reason": REASON}).status_code == 403
    assert await status_of(super_connection, bku) == "active"
    refused = await super_connection.fetchval(
        "select count(*) from consentry.audit_entries where institution_id = $1 and outcome = 'refused'",
        bku.institution_id,
    )
    assert refused == 2


async def test_who_decides_about_what_was_decided_meanwhile_is_shown_how_it_is(
    signed_in: SignIn, app: str, bku: Tenant, super_connection: Any
) -> None:
    first, second = await signed_in(Role.ADMIN), await signed_in(Role.ADMIN)
    assert second.get("/admin/apps/lender/disable").status_code == 200
    assert first.post("/admin/apps/lender/disable", {"reason": REASON}).status_code == 303
    late = second.post("/admin/apps/lender/disable", {"reason": "I think so too."})
    assert late.status_code == 409
    assert "changed since it was shown" in text_of(late)
    assert REASON in text_of(late)
    assert second.get("/admin/apps/lender/disable").status_code == 409
    assert await count_of(super_connection, bku, "application_decisions") == 1


async def test_of_admins_who_decide_at_once_one_does(
    services: Services, app: str, bku: Tenant, super_connection: Any
) -> None:
    async def decide() -> bool:
        try:
            await decide_about_app(services, bku.institution_id, app, AppDecision.DISABLE, reason=REASON, actor=ADMIN)
        except ChangedMeanwhile:
            return False
        return True

    assert sorted(await asyncio.gather(*(decide() for _ in range(6)))) == [False] * 5 + [True]
    assert await count_of(super_connection, bku, "application_decisions") == 1


async def test_without_its_record_nothing_is_decided(
    services: Services, app: str, bku: Tenant, super_connection: Any
) -> None:
    """R129."""
    await super_connection.execute("revoke insert on consentry.audit_entries from consentry_app")
    try:
        with pytest.raises(TemporarilyUnavailable):
            await decide_about_app(services, bku.institution_id, app, AppDecision.DISABLE, reason=REASON, actor=ADMIN)
    finally:
        await super_connection.execute("grant insert on consentry.audit_entries to consentry_app")
    assert await status_of(super_connection, bku) == "active"
    assert await count_of(super_connection, bku, "application_decisions") == 0
    assert await count_of(super_connection, bku, "events") == 0


async def test_a_decision_that_there_is_not_is_nothing(signed_in: SignIn, app: str) -> None:
    visitor = await signed_in(Role.ADMIN)
    assert visitor.get("/admin/apps/lender/delete").status_code == 404
    assert visitor.post("/admin/apps/lender/delete", {"reason": REASON}).status_code == 404


async def test_the_log_is_shown_in_pages_and_told_in_full(
    signed_in: SignIn, services: Services, app: str, bku: Tenant
) -> None:
    for number in range(25):
        decision = AppDecision.ENABLE if number % 2 else AppDecision.DISABLE
        await decide_about_app(services, bku.institution_id, app, decision, reason=f"Reason {number}.", actor=ADMIN)
    visitor = await signed_in(Role.COMPLIANCE)
    page: httpx.Response = visitor.get("/admin/apps/lender")
    assert page.text.count("Reason 24.") == 2, "the last is the app's own reason, too"
    assert "Reason 5." in page.text
    assert "Reason 4." not in page.text
    following = page.text.split('rel="next" href="')[1].split('"')[0]
    assert "Reason 4." in visitor.get(following).text
    assert len(rows(visitor.get("/admin/apps/lender/log.csv"))) == 25


async def test_an_app_behind_a_stopped_intermediary_says_so(signed_in: SignIn, services: Services, bku: Tenant) -> None:
    await add_intermediary(services.session, bku, "agg", status="disabled")
    await add_app(services.session, bku, "app", intermediary_id="agg")
    visitor = await signed_in(Role.USER)
    assert "nothing is answered to this app" in text_of(visitor.get("/admin/apps/app"))
    assert "Intermediary disabled" in text_of(visitor.get("/admin/apps"))
