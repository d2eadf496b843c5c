"""What is imported is stored, once, for the right institution, in each of the forms."""

import json
from collections.abc import Awaitable, Callable

import asyncpg

from consentry.usecases.services import Services
from tests.builders import Tenant
from tests.importing.conftest import Look
from tests.importing.forms import (
    AT,
    CHECKING,
    LATER,
    SAVINGS,
    Importer,
    application,
    consent,
    customer,
    encoded,
    entry,
    institution,
    listed,
    shared,
)


async def test_a_file_of_every_kind_of_line_is_stored(importer: Importer, look: Look) -> None:
    report = await importer.publish(
        institution(),
        {"type": "intermediary", "intermediary_id": "agg-1", "name": "Aggregator One"},
        application(intermediary_id="agg-1", purpose="Sorts what you spend."),
        application("app-2", name="Tax", icon_url=None, intermediary={"intermediary_id": "agg-2", "name": "Two"}),
        customer(),
        consent(),
        consent("_c2", application_id="app-2", application_name="Tax", application_icon_url=None, accounts=[]),
        listed("cust-2", entry("_c3", application_name="Loans")),
    )
    assert {name: count for name, count in report.counts.items() if count} == {
        "intermediaries_added": 2,
        "applications_added": 3,
        "customers_added": 2,
        "consents_added": 3,
    }
    stored = await look()
    assert [row[1:3] for row in stored["intermediaries"]] == [("agg-1", "Aggregator One"), ("agg-2", "Two")]
    assert [(*row[1:5], row[6]) for row in stored["applications"]][:2] == [
        ("app-1", "Budget", "https://icons.example/budget.png", "agg-1", "Sorts what you spend."),
        ("app-2", "Tax", None, "agg-2", None),
    ]
    assert [(row[1], json.loads(str(row[2]))) for row in stored["customers"]] == [
        ("cust-1", [CHECKING, SAVINGS]),
        ("cust-2", [CHECKING, SAVINGS]),
    ]
    assert [(row[1], row[2], row[12]) for row in stored["consents"]] == [
        ("_c1", "cust-1", '["ACT-1~checking"]'),
        ("_c2", "cust-1", "[]"),
        ("_c3", "cust-2", '["ACT-1~checking"]'),
    ]


async def test_importing_the_same_again_changes_nothing(importer: Importer, look: Look) -> None:
    lines = encoded(application(), customer(), consent(), listed("cust-2", entry("_c2", revoked_at=LATER)))
    await importer.file(lines)
    before = await look()
    report = await importer.file(lines)
    assert report.is_published
    assert {name for name, count in report.counts.items() if count} == {"consents_unchanged"}
    assert await look() == before


async def test_each_import_leaves_one_audit_entry(
    importer: Importer, audited: Callable[[], Awaitable[list[str]]]
) -> None:
    lines = encoded(application(), *(consent(f"_c{n}") for n in range(100)))
    await importer.file(lines)
    await importer.file(lines)
    assert await audited() == ["import.published", "import.published"]


async def test_a_refused_import_leaves_no_audit_entry(
    importer: Importer, look: Look, audited: Callable[[], Awaitable[list[str]]]
) -> None:
    before = await look()
    assert await importer.faults(application(), consent(), consent("_c2", customer_id="no good"))
    assert await audited() == []
    assert await look() == before


async def test_an_account_that_only_consents_name_becomes_the_customers_in_the_order_of_appearance(
    importer: Importer, look: Look
) -> None:
    card = {"account_id": "ACT-3", "nickname": "", "account_number_display": "9"}
    await importer.publish(
        application(),
        consent("_c1", accounts=[shared(SAVINGS), shared(CHECKING)]),
        consent("_c2", accounts=[shared(card), shared(CHECKING)]),
        consent("_c3", accounts=[]),
    )
    ((_, _, accounts, _),) = (await look())["customers"]
    assert json.loads(str(accounts)) == [SAVINGS, CHECKING, card]


async def test_a_customers_line_says_the_order_wherever_it_stands(importer: Importer, look: Look) -> None:
    await importer.publish(
        consent("_c1", accounts=[shared(SAVINGS)]),
        application(),
        customer("cust-1", CHECKING, SAVINGS),
    )
    ((_, _, accounts, _),) = (await look())["customers"]
    assert json.loads(str(accounts)) == [CHECKING, SAVINGS]


async def test_apps_of_lists_get_an_id_from_their_name_that_is_always_the_same(importer: Importer, look: Look) -> None:
    await importer.publish(listed("cust-1", entry("_c1", application_name="Bücher & Co.", intermediary_name="Agg One")))
    await importer.publish(listed("cust-2", entry("_c2", application_name="Bücher & Co.", intermediary_name="Agg One")))
    stored = await look()
    assert [row[1:5] for row in stored["applications"]] == [
        (
            "app-b-cher-co-c73e132abbf7",
            "Bücher & Co.",
            "https://icons.example/budget.png",
            "intermediary-agg-one-498b9623454a",
        )
    ]
    assert [row[1:3] for row in stored["intermediaries"]] == [("intermediary-agg-one-498b9623454a", "Agg One")]


async def test_a_list_may_tell_the_ids_of_its_apps(importer: Importer, look: Look) -> None:
    await importer.publish(listed("cust-1", entry("_c1", application_id="their-app")))
    assert [row[1] for row in (await look())["applications"]] == ["their-app"]


async def test_a_list_without_consents_says_nothing_of_its_customer(importer: Importer, look: Look) -> None:
    await importer.publish(application(), customer(), listed("cust-1"), listed("cust-9"))
    assert [row[1] for row in (await look())["customers"]] == ["cust-1"]


async def test_a_consent_needs_no_type(importer: Importer, look: Look) -> None:
    line = consent()
    del line["type"]
    await importer.publish(application(), line)
    assert [row[1] for row in (await look())["consents"]] == ["_c1"]


async def test_blank_lines_windows_line_ends_and_a_byte_order_mark_do_no_harm(importer: Importer, look: Look) -> None:
    content = b"\xef\xbb\xbf" + encoded(application(), b"", customer(), b"   ", consent()).replace(b"\n", b"\r\n")
    assert (await importer.file(content.rstrip())).is_published
    assert len((await look())["consents"]) == 1


async def test_what_v6_knows_is_taken_over(importer: Importer, look: Look) -> None:
    await importer.publish(
        application(),
        consent("_active", status="active", expires_at="2999-01-01T00:00:00Z", data_clusters=["ACCOUNT_BASIC"]),
        consent("_expired", status="expired", expires_at=LATER),
        consent("_paused", status="paused"),
        consent("_resting", status="paused", paused_at="2024-07-01T02:00:00+02:00"),
        consent("_revoked", status="revoked", revoked_at=LATER, revoked_by="customer", revocation_reason="user_action"),
        consent("_silent", revoked_at=LATER),
    )
    found = {row[1]: row[6:11] for row in (await look())["consents"]}
    told = {
        name: tuple(value.isoformat() if hasattr(value, "isoformat") else value for value in values)
        for name, values in found.items()
    }
    later = "2025-01-02T03:04:05.006000+00:00"
    assert told == {
        "_active": ("2999-01-01T00:00:00+00:00", None, None, None, None),
        "_expired": (later, None, None, None, None),
        "_paused": (None, "2024-06-14T19:48:18.354000+00:00", None, None, None),
        "_resting": (None, "2024-07-01T00:00:00+00:00", None, None, None),
        "_revoked": (None, None, later, "customer", "user_action"),
        "_silent": (None, None, later, "system", "unknown"),
    }


async def test_a_later_last_access_here_is_no_difference(importer: Importer, services: Services, bku: Tenant) -> None:
    lines = encoded(application(), consent(last_accessed=AT))
    await importer.file(lines)
    async with services.session.begin(bku.institution_id) as connection:
        await connection.execute("update consentry.consents set last_accessed = consentry.now()")
    assert (await importer.file(lines)).is_published


async def test_institutions_with_the_same_ids_stay_apart(
    importer: Importer, services: Services, other: Tenant, look: Look
) -> None:
    await importer.publish(application(), customer(), consent())
    elsewhere = Importer(services, other.public_id)
    await elsewhere.publish(application(name="Other"), consent(application_name="Other", revoked_at=LATER))
    stored = await look()
    assert [(row[1], row[8] is None) for row in stored["consents"]] == [("_c1", True), ("_c1", False)]
    assert [row[2] for row in stored["applications"]] == ["Budget", "Other"]
    assert len({row[0] for row in stored["consents"]}) == 2


async def test_a_file_may_bring_its_institution(services: Services, look: Look) -> None:
    report = await Importer(services, "new").publish(institution("new", host="New.example"), application(), consent())
    assert report.institution_added
    stored = await look()
    assert [row[1:] for row in stored["institutions"]] == [("new", "NEW", "new.example", "enabled")]
    assert not (await Importer(services, "new").publish(consent())).institution_added


async def test_an_institution_of_a_refused_file_does_not_exist(services: Services, look: Look) -> None:
    new = Importer(services, "new")
    assert await new.faults(institution("new"), consent())
    assert (await look())["institutions"] == []
    assert (await new.publish(institution("new"), application(), consent())).institution_added


async def test_nothing_stays_staged(importer: Importer, super_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await importer.publish(institution(), application(), customer(), consent(), listed("cust-2", entry("_c2")))
    tables = await super_connection.fetch(
        """select relname from pg_class
           where relnamespace = 'consentry'::regnamespace and relpersistence = 'u' and relkind = 'r'"""
    )
    assert len(tables) == 8
    for (table,) in tables:
        assert await super_connection.fetchval(f"select count(*) from consentry.{table}") == 0
