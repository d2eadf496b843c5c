"""List the institutions of a channel partner, and find one of them."""

from dataclasses import dataclass

from consentry.domain.institution import Institution
from consentry.domain.refusal.request import NotFound
from consentry.store import houses, institutions, partner_institutions, staff, staff_providers
from consentry.store.lists import After
from consentry.store.partner_institutions import InstitutionSearch, ListedInstitution
from consentry.usecases.audit.download import Download, record_download
from consentry.usecases.services import Services


@dataclass(frozen=True, slots=True)
class ListedInstitutions:
    """A page: `total` is exact to 1,000, above that it is 1,001; `after` is where the next page begins."""

    institutions: tuple[ListedInstitution, ...]
    after: After | None
    total: int


@dataclass(frozen=True, slots=True)
class FoundInstitution:
    """An institution of a partner, and whether its staff can sign in by themselves already, or once could."""

    institution: Institution
    has_provider: bool
    had_staff: bool


async def list_partner_institutions(
    services: Services,
    partner_id: int,
    wanted: InstitutionSearch,
    *,
    after: After | None = None,
    most: int,
    download: Download | None = None,
) -> ListedInstitutions:
    """Give at most `most` institutions of a partner by name, from the one behind `after` on.

    Raises:
        TemporarilyUnavailable: the store can't be reached, or can't write what a `download` leaves in the audit.
    """
    async with services.session.begin(snapshot=download is None, steady=True) as connection:
        await institutions.show(connection, *await houses.institutions_of(connection, partner_id))
        found = await partner_institutions.page(connection, partner_id, wanted, after=after, most=most + 1)
        total = await partner_institutions.count(connection, partner_id, wanted)
        shown = found[:most]
        await record_download(connection, partner_id, download, rows=len(shown))
    return ListedInstitutions(
        institutions=tuple(shown),
        after=After(shown[-1].sort_name, shown[-1].public_id) if len(found) > most else None,
        total=total,
    )


async def find_partner_institution(services: Services, partner_id: int, public_id: str) -> FoundInstitution:
    """Give the institution of a partner that has this public id.

    Raises:
        NotFound: the partner has none with this id; another's is none.
        TemporarilyUnavailable: the store can't be reached.
    """
    async with services.session.begin(snapshot=True) as connection:
        institution_id = await partner_institutions.find(connection, partner_id, public_id)
        if institution_id is None:
            raise NotFound
        await institutions.show(connection, institution_id)
        (found,) = await institutions.visible(connection)
        provider = await staff_providers.find(connection, institution_id, "current")
        had_staff = await staff.has_come(connection, institution_id)
    has_provider = provider is not None and provider.secret is not None
    return FoundInstitution(institution=found, has_provider=has_provider, had_staff=had_staff)
