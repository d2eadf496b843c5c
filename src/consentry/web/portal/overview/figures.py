"""What an overview shows: each chart with its numbers as a table, and day by day as a file."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from consentry.domain.counting import Count
from consentry.domain.overview import Row, Span, next_month
from consentry.usecases.overview.read import Overview
from consentry.web.portal import words
from consentry.web.portal.overview.charts import Chart, Series, Shape

Cell = str | int | float | Decimal | None

_ENDED: Final = {
    Count.ENDED_BY_CUSTOMER: "Ended by the customer",
    Count.ENDED_BY_INSTITUTION: "Ended by the institution",
    Count.ENDED_BY_RECIPIENT: "Ended by the app",
    Count.ENDED_BY_SYSTEM: "Ended by the system",
    Count.EXPIRED: "Expired",
}


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart, and its numbers: `rows` as they stand beside it, `file_rows` day by day; the first column names the row.

    `stands_open` says that the table is shown without being asked for.
    """

    key: str
    title: str
    explanation: str
    chart: Chart
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    file_headings: tuple[str, ...]
    file_rows: Callable[[], Iterable[tuple[Cell, ...]]]
    stands_open: bool = False


@dataclass(frozen=True, slots=True)
class _Column:
    """A number of a span, as tables and charts have it; `decimals` are how many tables have, whatever it is."""

    heading: str
    of: Callable[[Row], float | None]
    is_drawn: bool = True
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    """A chart over time: what it shows, and how it is drawn."""

    title: str
    explanation: str
    shape: Shape
    columns: tuple[_Column, ...]
    below: frozenset[str] = frozenset()
    unit: str = ""


def _whole(number: float) -> float:
    """Give a whole number as one, so that it is written without decimals."""
    return int(number) if number.is_integer() else number


def _ended(kind: Count) -> Callable[[Row], float | None]:
    return lambda row: row.ended[kind]


_OVER_TIME: Final = {
    "connections": _Kind(
        title="Connected customers and live consents",
        explanation="At the end of each span: who shares data with at least one app, and how many consents are live.",
        shape=Shape.LINES,
        columns=(
            _Column("Connected customers", lambda row: row.customers),
            _Column("Live consents", lambda row: row.live_consents),
        ),
    ),
    "consents": _Kind(
        title="New and ended consents",
        explanation="New consents stand above the line, those that ended below it, by who ended them.",
        shape=Shape.BARS,
        columns=(
            _Column("New", lambda row: row.began),
            *(_Column(heading, _ended(kind)) for kind, heading in _ENDED.items()),
        ),
        below=frozenset(_ENDED.values()),
    ),
    "users": _Kind(
        title="Unique users a day",
        explanation="Customers for whom at least one token was issued; of several days it is the average a day.",
        shape=Shape.BARS,
        columns=(_Column("Unique users a day", lambda row: _whole(round(row.users, 1))),),
    ),
    "requests": _Kind(
        title="Token requests",
        explanation="Requests for a token, which opens a dashboard: answered, or refused for wrong credentials.",
        shape=Shape.BARS,
        columns=(
            _Column("Answered", lambda row: row.tokens),
            _Column("Refused", lambda row: row.failed),
        ),
    ),
    "error-rate": _Kind(
        title="Error rate",
        explanation="The share of token requests that were refused.",
        shape=Shape.LINES,
        columns=(
            _Column("Token requests", lambda row: row.tokens + row.failed, is_drawn=False),
            _Column("Refused", lambda row: row.failed, is_drawn=False),
            _Column("Error rate, %", lambda row: row.error_rate, decimals=2),
        ),
        unit="%",
    ),
}


def panels(overview: Overview, *, names: dict[int, str] | None = None) -> list[Panel]:
    """Give everything an overview shows; `names` are those of its institutions, where it has several."""
    over_time = [_over_time(overview, key) for key in _OVER_TIME]
    compared = (_of_apps(overview), _of_categories(overview), _of_institutions(overview, names or {}))
    beside = [panel for panel in compared if panel.rows]
    return [*over_time[:2], *beside, *over_time[2:]]


def label_of(span: Span, step: str) -> str:
    """Name a span on an axis: `14 Jun`, or `Jun 2024` for a month."""
    return f"{span.first:%b %Y}" if step == "month" else f"{span.first:%-d %b}"


def name_of(span: Span) -> str:
    """Name a span in a table: `14 Jun 2024`, a whole month as `June 2024`, or its first and last day."""
    if span.first.day == 1 and span.last + timedelta(days=1) == next_month(span.first):
        return words.month(span.first)
    return words.day(span.first) if span.first == span.last else f"{words.day(span.first)} to {words.day(span.last)}"


def _over_time(overview: Overview, key: str) -> Panel:
    kind, step = _OVER_TIME[key], overview.period.step
    chart = Chart(
        title=kind.title,
        shape=kind.shape,
        labels=tuple(label_of(row.span, step) for row in overview.spans),
        series=tuple(
            Series(column.heading, tuple(column.of(row) for row in overview.spans))
            for column in kind.columns
            if column.is_drawn
        ),
        below=kind.below,
        unit=kind.unit,
    )
    headings = tuple(column.heading for column in kind.columns)
    return Panel(
        key=key,
        title=kind.title,
        explanation=kind.explanation,
        chart=chart,
        headings=(step.capitalize(), *headings),
        rows=tuple((name_of(row.span), *_numbers(kind, row)) for row in reversed(overview.spans)),
        file_headings=("Day", *headings),
        file_rows=lambda: [(row.span.first.isoformat(), *_numbers(kind, row)) for row in overview.by_day()],
    )


def _numbers(kind: _Kind, row: Row) -> tuple[Cell, ...]:
    return tuple(_cell(column, column.of(row)) for column in kind.columns)


def _cell(column: _Column, number: float | None) -> Cell:
    return number if number is None or column.decimals is None else Decimal(f"{number:.{column.decimals}f}")


def _of_apps(overview: Overview) -> Panel:
    return _across(
        key="apps",
        title="Largest apps",
        explanation="The ten apps that most customers are connected to now, and what began and ended in the period.",
        headings=("App", "Connected customers", "Live consents", "New", "Ended"),
        rows=[(app.name, app.customers, app.live_consents, app.began, app.ended) for app in overview.apps],
    )


def _of_categories(overview: Overview) -> Panel:
    return _across(
        key="categories",
        title="Top categories",
        explanation="The ten categories of apps with most live consents now.",
        headings=("Category", "Live consents", "Apps with live consents"),
        rows=[(one.category or "No category", one.live_consents, one.apps) for one in overview.categories],
    )


def _of_institutions(overview: Overview, names: dict[int, str]) -> Panel:
    each = sorted(overview.institutions, key=lambda one: (-one.customers, one.institution_id))
    return _across(
        key="institutions",
        title="Institutions",
        explanation="What is live now, and what happened in the period; the ten largest are drawn.",
        headings=("Institution", "Connected customers", "Live consents", "New", "Ended", "Token requests", "Refused"),
        rows=[
            (
                names.get(one.institution_id, ""),
                one.customers,
                one.live_consents,
                one.began,
                one.ended,
                one.tokens + one.failed,
                one.failed,
            )
            for one in each
        ],
    )


def _across(
    *,
    key: str,
    title: str,
    explanation: str,
    headings: tuple[str, ...],
    rows: Sequence[tuple[str, int, *tuple[int, ...]]],
) -> Panel:
    drawn = rows[:10]
    return Panel(
        key=key,
        title=title,
        explanation=explanation,
        chart=Chart(
            title=title,
            shape=Shape.ACROSS,
            labels=tuple(row[0] for row in drawn),
            series=(Series(headings[1], tuple(row[1] for row in drawn)),),
        ),
        headings=headings,
        rows=tuple(rows),
        file_headings=headings,
        file_rows=lambda: rows,
        stands_open=True,
    )
