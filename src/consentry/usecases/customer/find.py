"""Find customers by what staff knows of them; ids are all that is told, with how many live consents there are."""

from dataclasses import dataclass
from typing import Final

from consentry.domain.customer import CustomerSearch
from consentry.domain.refusal.institution import InvalidSettings
from consentry.store import customers
from consentry.store.customers import FoundCustomer
from consentry.usecases.services import Services

PAGE: Final = 50
_MOST_APPS: Final = 10


@dataclass(frozen=True, slots=True)
class FoundCustomers:
    """A page of customers, how many fit in all (1,001: more than 1,000), and its last id if there are more."""

    customers: tuple[FoundCustomer, ...]
    counted: int
    following: str | None


async def find_customers(
    services: Services, institution_id: int, wanted: CustomerSearch, *, after: str = ""
) -> FoundCustomers:
    """Give the customers whom all that is wanted fits, after an id; at most 50.

    Raises:
        InvalidSettings: `app`; no app is called that, or too many are.
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(institution_id) as connection:
        apps: list[str] = []
        if wanted.app:
            apps = await customers.apps_called(connection, institution_id, wanted.app, most=_MOST_APPS + 1)
        if wanted.app and not apps:
            raise InvalidSettings({"app": "No app has this id or a name that begins like this."})
        if len(apps) > _MOST_APPS:
            raise InvalidSettings({"app": f"More than {_MOST_APPS} apps begin like this; give more of the name."})
        ids = await customers.search(connection, institution_id, wanted, apps=apps, after=after, most=PAGE + 1)
        counted = await customers.count(connection, institution_id, wanted, apps=apps)
        shown = await customers.with_live_consents(connection, institution_id, ids[:PAGE])
    return FoundCustomers(customers=tuple(shown), counted=counted, following=ids[PAGE - 1] if len(ids) > PAGE else None)
