"""List the apps of an institution, page by page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consentry.store import applications, intermediaries
from consentry.store.applications import AppOrder, AppSearch, ListedApp
from consentry.store.lists import After
from consentry.usecases.audit.download import Download, record_download
from consentry.usecases.services import Services

_MOST_CATEGORIES: Final = 100
_MOST_INTERMEDIARIES: Final = 200


@dataclass(frozen=True, slots=True)
class ListedApps:
    """A page of apps: `total` is exact to 1,000, above that it is 1,001; `after` is where the next page begins.

    Customers and live consents are as of `counted_until`, None where they were never counted.
    """

    apps: tuple[ListedApp, ...]
    after: After | None
    total: int
    counted_until: datetime | None


@dataclass(frozen=True, slots=True)
class AppFilters:
    """What apps can be filtered by: the first 100 categories, and the first 200 intermediaries (id and name)."""

    categories: tuple[str, ...]
    intermediaries: tuple[tuple[str, str], ...]


async def list_apps(
    services: Services,
    institution_id: int,
    wanted: AppSearch,
    *,
    order: AppOrder = AppOrder.NAME,
    after: After | None = None,
    most: int = 50,
    download: Download | None = None,
) -> ListedApps:
    """Give at most `most` apps of an institution, in an order, from the one behind `after` on.

    Raises:
        TemporarilyUnavailable: the store can't be reached, or can't write what a `download` leaves in the audit.
    """
    async with services.session.begin(institution_id) as connection:
        found = await applications.search(connection, institution_id, wanted, order=order, after=after, most=most + 1)
        total = await applications.count(connection, institution_id, wanted)
        counted_until = await applications.counted_until(connection, institution_id)
        shown = found[:most]
        await record_download(connection, institution_id, download, rows=len(shown))
    return ListedApps(
        apps=tuple(shown),
        after=shown[-1].after(order) if len(found) > most else None,
        total=total,
        counted_until=counted_until,
    )


async def list_app_filters(services: Services, institution_id: int) -> AppFilters:
    """Give what the apps of an institution can be filtered by.

    Raises:
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(institution_id) as connection:
        return AppFilters(
            categories=tuple(await applications.categories(connection, institution_id, most=_MOST_CATEGORIES)),
            intermediaries=tuple(await intermediaries.names(connection, institution_id, most=_MOST_INTERMEDIARIES)),
        )
