"""List the intermediaries of an institution, page by page."""

from dataclasses import dataclass

from consentry.store import intermediaries
from consentry.store.intermediaries import IntermediaryOrder, IntermediarySearch, ListedIntermediary
from consentry.store.lists import After
from consentry.usecases.audit.download import Download, record_download
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class ListedIntermediaries:
    """A page: `total` is exact to 1,000, above that it is 1,001; `after` is where the next page begins."""

    intermediaries: tuple[ListedIntermediary, ...]
    after: After | None
    total: int


async def list_intermediaries(
    services: Services,
    institution_id: int,
    wanted: IntermediarySearch,
    *,
    order: IntermediaryOrder = IntermediaryOrder.NAME,
    after: After | None = None,
    most: int = 50,
    download: Download | None = None,
) -> ListedIntermediaries:
    """Give at most `most` intermediaries of an institution, in an order, from the one behind `after` on.

    Raises:
        TemporarilyUnavailable: the store can't be reached, or can't write what a `download` leaves in the audit.
    """
    async with services.session.begin(institution_id) as connection:
        found = await intermediaries.search(connection, institution_id, wanted, order=order, after=after, most=most + 1)
        total = await intermediaries.count(connection, institution_id, wanted)
        shown = found[:most]
        await record_download(connection, institution_id, download, rows=len(shown))
    return ListedIntermediaries(
        intermediaries=tuple(shown), after=shown[-1].after(order) if len(found) > most else None, total=total
    )
