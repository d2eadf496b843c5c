"""Getting the sandbox ready: its mark, its institution, credentials that work, customers, and those who look after it.

Each part is made when it is missing and left alone when it is there, so that a start that was killed is finished by the
next one. Starting the database and the server is left to the command line, the other houses to `houses`.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from consentry.domain.credential import Credentials, mac_of
from consentry.domain.refusal.institution import NoCredentials
from consentry.domain.staff import House
from consentry.keyring import Keyring
from consentry.sandbox.bank import make_bank
from consentry.sandbox.demo_file import Demo, SignIn
from consentry.sandbox.houses import ACTOR, CROWDS, fill, look_after, make_institution
from consentry.sandbox.people import HOUSES, people_of
from consentry.sandbox.places import Places
from consentry.sandbox.staffing import staff_houses
from consentry.sandbox.story import tell_story
from consentry.sandbox.words import INSTITUTION
from consentry.store import sandbox
from consentry.store.sandbox import CustomerCount
from consentry.usecases.branding.change import BrandingChange, change_branding
from consentry.usecases.counting.count_consents import count_consents
from consentry.usecases.credentials.generate import generate_credentials
from consentry.usecases.credentials.rotate import rotate_credentials
from consentry.usecases.credentials.show import show_credentials
from consentry.usecases.institution.change_origins import add_origin, list_origins, remove_origin
from consentry.usecases.services import Services

LOOKS: Final = BrandingChange(theme={"accent": "#1d6b4f", "radius": 12}, fraud_phone="+1 555 010 0199")
_PORTALS: Final = {House.INSTITUTION: "admin", House.PARTNER: "partner"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sandbox that is ready, and which of its parts were made just now.

    `customers` are those whom one meets in the bank's app; `all_customers` and `all_consents` count the others too.
    Without `has_past` the others are missing: an older version filled the sandbox.
    """

    institution: str
    client_id: str
    client_secret: str = field(repr=False)
    customers: tuple[CustomerCount, ...]
    all_customers: int
    all_consents: int
    has_past: bool
    is_new: bool
    has_new_secret: bool

    def demo(self, base_url: str, places: Places) -> Demo:
        """Give what `demo.json` says of it, once it is known where it and its neighbours listen."""
        return Demo(
            base_url=base_url,
            institution=self.institution,
            client_id=self.client_id,
            client_secret=self.client_secret,
            customers=self.customers,
            bank_app=places.bank_app,
            provider=places.provider,
            inbox=places.inbox,
            smtp=places.smtp,
            sign_ins=sign_ins(base_url),
        )


def sign_ins(base_url: str) -> tuple[SignIn, ...]:
    """Give the people of the portals, and where each begins."""
    return tuple(
        SignIn(
            url=f"{base_url}/{_PORTALS[house.kind]}/sign-in?institution={house.public_id}",
            institution=house.public_id,
            name=person.name,
            email=person.email,
            role=person.role.value,
        )
        for house in HOUSES
        for person in people_of(house.public_id)
    )


async def prepare(
    services: Services, *, known: Demo | None, places: Places, on_step: Callable[[str], None]
) -> Prepared:
    """Make what is missing in a database that bears the mark; `known` is what `demo.json` says so far.

    `places` are where the neighbours listen this time.

    Raises:
        TemporarilyUnavailable: the store failed; what was made stays.
    """
    institution = await make_institution(services, INSTITUTION)
    credentials = await _credentials(services, institution.institution_id)
    has_new_secret = known is None or credentials is None or not _is_newest(credentials, known, services.keyring)
    if known is not None and not has_new_secret:
        client_id, client_secret = known.client_id, known.client_secret
    else:
        on_step("making credentials")
        make = _first_credentials if credentials is None else _next_credentials
        client_id, client_secret = await make(services, institution.institution_id)
    bank = make_bank()
    is_new = await fill(services, institution, bank, on_step=on_step)
    if is_new:
        await change_branding(services, institution.institution_id, LOOKS, actor=ACTOR)
    await _let_embed(services, institution.institution_id, places.bank_app)
    ids = await look_after(services, institution, on_step=on_step)
    await staff_houses(services, ids, provider=places.provider, actor=ACTOR)
    if is_new:
        on_step("counting a year of consents")
        await count_consents(services.session)
        await tell_story(services, institution.institution_id, bank)
        await count_consents(services.session)
    async with services.session.begin(institution.institution_id) as connection:
        customers = await sandbox.customer_counts(connection, [customer.customer_id for customer in bank.customers])
        all_customers, all_consents = await sandbox.totals(connection)
    return Prepared(
        institution=institution.public_id,
        client_id=client_id,
        client_secret=client_secret,
        customers=tuple(customers),
        all_customers=all_customers,
        all_consents=all_consents,
        has_past=all_customers >= len(bank.customers) + CROWDS[INSTITUTION],
        is_new=is_new,
        has_new_secret=has_new_secret,
    )


async def _credentials(services: Services, institution_id: int) -> Credentials | None:
    try:
        return (await show_credentials(services, institution_id)).credentials
    except NoCredentials:
        return None


def _is_newest(credentials: Credentials, known: Demo, keyring: Keyring) -> bool:
    """Tell whether the known secret is the newest one, which alone may rotate, and has not been ended."""
    newest = credentials.secrets[0]
    mac = mac_of(known.client_secret, keyring.peppers[newest.pepper_id])
    return (
        known.client_id == credentials.client_id and newest.expires_at is None and hmac.compare_digest(mac, newest.mac)
    )


async def _first_credentials(services: Services, institution_id: int) -> tuple[str, str]:
    made = await generate_credentials(services, institution_id, actor=ACTOR)
    return made.client_id, made.client_secret


async def _next_credentials(services: Services, institution_id: int) -> tuple[str, str]:
    """Rotate: the secret that was shown is lost, or is not the newest any longer."""
    made = await rotate_credentials(services, institution_id, actor=ACTOR, overlap=timedelta(0))
    return made.client_id, made.client_secret


async def _let_embed(services: Services, institution_id: int, bank_app: str) -> None:
    for origin in await list_origins(services, institution_id):
        if origin != bank_app and origin.startswith("http://localhost:"):
            await remove_origin(services, institution_id, origin, actor=ACTOR)
    await add_origin(services, institution_id, bank_app, actor=ACTOR, allow_loopback=True)
