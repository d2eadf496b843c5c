"""The list of apps and the page of one: what is found, in which order, for whom, and as which file."""

import csv
import io
import re
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from consentry.domain.staff import Role
from consentry.usecases.counting.count_consents import count_consents
from consentry.usecases.services import Services
from consentry.web.portal.segments import id_of, segment
from tests.builders import Tenant, add_consent, add_customer
from tests.portal.conftest import SignIn
from tests.portal.parties import add_app, add_intermediary
from tests.portal.visiting import Visitor, text_of

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"
ROW = re.compile(r'<th scope="row"><a href="/admin/apps/([^"]+)"')


def shown(page: httpx.Response) -> list[str]:
    """Give the ids of the apps that a page lists."""
    assert page.status_code == 200, page.text
    return [id_of(found) for found in ROW.findall(page.text)]


def listed(visitor: Visitor, **query: Any) -> list[str]:
    return shown(visitor.get(f"/admin/apps?{urlencode(query)}"))


def rows(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


@pytest.fixture
async def apps(services: Services, bku: Tenant, other: Tenant) -> None:
    await add_intermediary(services.session, bku, "agg")
    await add_app(services.session, bku, "zeta", name="Zeta", customers=30, category="Budgeting")
    await add_app(services.session, bku, "alpha", name="alpha bank", customers=5, status="disabled")
    await add_app(
        services.session, bku, "beta", name="Alpine", customers=2000, category="Lending", status="needs_review"
    )
    await add_app(services.session, bku, "eta", name="Éta", customers=30, intermediary_id="agg", category="Budgeting")
    await add_app(services.session, other, "foreign", name="Alfa of others", category="Spying")


@pytest.mark.parametrize("role", Role)
async def test_everybody_on_the_staff_sees_the_apps_and_nobody_elses(signed_in: SignIn, apps: None, role: Role) -> None:
    """R90: another institution's apps are in no list, no filter and no file."""
    visitor = await signed_in(role)
    page = visitor.get("/admin/apps")
    assert shown(page) == ["alpha", "beta", "zeta", "eta"]
    assert "Spying" not in page.text
    assert "2,000" in page.text
    assert {row["App"] for row in rows(visitor.get("/admin/apps.csv"))} == {"alpha", "beta", "zeta", "eta"}


async def test_apps_are_found_by_the_beginning_of_the_name_and_by_filters(signed_in: SignIn, apps: None) -> None:
    visitor = await signed_in(Role.USER)
    assert listed(visitor, name="ALP") == ["alpha", "beta"]
    assert listed(visitor, name="é") == ["eta"]
    assert listed(visitor, name="%") == []
    assert listed(visitor, status="disabled") == ["alpha"]
    assert listed(visitor, intermediary="agg") == ["eta"]
    assert listed(visitor, category="Budgeting") == ["zeta", "eta"]
    assert listed(visitor, category="Budgeting", intermediary="agg", status="active") == ["eta"]
    assert "No app fits" in text_of(visitor.get("/admin/apps?name=nothing"))
    assert listed(visitor, status="nonsense", sort="nonsense") == ["alpha", "beta", "zeta", "eta"]
    assert [row["App"] for row in rows(visitor.get("/admin/apps.csv?category=Budgeting"))] == ["zeta", "eta"]


async def test_apps_are_sorted_by_name_age_and_customers(signed_in: SignIn, apps: None) -> None:
    visitor = await signed_in(Role.USER)
    assert listed(visitor, sort="newest") == ["eta", "beta", "alpha", "zeta"]
    assert listed(visitor, sort="customers") == ["beta", "zeta", "eta", "alpha"]
    assert listed(visitor, sort="customers", status="active") == ["zeta", "eta"]


@pytest.mark.parametrize("sort", ["name", "newest", "customers"])
async def test_pages_of_a_list_leave_nothing_out_and_repeat_nothing(
    signed_in: SignIn, services: Services, bku: Tenant, sort: str
) -> None:
    async with services.session.begin(bku.institution_id) as connection:
        await connection.execute(
            """insert into consentry.applications (institution_id, application_id, name, created_at)
               select $1, 'app-' || n, 'Name ' || (n % 7), now() - (n % 5) * interval '1 day'
               from generate_series(1, 120) as n""",
            bku.institution_id,
        )
        await connection.execute(
            """update consentry.application_counts set customers = length(application_id)
               where institution_id = $1""",
            bku.institution_id,
        )
    visitor = await signed_in(Role.USER)
    found: list[str] = []
    sizes = []
    page = visitor.get(f"/admin/apps?sort={sort}")
    while True:
        sizes.append(len(shown(page)))
        found += shown(page)
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        if following is None:
            break
        page = visitor.get(following[1].replace("&amp;", "&"))
    assert sizes == [50, 50, 20]
    assert len(set(found)) == len(found) == 120


async def test_a_long_list_is_counted_to_a_thousand(signed_in: SignIn, services: Services, bku: Tenant) -> None:
    async with services.session.begin(bku.institution_id) as connection:
        await connection.execute(
            """insert into consentry.applications (institution_id, application_id, name)
               select $1, 'app-' || n, 'App ' || n from generate_series(1, 1000) as n""",
            bku.institution_id,
        )
    visitor = await signed_in(Role.USER)
    assert "1,000 apps" in text_of(visitor.get("/admin/apps"))
    await add_app(services.session, bku, "one-more")
    assert "1,000+ apps" in text_of(visitor.get("/admin/apps"))
    assert len(rows(visitor.get("/admin/apps.csv"))) == 1001


async def test_addresses_that_are_made_up_are_the_first_page_or_nothing(signed_in: SignIn, apps: None) -> None:
    visitor = await signed_in(Role.USER)
    everything = ["alpha", "beta", "zeta", "eta"]
    for query in (
        "after=x",
        "after=%00&after_id=%00",
        "sort=newest&after=yesterday&after_id=x",
        "sort=newest&after=0001-01-01T00:00:00%2B14:00&after_id=x",
        "sort=newest&after=2024-01-01T00:00:00&after_id=x",
        "sort=customers&after=many&after_id=x",
        "intermediary=%00",
        "name=%00",
        "category=%00",
    ):
        assert set(shown(visitor.get(f"/admin/apps?{query}"))) == set(everything), query


async def test_an_institution_without_apps_is_told_where_they_come_from(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.USER)
    assert "There are no apps yet" in text_of(visitor.get("/admin/apps"))
    assert rows(visitor.get("/admin/apps.csv")) == []


async def test_customers_are_counted_and_the_page_says_as_of_when(
    signed_in: SignIn, services: Services, bku: Tenant
) -> None:
    for number in range(3):
        await add_customer(services.session, bku, f"cust-{number}")
        await add_consent(services.session, bku, f"cust-{number}", "budget", f"_c{number}")
    await add_consent(services.session, bku, "cust-0", "budget", "_again")
    visitor = await signed_in(Role.USER)
    assert "not been counted yet" in text_of(visitor.get("/admin/apps"))
    await count_consents(services.session)
    page = text_of(visitor.get("/admin/apps/budget"))
    assert "Customers 3 Live consents 4 As of " in page
    (row,) = rows(visitor.get("/admin/apps.csv"))
    assert (row["Customers"], row["Live consents"]) == ("3", "4")
    assert row["Counted (UTC)"]


@pytest.mark.parametrize("odd", ["..", ".", "a/b", "a?b#c", "a%2Fb", "~41", "log.csv", "&<>'\"", "x" * 255])
async def test_an_app_of_any_id_has_a_page(signed_in: SignIn, services: Services, bku: Tenant, odd: str) -> None:
    """R95: no spelling of a path leads elsewhere."""
    await add_app(services.session, bku, odd, name="Odd one")
    visitor = await signed_in(Role.ADMIN)
    assert id_of(segment(odd)) == odd
    assert shown(visitor.get("/admin/apps")) == [odd]
    assert "Odd one" in text_of(visitor.get(f"/admin/apps/{segment(odd)}"))
    assert "Disable Odd one?" in text_of(visitor.get(f"/admin/apps/{segment(odd)}/disable"))


async def test_another_institutions_app_is_as_unknown_as_none(
    signed_in: SignIn, apps: None, services: Services
) -> None:
    """R90: no page tells whether an id exists elsewhere."""
    visitor = await signed_in(Role.ADMIN)
    for path in ("", "/log.csv", "/disable", "/enable"):
        answers = [visitor.get(f"/admin/apps/{app}{path}") for app in ("foreign", "nowhere", "~00", "~zz")]
        assert {answer.status_code for answer in answers} == {404}, path
        assert len({answer.text for answer in answers}) == 1
    posted = [visitor.post(f"/admin/apps/{app}/disable", {"reason": "because"}) for app in ("foreign", "nowhere")]
    assert {answer.status_code for answer in posted} == {404}
    async with services.session.begin() as connection:
        assert await connection.fetchval("select count(*) from consentry.application_decisions") == 0


async def test_what_apps_are_called_is_text(signed_in: SignIn, services: Services, bku: Tenant) -> None:
    """R83."""
    await add_intermediary(services.session, bku, "agg", name=HOSTILE)
    await add_app(
        services.session,
        bku,
        "evil",
        name=HOSTILE,
        purpose=HOSTILE,
        category=HOSTILE,
        website="javascript:alert(1)",
        icon_url="https://icons.example/x.svg",
        intermediary_id="agg",
    )
    visitor = await signed_in(Role.ADMIN)
    for path in ("/admin/apps", "/admin/apps/evil", "/admin/apps/evil/disable"):
        page = visitor.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img" not in page.text, "no picture of others is shown"
        assert 'href="javascript' not in page.text
        assert HOSTILE in text_of(page)


async def test_a_name_turns_no_sentence_around(signed_in: SignIn, services: Services, bku: Tenant) -> None:
    """R83: controls of direction and the like are left out; a name of nothing else gives way to the id."""
    await add_intermediary(services.session, bku, "agg", name="\u202egga")
    await add_app(
        services.session, bku, "turned", name="\u202eknaB\u2066 eurT", category="\u202ex", intermediary_id="agg"
    )
    await add_app(services.session, bku, "empty", name="\u202e\u2066")
    visitor = await signed_in(Role.ADMIN)
    paths = ["/admin/apps", "/admin/apps/turned", "/admin/apps/turned/disable", "/admin/intermediaries"]
    for path in [*paths, *(f"/admin/intermediaries/agg{below}" for below in ("", "/disable", "/token"))]:
        page = visitor.get(path)
        assert page.status_code == 200
        assert not {"\u202e", "\u2066"} & set(page.text), path
    assert ">empty</a>" in visitor.get("/admin/apps").text


async def test_files_hold_no_formula(signed_in: SignIn, services: Services, bku: Tenant) -> None:
    await add_app(services.session, bku, "=1+1", name="@SUM(A1)", category="-2+3", status_reason="+cmd|' /C calc'!A0")
    visitor = await signed_in(Role.COMPLIANCE)
    (row,) = rows(visitor.get("/admin/apps.csv"))
    assert (row["App"], row["Name"], row["Category"]) == ("'=1+1", "'@SUM(A1)", "'-2+3")
    assert row["Reason"].startswith("'+cmd")
