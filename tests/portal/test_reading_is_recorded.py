"""Reading that is recorded: who searched for customers, and who took which list as a file, by which filters."""

import csv
import io
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from consentry.domain.credential import new_secret
from consentry.domain.customer import CustomerSearch, search_id
from consentry.domain.staff import House, Role
from consentry.store import houses
from consentry.usecases.services import Services
from tests.builders import Tenant, add_customer
from tests.portal.conftest import SignIn
from tests.portal.customers import found_in, household, opened
from tests.portal.matrix import guarded_routes
from tests.portal.parties import add_app, add_intermediary
from tests.portal.visiting import Visitor, text_of

if TYPE_CHECKING:
    import asyncpg

    Plain = asyncpg.Connection[asyncpg.Record]

LONG = "customer-4711-0815"
SEARCH = "/admin/customers?"
FILES = {
    "/admin/apps.csv?name=budget&status=active&sort=name": (
        "apps",
        {"name": "budget", "status": "active", "sort": "name"},
    ),
    "/admin/apps/budget/log.csv": ("log of an app", {}),
    "/admin/customer/{customer}/consents.csv": ("consents of a customer", {}),
    "/admin/intermediaries.csv?approval=by_hand": ("intermediaries", {"approval": "by_hand"}),
    "/admin/logs.csv?outcome=done&from=2020-01-01": ("log", {"outcome": "done", "from": "2020-01-01"}),
    "/admin/overview/consents.csv?range=7d": ("overview, consents", {"range": "7d"}),
    "/admin/settings/team.csv?q=adm&role=admin": ("team members", {"name": "adm", "role": "admin"}),
    "/partner/institutions.csv?q=b": ("institutions", {"name": "b"}),
    "/partner/institutions/{institution}/apps.csv": ("apps", {}),
    "/partner/institutions/{institution}/intermediaries.csv": ("intermediaries", {}),
    "/partner/institutions/{institution}/members.csv": ("members", {}),
    "/partner/logs.csv?by=partner": ("log", {"by": "partner"}),
    "/partner/overview/institutions.csv?range=7d": ("overview, institutions", {"range": "7d"}),
    "/partner/settings/team.csv": ("team members", {}),
}
"""Every file of the portals, and what the audit has to say of it."""


async def recorded(behind: "Plain", house: Tenant, action: str) -> list["asyncpg.Record"]:
    return await behind.fetch(
        """select actor_kind, actor_id, subject_kind, subject_id, after, source, request_id, e::text as whole
           from consentry.audit_entries e
           where institution_id = $1 and action = $2 and outcome = 'done' order by entry_id""",
        house.institution_id,
        action,
    )


async def searches(behind: "Plain", house: Tenant) -> list["asyncpg.Record"]:
    return await recorded(behind, house, "customers.searched")


async def test_a_search_is_recorded_by_what_was_asked_and_how_many_were_found_and_without_the_values(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    """R133, R134."""
    await household(services.session, bku, LONG)
    visitor = await signed_in(Role.SUPPORT)
    page = visitor.get(f"{SEARCH}customer={LONG}&ending=1234&app=budget&consent=_a-budget")
    assert found_in(page) == [LONG]
    (entry,) = await searches(super_connection, bku)
    assert (entry["actor_kind"], entry["actor_id"]) == ("staff", str(visitor.member_id))
    assert (entry["source"], bool(entry["request_id"])) == ("127.0.0.1", True)
    assert json.loads(entry["after"]) == {
        "customer_id": "cu… (length 18)",
        "consent_id": "_a… (length 9)",
        "account_ending": "… (length 4)",
        "app": "budget",
        "found": 1,
    }
    for value in (LONG, "1234", "_a-budget"):
        assert value not in entry["whole"]
    said = text_of((await signed_in(Role.COMPLIANCE)).get("/admin/logs?action=customers.searched"))
    for words in ("Customers searched for", "Search for customers", "Account ending", "Found", visitor.email):
        assert words in said


async def test_who_searched_for_the_same_is_found_by_the_search_s_id(
    signed_in: SignIn, services: Services, bku: Tenant, other: Tenant, super_connection: "Plain"
) -> None:
    """R133: whoever may read the log searches once more, and filters the log by the id of that."""
    await household(services.session, bku, LONG)
    nosy, admin = await signed_in(Role.SUPPORT), await signed_in(Role.ADMIN)
    for query in (f"customer={LONG}", "ending=1234", "customer=somebody"):
        nosy.get(SEARCH + query)
    admin.get(f"{SEARCH}customer={LONG}")
    (await signed_in(Role.ADMIN, tenant=other)).get(f"{SEARCH}customer={LONG}")
    ids = [entry["subject_id"] for entry in await searches(super_connection, bku)]
    assert ids[0] == ids[3]
    assert len({*ids, *(entry["subject_id"] for entry in await searches(super_connection, other))}) == 4
    said = text_of(admin.get(f"/admin/logs?subject={ids[0]}"))
    assert "2 entries" in said
    assert nosy.email in said


async def test_paging_through_what_was_found_is_no_search_of_its_own_and_no_way_around_the_record(
    signed_in: SignIn, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    """R134."""
    for number in range(60):
        await add_customer(services.session, bku, f"paged-{number:02}")
    visitor, later = await signed_in(Role.SUPPORT), await signed_in(Role.SUPPORT)
    visitor.get(f"{SEARCH}customer=paged")
    assert len(found_in(visitor.get(f"{SEARCH}customer=paged&after=paged-49"))) == 10
    assert [json.loads(entry["after"])["found"] for entry in await searches(super_connection, bku)] == [60]
    assert len(found_in(later.get(f"{SEARCH}customer=paged&after=!"))) == 50
    visitor.get(f"{SEARCH}customer=page&after=paged-49")
    assert len(await searches(super_connection, bku)) == 3
    await super_connection.execute(
        "update consentry.audit_entries set at = at - interval '31 minutes' where institution_id = $1",
        bku.institution_id,
    )
    visitor.get(f"{SEARCH}customer=paged&after=paged-49")
    assert len(await searches(super_connection, bku)) == 4


async def test_what_is_no_search_is_not_recorded(signed_in: SignIn, bku: Tenant, super_connection: "Plain") -> None:
    visitor = await signed_in(Role.SUPPORT)
    for query in ("", "customer=a+b", "ending=12", "app=nothing-is-called-so"):
        visitor.get(SEARCH + query)
    assert await searches(super_connection, bku) == []


def test_the_id_of_a_search_tells_apart_what_differs() -> None:
    wanted = CustomerSearch(customer="a", consent="b")
    same = search_id(CustomerSearch(customer="a", consent="b"), 1, pepper=b"p")
    assert search_id(wanted, 1, pepper=b"p") == same
    others = (
        search_id(wanted, 1, pepper=b"q"),
        search_id(wanted, 2, pepper=b"p"),
        search_id(CustomerSearch(customer="ab"), 1, pepper=b"p"),
        search_id(CustomerSearch(consent="a", customer="b"), 1, pepper=b"p"),
    )
    assert len({same, *others}) == 5


@pytest.fixture
async def visitors(
    signed_in: SignIn, services: Services, bku: Tenant, partner: Tenant
) -> Callable[[str], tuple[Visitor, Tenant, str]]:
    """Give who may take a file, whose staff that is, and its address; there is something in every list."""
    async with services.session.begin(bku.institution_id) as connection:
        await houses.give_to_partner(connection, bku.institution_id, partner_id=partner.institution_id)
    await add_intermediary(services.session, bku, "hub")
    await add_app(services.session, bku, "saver", intermediary_id="hub")
    await household(services.session, bku, LONG)
    of_bku = await signed_in(Role.ADMIN)
    of_partner = await signed_in(Role.ADMIN, tenant=partner, house=House.PARTNER)
    own = opened(of_bku, LONG).removeprefix("/admin/customer/")

    def find(file: str) -> tuple[Visitor, Tenant, str]:
        path = file.format(customer=own, institution=bku.public_id)
        return (of_partner, partner, path) if file.startswith("/partner") else (of_bku, bku, path)

    return find


def rows_in(visitor: Visitor, path: str) -> int:
    """Take a file and give how many rows it has below its headings, which are words."""
    answer = visitor.get(path)
    assert answer.status_code == 200, path
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    headings, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    for heading in headings:
        assert re.fullmatch(r"[A-Z][A-Za-z',% -]*( \((UTC|id)\))?", heading), heading
    return len(rows)


@pytest.mark.parametrize("file", FILES)
async def test_every_file_is_recorded_with_its_filters_and_its_rows(
    visitors: Any, bku: Tenant, super_connection: "Plain", file: str
) -> None:
    """R134."""
    visitor, house, path = visitors(file)
    rows = rows_in(visitor, path)
    name, filters = FILES[file]
    (entry,) = await recorded(super_connection, house, "list.downloaded")
    assert json.loads(entry["after"]) == {"list": name, **filters, "rows": rows}
    assert entry["actor_id"] == str(visitor.member_id)
    assert rows or "log" in name
    theirs = await recorded(super_connection, bku, "list.downloaded")
    assert [json.loads(each["after"]) for each in theirs if house is not bku] == (
        [json.loads(entry["after"])] if "{institution}" in file else []
    )


def test_these_are_all_files_there_are() -> None:
    paths = {route.path for route in guarded_routes() if route.path.endswith(".csv")}
    named = {file.partition("?")[0] for file in FILES}
    known = {path.replace("/apps/budget/", "/apps/{app}/") for path in named}
    known = {path.replace("/overview/institutions", "/overview/{name}") for path in known}
    assert paths == {path.replace("/overview/consents", "/overview/{name}") for path in known}


@pytest.mark.parametrize("file", [*FILES, f"{SEARCH}customer={LONG}"])
async def test_without_its_audit_entry_nothing_is_read(visitors: Any, super_connection: "Plain", file: str) -> None:
    """R129."""
    visitor, _, path = visitors(file)
    await super_connection.execute("revoke insert on consentry.audit_entries from consentry_app")
    try:
        answer = visitor.get(path)
    finally:
        await super_connection.execute("grant insert on consentry.audit_entries to consentry_app")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert LONG not in answer.text


async def test_a_secret_that_somebody_filters_by_is_not_kept(
    visitors: Any, services: Services, bku: Tenant, super_connection: "Plain"
) -> None:
    """R133."""
    visitor, _, _ = visitors("/admin/apps.csv")
    secret = new_secret(services.choose)
    for path in (
        f"/admin/logs.csv?who={secret}",
        f"/admin/apps.csv?name={secret}",
        f"/admin/logs.csv?who={visitor.session}",
    ):
        assert rows_in(visitor, path) == 0
    taken = await recorded(super_connection, bku, "list.downloaded")
    assert len(taken) == 3
    for kept in (secret, visitor.session):
        assert kept not in "".join(entry["whole"] for entry in taken)


async def test_what_is_not_there_is_not_taken(visitors: Any, bku: Tenant, super_connection: "Plain") -> None:
    visitor, _, _ = visitors("/admin/apps.csv")
    for path in ("/admin/overview/nothing.csv", "/admin/apps/nothing/log.csv"):
        assert visitor.get(path).status_code == 404
    assert await recorded(super_connection, bku, "list.downloaded") == []


async def test_the_log_and_the_customer_s_page_say_it_in_words(visitors: Any) -> None:
    visitor, _, path = visitors("/admin/customer/{customer}/consents.csv")
    rows_in(visitor, path)
    assert "List downloaded" in text_of(visitor.get(path.removesuffix("/consents.csv")))
    said = text_of(visitor.get("/admin/logs?action=list.downloaded"))
    for words in ("List downloaded", "consents of a customer", "Rows", LONG):
        assert words in said
