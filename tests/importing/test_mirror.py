"""A mirror follows the system that still decides, lets nobody change anything here, and is cut over with open eyes."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from consentry.domain.refusal.institution import UnknownInstitution
from consentry.domain.refusal.operating import (
    AlreadyCutOver,
    ImportRunning,
    InstitutionMirrored,
    NothingMirrored,
    ReportOutdated,
    VanishedUndecided,
)
from consentry.store import imports
from consentry.usecases.importing.cut_over import CutOver, Vanished, cut_over, report_differences
from consentry.usecases.importing.status import import_status
from consentry.usecases.services import Services
from tests.builders import Tenant, add_consent
from tests.importing.conftest import Look
from tests.importing.forms import (
    CHECKING,
    LATER,
    OPERATOR,
    SAVINGS,
    Importer,
    Line,
    agency,
    application,
    consent,
    customer,
    entry,
    listed,
    shared,
)

Audited = Callable[[], Awaitable[list[str]]]


async def reported(services: Services) -> UUID:
    return (await report_differences(services, "bku")).last_import.import_id


async def cut(services: Services, vanished: Vanished | None = None) -> CutOver:
    return await cut_over(services, "bku", reported=await reported(services), vanished=vanished, actor=OPERATOR)


async def test_mirrored_consents_are_read_only_until_the_cut_over(
    importer: Importer, services: Services, look: Look, audited: Audited
) -> None:
    await importer.publish(application(), customer(), consent(), consent("_c2", revoked_at=LATER), mirror=True)
    assert [row[15] for row in (await look())["consents"]] == [True, True]
    assert (await import_status(services, "bku")).mirror is not None
    assert await cut(services) == CutOver(writable=2, ended=0)
    assert [row[15] for row in (await look())["consents"]] == [False, False]
    assert (await import_status(services, "bku")).mirror is None
    assert await audited() == ["import.published", "import.cut_over"]


@pytest.mark.parametrize(
    ("members", "column", "becomes"),
    [
        ({"revoked_at": LATER}, 9, "system"),
        ({"auto_enable_future_accounts": True}, 11, True),
        ({"accounts": [shared(CHECKING), shared(SAVINGS)]}, 12, '["ACT-1~checking", "ACT-2:savings/x"]'),
        ({"accounts": []}, 12, "[]"),
        ({"data_clusters": ["BILLS"]}, 13, '["BILLS"]'),
        ({"status": "paused"}, 7, datetime(2024, 6, 14, 19, 48, 18, 354000, tzinfo=UTC)),
        ({"application_id": "app-2", "application_name": "Tax"}, 3, "app-2"),
    ],
)
async def test_a_mirror_follows_what_differs(
    importer: Importer, look: Look, audited: Audited, members: dict[str, Any], column: int, becomes: object
) -> None:
    parties = (application(), application("app-2", name="Tax"), customer())
    await importer.publish(*parties, consent(), consent("_c2"), mirror=True)
    report = await importer.publish(*parties, consent(**members), consent("_c2"), mirror=True)
    assert (report.counts["consents_changed"], report.counts["consents_unchanged"]) == (1, 1)
    stored = await look()
    changed, same = stored["consents"]
    assert changed[column] == becomes
    assert (changed[16], same[16]) == (2, 1)
    assert [row[1:] for row in stored["consent_changes"]] == [("_c1", 2, "mirrored")]
    assert await audited() == ["import.published", "import.published"]
    report = await importer.publish(*parties, consent(**members), consent("_c2"), mirror=True)
    assert report.counts["consents_unchanged"] == 2


async def test_a_mirror_follows_the_last_access_without_a_new_version(importer: Importer, look: Look) -> None:
    await importer.publish(application(), consent(), mirror=True)
    report = await importer.publish(application(), consent(last_accessed=LATER), mirror=True)
    assert report.counts["consents_changed"] == 1
    stored = await look()
    assert (stored["consents"][0][14], stored["consents"][0][16]) == (datetime.fromisoformat(LATER), 1)
    assert stored["consent_changes"] == []


async def test_a_mirror_follows_apps_and_customers(importer: Importer, look: Look) -> None:
    await importer.publish(application(), customer(), consent(), listed("cust-2", entry("_c2")), mirror=True)
    renamed = {**CHECKING, "nickname": "Mine"}
    report = await importer.publish(
        application(name="Budgie", icon_url=None, intermediary={"intermediary_id": "agg", "name": "Agg"}),
        customer("cust-1", SAVINGS, renamed),
        consent(application_name="Budgie", application_icon_url=None, accounts=[shared(renamed)]),
        listed("cust-2", entry("_c2", application_icon_url=None)),
        mirror=True,
    )
    assert report.counts["applications_changed"] == 2
    assert report.counts["customers_changed"] == 1
    stored = await look()
    assert [row[2:5] for row in stored["applications"]] == [("Budgie", None, "agg"), ("Budget", None, None)]
    assert json.loads(str(stored["customers"][0][2])) == [SAVINGS, renamed]
    assert [row[3] for row in stored["customers"]] == [2, 1]


async def test_a_mirror_follows_what_is_set_for_intermediaries_as_far_as_the_file_says_it(
    importer: Importer, super_connection: Any
) -> None:
    limit = {"requests": 10, "period": "minute"}
    await importer.publish(agency(request_limit=limit, approval="automatic"), mirror=True)
    report = await importer.publish(agency(status="disabled", allowed_networks=["192.0.2.1"]), mirror=True)
    assert report.counts["intermediaries_changed"] == 1
    assert (await importer.publish(agency(), mirror=True)).counts["intermediaries_changed"] == 0
    row = await super_connection.fetchrow(
        """select consentry.settings_of(i)::text, version, status_reason, status_changed_at
           from consentry.intermediaries i"""
    )
    assert json.loads(row[0]) == {
        "status": "disabled",
        "request_limit": limit,
        "allowed_networks": ["192.0.2.1/32"],
        "approval": "automatic",
    }
    assert row["version"] == 2
    assert row["status_reason"] == "As the mirrored system has it."
    assert row["status_changed_at"] is not None


async def test_a_mirror_never_revives_and_says_so(importer: Importer, services: Services, look: Look) -> None:
    gone = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    await importer.publish(
        application(), consent(revoked_at=LATER), consent("_c2", expires_at=gone), consent("_c3"), mirror=True
    )
    before = await look()
    report = await importer.publish(application(), consent(), consent("_c2"), consent("_c3"), mirror=True)
    assert report.counts["consents_kept_ended"] == 2
    assert report.counts["consents_unchanged"] == 1
    assert await look() == before
    state = (await report_differences(services, "bku")).state
    assert (state.kept_ended, state.kept_ended_ids) == (2, ("_c1", "_c2"))
    await importer.publish(
        application(), consent(revoked_at=LATER), consent("_c2", expires_at=gone), consent("_c3"), mirror=True
    )
    assert (await report_differences(services, "bku")).state.kept_ended == 0


async def test_a_consent_does_not_change_hands_even_in_a_mirror(importer: Importer) -> None:
    await importer.publish(application(), consent(), mirror=True)
    faults = await importer.faults(application(), consent(customer_id="cust-2"), mirror=True)
    assert faults == ['line 2, customer_id: expected "cust-1", as it is stored']


async def test_consents_that_vanish_stay_and_are_reported(importer: Importer, services: Services, look: Look) -> None:
    both = (application(), consent(), consent("_c2"), consent("_c3", revoked_at=LATER))
    await importer.publish(*both, mirror=True)
    before = await look()
    report = await importer.publish(application(), consent(), mirror=True)
    assert report.counts["consents_vanished"] == 1
    assert await look() == before
    state = (await report_differences(services, "bku")).state
    assert (state.live, state.ended, state.vanished, state.vanished_ids) == (2, 1, 1, ("_c2",))
    await importer.publish(*both, mirror=True)
    assert (await report_differences(services, "bku")).state.vanished == 0


async def test_vanished_consents_must_be_decided_on_before_the_cut_over(
    importer: Importer, services: Services, look: Look, audited: Audited
) -> None:
    await importer.publish(application(), consent(), consent("_c2"), mirror=True)
    await importer.publish(application(), consent(), mirror=True)
    before = await look()
    with pytest.raises(VanishedUndecided):
        await cut(services)
    assert await look() == before
    assert await cut(services, Vanished.END) == CutOver(writable=2, ended=1)
    stored = await look()
    kept, ended = stored["consents"]
    assert (kept[8], kept[16]) == (None, 1)
    assert (ended[9:11], ended[15:17]) == (("system", "vanished_from_mirror"), (False, 2))
    assert [row[1:] for row in stored["consent_changes"]] == [("_c2", 2, "revoked")]
    assert [row[1:] for row in stored["events"]] == [("CONSENT_REVOKED", "_c2")]
    assert await audited() == ["import.published", "import.published", "consent.revoked", "import.cut_over"]


async def test_vanished_consents_may_be_kept(importer: Importer, services: Services, look: Look) -> None:
    await importer.publish(application(), consent(), consent("_c2"), mirror=True)
    await importer.publish(application(), consent(), mirror=True)
    assert await cut(services, Vanished.KEEP) == CutOver(writable=2, ended=0)
    assert [row[8] for row in (await look())["consents"]] == [None, None]


async def test_consents_that_were_given_here_are_not_the_mirrors(
    importer: Importer, services: Services, bku: Tenant, look: Look
) -> None:
    await importer.publish(application(), customer(), consent(), mirror=True)
    await add_consent(services.session, bku, "cust-1", "app-1", "_own")
    report = await importer.publish(application(), customer(), consent(), mirror=True)
    assert report.counts["consents_vanished"] == 0
    assert await importer.faults(application(), customer(), consent("_own"), mirror=True)
    assert [(row[1], row[15]) for row in (await look())["consents"]] == [("_c1", True), ("_own", False)]


async def test_a_mirror_takes_no_plain_import_and_after_the_cut_over_no_mirrored_one(
    importer: Importer, services: Services
) -> None:
    await importer.publish(application(), consent(), mirror=True)
    with pytest.raises(InstitutionMirrored):
        await importer.lines(application(), consent())
    await cut(services)
    with pytest.raises(AlreadyCutOver):
        await importer.lines(application(), consent(), mirror=True)
    await importer.publish(application(), consent(), consent("_c2"))


async def test_a_cut_over_is_refused_when_there_is_nothing_to_it(importer: Importer, services: Services) -> None:
    with pytest.raises(UnknownInstitution):
        await report_differences(services, "nobody")
    with pytest.raises(NothingMirrored):
        await report_differences(services, "bku")
    await importer.publish(application(), consent())
    with pytest.raises(NothingMirrored):
        await report_differences(services, "bku")
    await importer.publish(application(), consent("_c2"), consent(), mirror=True)
    await cut(services)
    with pytest.raises(NothingMirrored):
        await report_differences(services, "bku")


async def test_a_cut_over_is_about_the_report_that_was_read(importer: Importer, services: Services) -> None:
    await importer.publish(application(), consent(), mirror=True)
    old = await reported(services)
    await importer.publish(application(), consent(), mirror=True)
    with pytest.raises(ReportOutdated):
        await cut_over(services, "bku", reported=old, vanished=None, actor=OPERATOR)


async def test_a_cut_over_waits_for_no_import(importer: Importer, services: Services, bku: Tenant) -> None:
    await importer.publish(application(), consent(), mirror=True)
    async with imports.hold(services.session, bku.institution_id):
        with pytest.raises(ImportRunning):
            await cut(services)


async def test_many_consents_are_followed_and_cut_over_together(
    importer: Importer, services: Services, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    def told(**members: Any) -> list[Line]:
        return [application(), *(consent(f"_c{n}", customer_id=f"cust-{n % 500}", **members) for n in range(21_000))]

    await importer.publish(*told(), mirror=True)
    report = await importer.publish(*told(auto_enable_future_accounts=True), mirror=True)
    assert report.counts["consents_changed"] == 21_000
    assert (await cut(services)).writable == 21_000
    left = await super_connection.fetchval("select count(*) from consentry.consents where read_only or not auto_share")
    assert left == 0


async def test_what_a_mirror_says_of_an_apps_access_stands_in_its_log(
    importer: Importer, bku: Tenant, super_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await importer.publish(application(category="Budgeting"), customer(), consent(), mirror=True)
    await importer.publish(application(status="disabled"), customer(), consent(), mirror=True)
    await importer.publish(application(), customer(), consent(), mirror=True)
    (row,) = await super_connection.fetch(
        """select d.status_before, d.status_after, d.actor_kind, a.status, a.category
           from consentry.application_decisions d
           join consentry.applications a using (institution_id, application_id)"""
    )
    assert tuple(row) == ("active", "disabled", "system", "disabled", "Budgeting")
