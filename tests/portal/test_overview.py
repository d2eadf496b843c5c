"""The overview: figures are those of the tables, charts hold shapes and words alone, and nobody sees another's."""

import base64
import csv
import io
import random
import re
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from importlib.resources import files
from typing import Any

import httpx
import pytest

from consentry.domain.overview import Span
from consentry.domain.staff import House, Role
from consentry.store import houses
from consentry.usecases.counting.count_consents import count_consents
from consentry.usecases.services import Services
from consentry.web.portal.overview import charts
from consentry.web.portal.overview.charts import Chart, Series, Shape, draw, ticks, written
from consentry.web.portal.overview.figures import name_of
from tests.builders import Tenant, add_application, add_consent, add_customer
from tests.portal.conftest import SignIn
from tests.portal.visiting import Visitor, text_of

CHARTS = ("connections", "consents", "apps", "categories", "users", "requests", "error-rate")
HOSTILE = '=HYPERLINK("https://evil.example","x")<script>alert(1)</script>&"\'\u202e'
ENDERS = ("customer", "institution", "recipient", "system")


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


async def live_through(services: Services, tenant: Tenant, *, seed: int, days: int, consents: int = 60) -> None:
    """Let customers of an institution connect apps and stop, at random, and have it counted."""
    chance = random.Random(seed)
    for number in range(12):
        await add_customer(services.session, tenant, f"c{number}")
    now = datetime.now(UTC)
    for number in range(consents):
        began = now - timedelta(minutes=chance.randint(1, days * 1440))
        ended = began + (now - began) * chance.random()
        how = chance.choice([None, None, "expired", *ENDERS])
        await add_consent(
            services.session,
            tenant,
            f"c{chance.randint(0, 11)}",
            chance.choice(["budget", "lender", "tax"]),
            f"_{number:04}",
            consented_on=began,
            expires_at=ended if how == "expired" else now + timedelta(days=9),
            revoked_at=ended if how in ENDERS else None,
            revoked_by=how if how in ENDERS else None,
        )
    await count_consents(services.session)


async def recounted(db: Any, tenant: Tenant, day: date) -> tuple[int, int, int, int]:
    """Count, from the consents themselves, who was connected and what was live at the end of a day, began and ended."""
    row = await db.fetchrow(
        """with spans as (
               select customer_id, (consented_on at time zone 'UTC')::date as first,
                      (case when revoked_at is not null then revoked_at
                            when expires_at <= now() then expires_at end at time zone 'UTC')::date as last
               from consentry.consents where institution_id = $1
           )
           select count(distinct customer_id) filter (where first <= $2 and (last is null or last > $2)),
                  count(*) filter (where first <= $2 and (last is null or last > $2)),
                  count(*) filter (where first = $2), count(*) filter (where last = $2) from spans""",
        tenant.institution_id,
        day,
    )
    return row[0], row[1], row[2], row[3]


@pytest.mark.parametrize(("seed", "days"), [(1, 20), (2, 400)])
async def test_the_figures_of_every_day_are_those_of_the_consents(
    services: Services,
    signed_in: SignIn,
    bku: Tenant,
    other: Tenant,
    super_connection: Any,
    seed: int,
    days: int,
    today: date,
) -> None:
    await live_through(services, bku, seed=seed, days=days)
    await live_through(services, other, seed=seed + 9, days=days, consents=10)
    visitor = await signed_in(Role.USER)
    first = today - timedelta(days=days)
    connections = rows_of(visitor.get(f"/admin/overview/connections.csv?from={first}"))
    moved = rows_of(visitor.get(f"/admin/overview/consents.csv?from={first}"))
    assert [row["Day"] for row in connections] == [str(first + timedelta(days=number)) for number in range(days + 1)]
    for row, change in list(zip(connections, moved, strict=True))[:: max(days // 30, 1)]:
        expected = await recounted(super_connection, bku, date.fromisoformat(row["Day"]))
        ended = sum(int(number) for heading, number in change.items() if heading not in ("Day", "New"))
        found = (int(row["Connected customers"]), int(row["Live consents"]), int(change["New"]), ended)
        assert found == expected, row["Day"]


async def test_months_are_the_sums_of_their_days_across_the_end_of_a_year(
    services: Services, signed_in: SignIn, bku: Tenant, super_connection: Any, today: date
) -> None:
    await live_through(services, bku, seed=5, days=700, consents=80)
    visitor = await signed_in(Role.COMPLIANCE)
    first = today - timedelta(days=600)
    for last in (today, today - timedelta(days=77)):
        page = visitor.get(f"/admin/overview?from={first}&to={last}")
        new = sum(
            int(row["New"]) for row in rows_of(visitor.get(f"/admin/overview/consents.csv?from={first}&to={last}"))
        )
        live = rows_of(visitor.get(f"/admin/overview/connections.csv?from={first}&to={last}"))[-1]
        assert f"New in the period {new} " in text_of(page)
        newest = text_of(page).split("Numbers : Connected customers and live consents")[1]
        assert f"{live['Connected customers']} {live['Live consents']}" in newest[:120]
    kept, days = [
        await super_connection.fetch(
            f"""select application_id, kind, {month} as month, sum(count)::int from consentry.{table}
                where institution_id = $1 group by 1, 2, 3 having sum(count) <> 0 order by 1, 2, 3""",
            bku.institution_id,
        )
        for table, month in (("monthly_counts", "month"), ("daily_counts", "date_trunc('month', day)::date"))
    ]
    assert kept == days
    assert len({row["month"] for row in kept}) > 12


async def test_categories_add_up_what_is_live_of_their_apps(
    services: Services, signed_in: SignIn, bku: Tenant, super_connection: Any
) -> None:
    await live_through(services, bku, seed=11, days=30, consents=30)
    await super_connection.execute(
        "update consentry.applications set category = 'Money' where institution_id = $1 and application_id <> 'tax'",
        bku.institution_id,
    )
    visitor = await signed_in(Role.USER)
    apps = {row["App"]: int(row["Live consents"]) for row in rows_of(visitor.get("/admin/overview/apps.csv"))}
    found = {
        row["Category"]: int(row["Live consents"]) for row in rows_of(visitor.get("/admin/overview/categories.csv"))
    }
    assert found == {"Money": apps["Budget"] + apps["Lender"], "No category": apps["Tax"]}


async def test_users_and_requests_are_those_that_were_counted(
    services: Services, signed_in: SignIn, bku: Tenant, super_connection: Any, today: date
) -> None:
    for kind, ago, number in (
        ("tokens_issued", 0, 30),
        ("tokens_issued", 3, 60),
        ("sign_ins_failed", 3, 10),
        ("customers_seen", 0, 4),
        ("customers_seen", 3, 9),
        ("customers_last_seen", 0, 4),
        ("customers_last_seen", 3, 6),
        ("customers_last_seen", 40, 2),
    ):
        await super_connection.execute(
            """insert into consentry.daily_counts (institution_id, application_id, kind, day, count)
               values ($1, '', $2, $3, $4)""",
            bku.institution_id,
            kind,
            today - timedelta(days=ago),
            number,
        )
    visitor = await signed_in(Role.SUPPORT)
    said = text_of(visitor.get("/admin/overview?range=7d"))
    assert "Unique users in the period 10 Error rate of token requests 10.00 %" in said
    assert "Unique users in the period 12 " in text_of(visitor.get("/admin/overview?range=90d"))
    past = text_of(visitor.get(f"/admin/overview?from={today - timedelta(days=9)}&to={today - timedelta(days=1)}"))
    assert "Unique users in the period not known" in past
    users = rows_of(visitor.get("/admin/overview/users.csv?range=7d"))
    assert [row["Unique users a day"] for row in users] == ["0", "0", "0", "9", "0", "0", "4"]
    rates = rows_of(visitor.get("/admin/overview/error-rate.csv?range=7d"))
    assert [row["Error rate, %"] for row in rates] == ["", "", "", "14.29", "", "", "0.00"]


async def test_numbers_beside_charts_are_written_alike(
    signed_in: SignIn, bku: Tenant, super_connection: Any, today: date
) -> None:
    """Users are whole where they can be, and the rates of a column have as many decimals as the figure above has."""
    for ago in range(40):
        for kind, number in (
            ("tokens_issued", 1_800 + ago),
            ("sign_ins_failed", 20 * (ago % 2)),
            ("customers_seen", 9),
        ):
            await super_connection.execute(
                """insert into consentry.daily_counts (institution_id, application_id, kind, day, count)
                   values ($1, '', $2, $3, $4)""",
                bku.institution_id,
                kind,
                today - timedelta(days=ago),
                number,
            )
    visitor = await signed_in(Role.USER)
    for query in (f"from={today}&to={today}", "range=7d", f"from={today - timedelta(days=39)}"):
        page = visitor.get(f"/admin/overview?{query}")
        assert set(cells_of(page, "users")) == {"9"}
        assert all(re.fullmatch(r"\d+\.\d\d", rate) for rate in cells_of(page, "error-rate")[2::3])


def cells_of(page: httpx.Response, panel: str) -> list[str]:
    """Give the numbers of a panel's table."""
    return re.findall(
        r'<td class="number">([^<]*)</td>', page.text.split(f'aria-labelledby="{panel}"')[1].split("</table>")[0]
    )


async def test_an_institution_of_which_nothing_is_counted_is_told_so(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.USER)
    page = visitor.get("/admin/overview")
    assert page.status_code == 200
    assert "Nothing has been counted here yet" in text_of(page)
    assert "Nothing has been counted yet." in text_of(page)
    for name in CHARTS:
        drawn = visitor.get(f"/admin/overview/chart/{name}.svg")
        assert drawn.status_code == (404 if name in ("apps", "categories") else 200), name


async def test_names_from_outside_are_words_in_charts_tables_and_files(
    services: Services, signed_in: SignIn, bku: Tenant
) -> None:
    """R83."""
    await add_customer(services.session, bku, "anna")
    await add_application(services.session, bku, "evil", name=HOSTILE)
    await add_consent(services.session, bku, "anna", "evil", "_1", consented_on=datetime.now(UTC))
    await count_consents(services.session)
    visitor = await signed_in(Role.USER)
    page = visitor.get("/admin/overview")
    assert HOSTILE in text_of(page)
    assert "<script>alert" not in page.text
    (row,) = rows_of(visitor.get("/admin/overview/apps.csv"))
    assert row["App"] == f"'{HOSTILE}"
    for size in ("", "&size=narrow"):
        drawn = visitor.get(f"/admin/overview/chart/apps.svg?range=7d{size}")
        expect_shapes_alone(drawn)
        assert "=HYPERLINK" in drawn.text
        assert "<script" not in drawn.text


def parsed(picture: bytes) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 - our own


def expect_shapes_alone(drawn: httpx.Response) -> None:
    """Parse a picture: nothing in it runs, links or fetches, and its policy lets nothing in but its own style."""
    assert drawn.headers["content-type"] == "image/svg+xml"
    root = parsed(drawn.content)
    tags = {node.tag.removeprefix("{http://www.w3.org/2000/svg}") for node in root.iter()}
    assert tags <= {"svg", "title", "style", "g", "rect", "path", "circle", "text"}
    attributes = {name for node in root.iter() for name in node.attrib}
    assert attributes <= {"viewBox", "role", "class", "transform", "x", "y", "width", "height", "d", "cx", "cy", "r"}
    assert not any(text in value for node in root.iter() for value in node.attrib.values() for text in ("http", "url("))
    style = root.find("{http://www.w3.org/2000/svg}style")
    assert style is not None
    assert not any(text in (style.text or "") for text in ("http", "url(", "@import"))
    digest = base64.b64encode(sha256((style.text or "").encode()).digest()).decode()
    policy = drawn.headers["content-security-policy"]
    assert policy == f"default-src 'none'; frame-ancestors 'none'; sandbox; style-src 'sha256-{digest}'"


async def test_pictures_hold_no_script_and_name_no_address(
    services: Services, signed_in: SignIn, bku: Tenant, today: date
) -> None:
    await live_through(services, bku, seed=3, days=60, consents=20)
    visitor = await signed_in(Role.USER)
    for name in CHARTS:
        for query in ("range=7d", "range=12m&size=narrow", f"from={today - timedelta(days=90)}"):
            expect_shapes_alone(visitor.get(f"/admin/overview/chart/{name}.svg?{query}"))


async def test_every_picture_of_a_page_is_there_and_of_the_same_period(
    services: Services, signed_in: SignIn, bku: Tenant, today: date
) -> None:
    await live_through(services, bku, seed=4, days=30, consents=10)
    visitor = await signed_in(Role.ADMIN)
    page = visitor.get(f"/admin/overview?from={today - timedelta(days=5)}&to={today}")
    links = [part.split('"')[0].replace("&amp;", "&") for part in page.text.split('="/admin/overview/')[1:]]
    pictures = [link for link in links if link.startswith("chart/")]
    assert len(pictures) == 2 * len(CHARTS)
    assert all(f"from={today - timedelta(days=5)}" in link for link in links)
    assert all(visitor.get(f"/admin/overview/{link}").status_code == 200 for link in links)


@pytest.mark.parametrize("query", ["from=x", "to=2999-01-01", "from=2026-03-02&to=2026-03-01", "from=1999-01-01"])
async def test_a_period_that_is_none_is_refused_beside_its_field(signed_in: SignIn, query: str) -> None:
    visitor = await signed_in(Role.USER)
    page = visitor.get(f"/admin/overview?{query}")
    assert page.status_code == 422
    assert 'aria-invalid="true"' in page.text
    for path in ("chart/consents.svg", "consents.csv"):
        assert visitor.get(f"/admin/overview/{path}?{query}").status_code == 422


async def test_a_chart_that_is_none_is_not_found(signed_in: SignIn) -> None:
    visitor = await signed_in(Role.ADMIN)
    for path in ("chart/x.svg", "chart/institutions.svg", "x.csv", "chart/..%2fconsents.svg", "chart/consents.png"):
        assert visitor.get(f"/admin/overview/{path}").status_code == 404, path


@pytest.mark.parametrize("role", list(Role))
async def test_every_role_sees_the_counts_of_its_own_institution_alone(
    services: Services, signed_in: SignIn, bku: Tenant, other: Tenant, role: Role
) -> None:
    """R89, R90."""
    await live_through(services, other, seed=6, days=5, consents=5)
    visitor = await signed_in(role)
    page = visitor.get(f"/admin/overview?institution={other.public_id}")
    assert "Live consents now 0 " in text_of(page)
    assert visitor.get(f"/admin/overview/chart/apps.svg?institution={other.public_id}").status_code == 404
    assert other.public_id.upper() not in page.text


async def test_nobody_who_is_signed_out_or_of_another_house_sees_a_chart(
    stranger: Visitor, signed_in: SignIn, partner: Tenant
) -> None:
    assert stranger.get("/admin/overview/chart/consents.svg").status_code == 303
    partners = await signed_in(Role.ADMIN, tenant=partner, house=House.PARTNER)
    partners.house = House.INSTITUTION
    assert partners.get("/admin/overview").status_code == 303
    assert partners.get("/admin/overview/consents.csv").status_code == 303


async def look_after(services: Services, partner: Tenant, *tenants: Tenant) -> None:
    for tenant in tenants:
        async with services.session.begin(tenant.institution_id) as connection:
            await houses.give_to_partner(connection, tenant.institution_id, partner_id=partner.institution_id)


async def test_a_partner_sees_its_institutions_together_and_one_by_one(
    services: Services,
    signed_in: SignIn,
    bku: Tenant,
    other: Tenant,
    partner: Tenant,
    super_connection: Any,
    today: date,
) -> None:
    await look_after(services, partner, bku, other)
    await live_through(services, bku, seed=7, days=200, consents=25)
    await live_through(services, other, seed=8, days=200, consents=15)
    visitor = await signed_in(Role.USER, tenant=partner, house=House.PARTNER)
    customers, live, _, _ = map(
        sum, zip(*[await recounted(super_connection, one, today) for one in (bku, other)], strict=True)
    )
    assert f"Connected customers now {customers} Live consents now {live} New in the period 40" in text_of(
        visitor.get("/partner/overview")
    )
    each = {row["Institution"]: row for row in rows_of(visitor.get("/partner/overview/institutions.csv"))}
    assert {name: row["New"] for name, row in each.items()} == {
        bku.public_id.upper(): "25",
        other.public_id.upper(): "15",
    }
    one = visitor.get(f"/partner/overview?institution={other.public_id}")
    assert "New in the period 15" in text_of(one)
    assert "Largest apps" in text_of(one)
    expect_shapes_alone(visitor.get("/partner/overview/chart/institutions.svg"))


async def test_an_institution_that_is_not_the_partner_s_is_not_found(
    services: Services, signed_in: SignIn, bku: Tenant, other: Tenant, partner: Tenant
) -> None:
    """R90."""
    await look_after(services, partner, bku)
    visitor = await signed_in(Role.ADMIN, tenant=partner, house=House.PARTNER)
    for path in ("", "/chart/consents.svg", "/consents.csv", "/chart/apps.svg"):
        assert visitor.get(f"/partner/overview{path}?institution={bku.public_id}").status_code in (200, 404)
        foreign = visitor.get(f"/partner/overview{path}?institution={other.public_id}")
        unknown = visitor.get(f"/partner/overview{path}?institution=nobody-knows")
        assert (foreign.status_code, text_of(foreign)) == (404, text_of(unknown))


async def test_a_partner_without_institutions_is_told_that_nothing_is_counted(
    signed_in: SignIn, partner: Tenant
) -> None:
    visitor = await signed_in(Role.USER, tenant=partner, house=House.PARTNER)
    assert "Nothing has been counted here yet" in text_of(visitor.get("/partner/overview"))


# --- drawing ----------------------------------------------------------------------------------------------------


def test_legends_have_the_tones_of_charts() -> None:
    sheet = files("consentry.web.portal").joinpath("static/overview.css").read_text()
    for tones in (charts.LIGHT, charts.DARK):
        assert " ".join(f"--tone-{number}: {tone};" for number, tone in enumerate(tones)) in sheet


def test_axes_have_round_numbers_that_reach_far_enough() -> None:
    assert ticks(0, 0) == [0, 1]
    assert ticks(0, 3) == [0, 1, 2, 3]
    assert ticks(0, 9) == [0, 5, 10]
    assert ticks(-90, 180) == [-100, 0, 100, 200]
    assert ticks(0, 0.7) == [0, 0.2, 0.4, 0.6, 0.8]
    for most in (1, 7, 99, 100, 101, 12_345, 9_999_999):
        assert ticks(0, most)[-1] >= most
        assert len(ticks(0, most)) <= 6


def test_a_whole_month_is_named_as_one() -> None:
    assert name_of(Span(date(2024, 2, 1), date(2024, 2, 29))) == "February 2024"
    assert name_of(Span(date(2024, 2, 1), date(2024, 2, 28))) == "1 Feb 2024 to 28 Feb 2024"


def test_numbers_on_axes_are_short() -> None:
    assert [written(number) for number in (0, 0.5, 1200, 2_500_000)] == ["0", "0.5", "1,200", "2.5M"]
    assert written(0.25, "%") == "0.25%"


def test_what_ended_goes_down_from_zero() -> None:
    drawn = draw(
        Chart(
            title="x",
            shape=Shape.BARS,
            labels=("a",),
            series=(Series("up", (3,)), Series("down", (2,)), Series("none", (0,))),
            below=frozenset({"down"}),
        ),
        is_wide=True,
    )
    up, down = [node for node in parsed(drawn).iter() if node.tag.endswith("rect")][-2:]
    assert float(up.attrib["y"]) + float(up.attrib["height"]) == pytest.approx(float(down.attrib["y"]), abs=0.2)


@pytest.mark.parametrize(
    ("values", "dots"),
    [((49,), 1), ((0,), 1), ((None, 49, None), 1), ((None,), 0), ((49, 50), 0), ((49, None, 50), 0)],
)
def test_a_line_of_one_point_is_drawn_as_a_dot(values: tuple[float | None, ...], dots: int) -> None:
    chart = Chart(
        title="x",
        shape=Shape.LINES,
        labels=tuple("abc"[: len(values)]),
        series=(Series("other", (120,) * len(values)), Series("n", values)),
    )
    for is_wide in (True, False):
        root = parsed(draw(chart, is_wide=is_wide))
        drawn = [
            node
            for group in root.iter("{http://www.w3.org/2000/svg}g")
            if "color-1" in group.get("class", "")
            for node in group.iter("{http://www.w3.org/2000/svg}circle")
        ]
        assert len(drawn) == dots


async def test_a_period_of_one_day_has_a_mark_in_every_chart(
    services: Services, signed_in: SignIn, bku: Tenant, today: date
) -> None:
    await live_through(services, bku, seed=12, days=3, consents=9)
    visitor = await signed_in(Role.USER)
    drawn = visitor.get(f"/admin/overview/chart/connections.svg?from={today}&to={today}")
    expect_shapes_alone(drawn)
    assert drawn.text.count("<circle") == 2


def test_a_name_that_xml_can_not_hold_is_drawn_without_it() -> None:
    chart = Chart(title="x", shape=Shape.ACROSS, labels=("a\x01b\x1b]\u202ec",), series=(Series("n", (1,)),))
    assert "a b ] c" in "".join(parsed(draw(chart, is_wide=True)).itertext())
