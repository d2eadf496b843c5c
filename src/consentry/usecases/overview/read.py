"""Read the overview of an institution, or of several together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from consentry.domain.overview import Period, Row, Span, Sums, rows, users_since
from consentry.store import overview
from consentry.store.overview import AppSums, CategorySums, InstitutionSums
from consentry.usecases.audit.download import Download, record_download
from consentry.usecases.services import Services

_MOST: Final = 10


@dataclass(frozen=True, slots=True)
class Overview:
    """What has been counted in a period: what is live now, the spans of the period, and the largest apps.

    `users` are those seen in the period, each once (within an institution); they are known only of periods that reach
    today. `apps` and `categories` are there for one institution alone, `institutions` where they were asked for.
    """

    period: Period
    sums: Sums
    spans: tuple[Row, ...]
    users: int | None
    apps: tuple[AppSums, ...]
    categories: tuple[CategorySums, ...]
    institutions: tuple[InstitutionSums, ...]

    @property
    def whole(self) -> Row:
        """Give the period as a whole; what is live there is so at its end."""
        (row,) = rows(self.sums, [Span(self.period.first, self.period.last)])
        return row

    def by_day(self) -> tuple[Row, ...]:
        """Give every day of the period, if it was read by day."""
        return rows(self.sums, self.period.days())

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing was ever counted, as far as can be seen from here."""
        return not self.sums.live_consents and not self.sums.customers and not self.sums.days and not self.apps


async def read_overview(
    services: Services,
    institution_ids: Sequence[int],
    period: Period,
    *,
    one_by_one: bool = False,
    by_day: bool = False,
    download: Download | None = None,
    rows_of: Callable[[Overview], int] = lambda _: 0,
) -> Overview:
    """Read the overview of some institutions together, and with `one_by_one` of each of them as well.

    With `by_day` every day is known; otherwise, of a long period, only its months. `rows_of` tells how many rows a
    `download` takes of it.

    Raises:
        TemporarilyUnavailable: the store can't be reached, or can't write what a `download` leaves in the audit.
    """
    within = period.counted
    async with services.session.begin(*institution_ids, snapshot=download is None, steady=True) as connection:
        sums = await overview.sums(connection, institution_ids, period, by_day=by_day)
        apps: list[AppSums] = []
        categories: list[CategorySums] = []
        if len(institution_ids) == 1:
            apps = await overview.largest_apps(connection, institution_ids[0], within=within, most=_MOST)
            categories = await overview.largest_categories(connection, institution_ids[0], most=_MOST)
        each = await overview.by_institution(connection, institution_ids, within=within) if one_by_one else []
        read = Overview(
            period=period,
            sums=sums,
            spans=rows(sums, period.spans()),
            users=users_since(sums, period.first) if period.reaches_today else None,
            apps=tuple(apps),
            categories=tuple(categories),
            institutions=tuple(each),
        )
        if download is not None:
            await record_download(connection, download.house_id, download, rows=rows_of(read))
    return read
