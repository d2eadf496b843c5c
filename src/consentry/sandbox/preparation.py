"""Getting the sandbox ready: its mark, its institution, credentials that work, and customers.

Each part is made when it is missing and left alone when it is there, so that a start that was killed is finished by the
next one. Starting the database and the server is left to the command line.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from consentry.domain.actor import Actor, ActorKind
from consentry.domain.credential import Credentials, mac_of
from consentry.domain.institution import Institution
from consentry.domain.refusal import NoCredentials, UnknownInstitution
from consentry.keyring import Keyring
from consentry.sandbox.bank import SEED, make_bank
from consentry.sandbox.demo_file import Demo
from consentry.sandbox.words import INSTITUTION, INSTITUTION_NAME
from consentry.store import audit, sandbox
from consentry.store.sandbox import CustomerCount
from consentry.usecases.branding.change import BrandingChange, change_branding
from consentry.usecases.credentials.generate import generate_credentials
from consentry.usecases.credentials.rotate import rotate_credentials
from consentry.usecases.credentials.show import show_credentials
from consentry.usecases.institution.add import add_institution
from consentry.usecases.institution.change_origins import add_origin, list_origins, remove_origin
from consentry.usecases.institution.list_all import find_institution
from consentry.usecases.services import Services

ACTOR: Final = Actor(ActorKind.OPERATOR, "sandbox")
LOOKS: Final = BrandingChange(theme={"accent": "#1d6b4f", "radius": 12}, fraud_phone="+1 555 010 0199")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sandbox that is ready, and which of its parts were made just now."""

    institution: str
    client_id: str
    client_secret: str = field(repr=False)
    customers: tuple[CustomerCount, ...]
    is_new: bool
    has_new_secret: bool

    def demo(self, base_url: str, *, bank_app: str) -> Demo:
        """Give what `demo.json` says of it, once it is known where it and the bank's app listen."""
        return Demo(
            base_url=base_url,
            institution=self.institution,
            client_id=self.client_id,
            client_secret=self.client_secret,
            customers=self.customers,
            bank_app=bank_app,
        )


async def prepare(services: Services, *, known: Demo | None, bank_app: str, on_step: Callable[[str], None]) -> Prepared:
    """Make what is missing in a database that bears the mark; `known` is what `demo.json` says so far.

    `bank_app` is the one origin that may embed the dashboard: where the bank's app listens this time.

    Raises:
        TemporarilyUnavailable: the store failed; what was made stays.
    """
    institution = await _institution(services)
    credentials = await _credentials(services, institution.institution_id)
    has_new_secret = known is None or credentials is None or not _is_newest(credentials, known, services.keyring)
    if known is not None and not has_new_secret:
        client_id, client_secret = known.client_id, known.client_secret
    else:
        on_step("making credentials")
        make = _first_credentials if credentials is None else _next_credentials
        client_id, client_secret = await make(services, institution.institution_id)
    is_new = await _fill(services, institution, on_step=on_step)
    if is_new:
        await change_branding(services, institution.institution_id, LOOKS, actor=ACTOR)
    await _let_embed(services, institution.institution_id, bank_app)
    async with services.session.begin(institution.institution_id) as connection:
        customers = await sandbox.customer_counts(connection)
    return Prepared(
        institution=institution.public_id,
        client_id=client_id,
        client_secret=client_secret,
        customers=tuple(customers),
        is_new=is_new,
        has_new_secret=has_new_secret,
    )


async def _institution(services: Services) -> Institution:
    try:
        return await find_institution(services, INSTITUTION)
    except UnknownInstitution:
        return await add_institution(services, public_id=INSTITUTION, name=INSTITUTION_NAME, actor=ACTOR)


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


async def _fill(services: Services, institution: Institution, *, on_step: Callable[[str], None]) -> bool:
    """Write the customers in one transaction; False if they are there."""
    async with services.session.begin(institution.institution_id) as connection:
        if await sandbox.is_filled(connection):
            return False
        on_step("making up customers and consents")
        bank = make_bank()
        await sandbox.fill(connection, institution.institution_id, bank)
        await audit.record(
            connection,
            institution.institution_id,
            action="sandbox.filled",
            actor=ACTOR,
            subject=("institution", institution.public_id),
            after={"seed": SEED, "customers": len(bank.customers), "consents": len(bank.consents)},
        )
    return True
