"""Find customers by what staff knows of them; ids are all that is told, with how many live consents there are.

That somebody searched is in the audit, without what for; whoever may read it finds, by the search's own id, who else
searched for the same.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from consentry.domain.actor import Actor
from consentry.domain.customer import CustomerSearch, search_id
from consentry.domain.refusal.institution import InvalidSettings
from consentry.store import audit, customers
from consentry.store.customers import FoundCustomer
from consentry.usecases.services import Services

PAGE: Final = 50
_MOST_APPS: Final = 10
_PAGED_WITHIN: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class FoundCustomers:
    """A page of customers, how many fit in all (1,001: more than 1,000), and its last id if there are more."""

    customers: tuple[FoundCustomer, ...]
    counted: int
    following: str | None


async def find_customers(
    services: Services, institution_id: int, wanted: CustomerSearch, *, actor: Actor, after: str = ""
) -> FoundCustomers:
    """Give the customers whom all that is wanted fits, after an id; at most 50.

    Each search is recorded; going on behind an id is none of its own where the same was searched for not long before.

    Raises:
        InvalidSettings: `app`; no app is called that, or too many are.
        TemporarilyUnavailable: the store can't be reached or can't write; then nobody is found.
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
        pepper = services.keyring.peppers[services.keyring.current_pepper]
        subject = ("search", search_id(wanted, institution_id, pepper=pepper))
        was_recorded = after and await audit.has_lately(
            connection,
            institution_id,
            action="customers.searched",
            actor=actor,
            subject=subject,
            within=_PAGED_WITHIN,
        )
        if not was_recorded:
            await audit.record(
                connection,
                institution_id,
                action="customers.searched",
                actor=actor,
                subject=subject,
                after={**wanted.told(), "found": counted},
            )
    return FoundCustomers(customers=tuple(shown), counted=counted, following=ids[PAGE - 1] if len(ids) > PAGE else None)
